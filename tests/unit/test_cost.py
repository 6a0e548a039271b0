"""What steps took, read from Snakemake's own files, and what is scaled from it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from expertneurons.cost import tell_cost
from expertneurons.errors import StudyError

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
SIZES = ["small=1000000=4", "large=8000000=2"]


def benchmark(root: Path, name: str, seconds: str, memory: str, cpu: str) -> None:
    path = root / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{seconds}\t0:00:01\t{memory}\t0\t0\t0\t0\t0\t0\t{cpu}\n")


def told(folder: Path, **options: Any) -> pd.DataFrame:
    whose: dict[str, list[str]] = {"stored": ["small", "large"], "streamed": [], "reported": ["large"], "steered": []}
    places = folder / "benchmarks", folder, folder / "cost.csv"
    given: dict[str, Any] = {"stimuli": ["everyday"], "sizes": SIZES} | whose | options
    tell_cost(*places, **given)
    return pd.read_csv(places[2], keep_default_na=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One model has run, a small step was over at once, and the responses take 3 MiB."""
    benchmark(tmp_path / "benchmarks", "extract_responses/small/everyday", "10.0", "500.0", "15.0")
    benchmark(tmp_path / "benchmarks", "score_units/small/everyday", "2.0", "200.0", "3.0")
    benchmark(tmp_path / "benchmarks", "measure_choice/small/everyday/responses~max/a", "NA", "-", "0.1")
    benchmark(tmp_path / "benchmarks", "train_nursery/large-1", "7.0", "300.0", "9.0")
    responses = tmp_path / "responses/small/everyday/max.npy"
    responses.parent.mkdir(parents=True)
    responses.write_bytes(b"0" * (3 << 20))
    return tmp_path


def test_what_ran_is_told_as_measured(folder: Path) -> None:
    found = told(folder).query("kind == 'measured'").set_index("rule").to_dict("index")
    own = found["extract_responses"]
    assert (own["seconds"], own["cpu_seconds"], own["memory_mib"], own["disk_mib"]) == (10, 15, 500, 3)
    own = found["measure_choice"]
    assert (own["model"], own["stimuli"], own["part"], own["seconds"]) == ("small", "everyday", "responses~max/a", 0)
    assert (found["train_nursery"]["model"], found["train_nursery"]["part"]) == ("", "large-1")


def test_what_is_to_come_is_scaled_from_the_nearest_model(folder: Path) -> None:
    rows = told(folder).query("kind == 'predicted'").set_index("rule")
    assert set(rows.index) == {"extract_responses", "score_units"}
    assert set(rows["model"]) == {"large"}
    assert set(rows["of"]) == {"small"}
    # A pass grows with the parameters, 8 times; what there is one of per unit with their power of 2/3, 4 times.
    assert rows["seconds"].to_dict() == {"extract_responses": 80, "score_units": 8}
    assert rows["disk_mib"].to_dict() == pytest.approx({"extract_responses": 12, "score_units": 0})
    # 16 MB of weights instead of 4 MB, held twice; scoring holds none.
    memory = {"extract_responses": 500 + 2 * 12e6 / 2**20, "score_units": 200}
    assert rows["memory_mib"].to_dict() == pytest.approx(memory, abs=0.01)


def test_a_model_that_has_run_or_has_no_size_is_not_predicted(folder: Path) -> None:
    assert set(told(folder, stored=["small"])["kind"]) == {"measured"}
    unknown = told(folder, sizes=["small=1000000=4", "large=0=4"])
    assert set(unknown["kind"]) == {"measured"}


def test_nothing_to_scale_is_told(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    with pytest.raises(StudyError, match=r"nothing has run yet.*run the study's smallest model"):
        told(tmp_path)
