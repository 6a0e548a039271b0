"""The cache of compiled kernels: no kernel runs as it was before one that it calls was changed."""

import shutil
import subprocess
import sys
from pathlib import Path

from expertneurons import compiled

LOW = "from compiled import kernel\n\n\n@kernel\ndef low(x):\n    return x + {}\n"
HIGH = "from compiled import kernel\nfrom low import low\n\n\n@kernel\ndef high(x):\n    return low(x)\n"


def run(folder: Path) -> str:
    # Without bytecode (-B): Python takes a file that was rewritten within its second, in its length, for the same.
    command = [sys.executable, "-B", "-c", "from high import high; print(high(1))"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_change_in_one_module_reaches_the_kernels_of_others(tmp_path: Path) -> None:
    shutil.copy(compiled.__file__, tmp_path)
    (tmp_path / "high.py").write_text(HIGH)
    for number in (1, 2, 3):
        (tmp_path / "low.py").write_text(LOW.format(number))
        assert run(tmp_path).strip() == str(1 + number)
    assert len(list(tmp_path.glob("__pycache__/kernels-*"))) == 3


def test_other_modules_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "low.py").write_text(LOW.format(1))
    before = compiled.source_digest(tmp_path)
    (tmp_path / "plain.py").write_text("x = 1\n")
    assert compiled.source_digest(tmp_path) == before
