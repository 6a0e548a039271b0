"""What Snakemake asks of `conda`, done by py-rattler's solver and installer with one channel in a folder.

The folder that is named by CONDA_SHIM holds `bin/conda`, which runs this file, `bin/activate` and `channel/`.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import rattler
import yaml

HOME = Path(os.environ["CONDA_SHIM"])
ANSWERS = {
    "--version": "conda 24.7.1",
    "info --json": json.dumps({"conda_prefix": str(HOME), "platform": "linux-64"}),
    "config --get channel_priority --json": json.dumps({"get": {"channel_priority": "strict"}}),
    "clean -y --tarballs": "",
}


async def create(path: Path, prefix: str) -> None:
    wanted = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    channel = rattler.Channel((HOME / "channel").as_uri())
    platforms = [rattler.Subdir("linux-64"), rattler.Subdir("noarch")]
    records = await rattler.solve([channel], wanted, platforms=platforms)
    await rattler.install(records, target_prefix=prefix, cache_dir=str(HOME / "cache"), show_progress=False)


def main(words: list[str]) -> None:
    asked = " ".join(words)
    if asked in ANSWERS:
        sys.stdout.write(ANSWERS[asked] + "\n")
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("command", nargs=2)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--prefix")
    for flag in ("--quiet", "--yes", "--no-default-packages"):
        parser.add_argument(flag, action="store_true")
    given = parser.parse_args(words)
    if given.command != ["env", "create"]:
        sys.exit(f"not known here: conda {asked}")
    asyncio.run(create(given.file, given.prefix))
    # The installer's threads may still hold objects of this interpreter: its orderly end has crashed on them.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
