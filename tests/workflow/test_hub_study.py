"""Checkpoints of a hub on the loopback, through Snakemake: how many are on the disk, and what is asked for again."""

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import tiny
from expertneurons import sheets
from loopback import Hub, commit, folder_files, serving
from studio import CONFIG, Study, sentences, write_study

pytestmark = pytest.mark.study

STEPS = [0, 512, 4000]
LIMIT = 2
MODELS = [*(f"step{step}" for step in STEPS), "step512-random"]
EXPERTS = [f"results/experts/{model}/everyday/counts.parquet" for model in MODELS]
READ = [f"results/tokens/step{step}/everyday/tokens.parquet" for step in STEPS]
READ += [f"results/driving/step{step}/everyday.npy" for step in STEPS]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    texts = [text for own in sentences().values() for text in own]
    with serving(Hub()) as server:
        for step in STEPS:
            folder = tiny.write_model(tmp_path_factory.mktemp("step") / "model", "gpt_neox", texts, seed=step)
            server.add("owner/tiny", folder_files(folder), f"step{step}", number=step + 1)
        yield server


def write_hub_study(folder: Path, site: Hub, limit: int | None) -> Study:
    study = write_study(folder)
    header = "model\tcheckpoint\tsource\trevision\tweights\tseed\tcontrol_of\n"
    rows = [f"step{step}\tstep{step}\thub:owner/tiny\tstep{step}\ttrained\t0\t\n" for step in STEPS]
    rows.append("step512-random\tstep512\thub:owner/tiny\tstep512\trandom\t1\tstep512\n")
    (folder / "config/models.tsv").write_text(header + "".join(rows), encoding="utf-8")
    own = f"models: [{', '.join(MODELS)}]\nsources: {{hub: {site.url!r}}}\n"
    own += f"resources: {{max_disk: {limit or 'null'}}}\n"
    text = re.sub(r"models: .*\n", own, CONFIG).replace("poolings: [max, mean]", "poolings: [max]")
    (folder / "config/config.yaml").write_text(text, encoding="utf-8")
    return study


@pytest.fixture(scope="module", autouse=True)
def _online() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HF_HUB_OFFLINE")
        yield


class Watch:
    """Looks at the checkpoints on the disk, whole ones and those on their way, as often as it can."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.most: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._ended.wait(0.005):
            found = {path.name.removeprefix(".").partition(".")[0] for path in self.folder.glob("*")}
            self.most = max(self.most, found, key=len)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def held(study: Study) -> list[str]:
    """Names in the folder of checkpoints, hidden ones included."""
    return sorted(path.name for path in (study.folder / "resources/checkpoints").glob("*"))


def due(study: Study, *targets: str) -> list[str]:
    told = study.run("--dry-run", *targets)
    return sorted(re.findall(r"^(?:local)?rule (\w+):$", told, re.MULTILINE))


@pytest.fixture(scope="module")
def limited(site: Hub, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """All that needs a checkpoint, under a limit, watched."""
    study = write_hub_study(tmp_path_factory.mktemp("limited"), site, LIMIT)
    with Watch(study.folder / "resources/checkpoints") as watch:
        study.run(*EXPERTS, *READ)
    assert len(watch.most) == LIMIT, watch.most
    return study


@pytest.fixture
def study(limited: Study, tmp_path: Path) -> Study:
    shutil.copytree(limited.folder, tmp_path / "study", symlinks=True)
    return Study(tmp_path / "study")


def test_no_checkpoint_is_left_and_nothing_is_due(limited: Study) -> None:
    assert held(limited) == []
    assert all((limited.folder / path).is_file() for path in EXPERTS)
    assert list((limited.folder / "results/responses").rglob("max.npy")) == []
    assert due(limited, *EXPERTS, *READ) == []


def test_every_checkpoint_is_fetched_once_and_locked(limited: Study) -> None:
    rows = sheets.read(limited.folder / "config/models.lock.tsv", "models.lock")
    revisions = {row["checkpoint"]: row.get("revision") for row in rows}
    assert revisions == {"minilm-l6": ""} | {f"step{step}": commit(step + 1) for step in STEPS}


@pytest.mark.parametrize("model", ["step0", "step4000"])
def test_one_result_later_fetches_only_its_checkpoint(model: str, site: Hub, study: Study) -> None:
    target = f"results/experts/{model}/everyday/counts.parquet"
    before = (study.folder / target).read_bytes()
    for stage in ("experts", "expertise"):
        shutil.rmtree(study.folder / f"results/{stage}/{model}")
    assert due(study, target) == ["extract_responses", "fetch_snapshot", "score_units", "select_experts"]
    asked = len(site.asked)
    study.run(target)
    assert (study.folder / target).read_bytes() == before
    commits = set(re.findall(r"resolve/([0-9a-f]{40})/", " ".join(path for _, path, _ in site.asked[asked:])))
    assert commits == {commit(int(model.removeprefix("step")) + 1)}
    assert held(study) == []


def test_missing_experts_draw_no_other_checkpoint_into_the_run(study: Study) -> None:
    for stage in ("experts", "expertise"):
        shutil.rmtree(study.folder / f"results/{stage}/step0")
    # The audit and the explorer read tokens and responses while they are there.
    again = {"extract_responses", "fetch_snapshot", "score_units", "select_experts"}
    again |= {"hold_out", "rank_sentences", "read_tokens"}
    assert set(due(study, *EXPERTS)) - {"await_room"} == again


def test_a_later_checkpoint_waits_until_an_earlier_one_is_steered(study: Study) -> None:
    with (study.folder / "config/config.yaml").open("a", encoding="utf-8") as file:
        file.write("steering: {run: true, models: [step0], ks: [1, 10]}\n")
    shutil.rmtree(study.folder / "resources/room")
    waited = set(due(study, "resources/room/step4000"))
    assert {"await_room", "steer", "choose_units", "fetch_snapshot"} <= waited
    assert "steer" not in due(study, "resources/room/step512")


def test_another_order_limit_or_mirror_fetches_nothing(study: Study) -> None:
    study.edit("config/config.yaml", "models: [step0, step512,", "models: [step512, step0,")
    assert set(due(study, *EXPERTS)) <= {"await_room"}
    study.edit("config/config.yaml", f"max_disk: {LIMIT}", "max_disk: null")
    assert set(due(study, *EXPERTS)) <= {"await_room"}
    study.edit("config/config.yaml", "http://127.0.0.1:", "http://localhost:")
    assert set(due(study, *EXPERTS)) <= {"await_room"}


def test_all_experts_again_keep_to_the_limit(study: Study) -> None:
    study.edit("config/config.yaml", "poolings: [max]", "poolings: [max], include_special: true")
    with Watch(study.folder / "resources/checkpoints") as watch:
        study.run(*EXPERTS[: len(STEPS)])
    assert len(watch.most) == LIMIT, watch.most


def test_another_revision_is_fetched_only_under_another_name(study: Study) -> None:
    study.edit(
        "config/models.tsv", "step4000\tstep4000\thub:owner/tiny\tstep4000", "step4000\tstep4000\thub:owner/tiny\tstep0"
    )
    done = study.snakemake(*EXPERTS)
    assert done.returncode != 0
    assert "give the row another checkpoint name" in done.stdout + done.stderr


def test_without_a_limit_checkpoints_stay_and_offline_says_what_to_do(
    site: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_hub_study(tmp_path / "unlimited", site, None)
    folders = ["resources/checkpoints/step0", "resources/checkpoints/step512"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = study.snakemake(*folders)
    assert done.returncode != 0
    assert "step0 (hub:owner/tiny@step0): not fetched, HF_HUB_OFFLINE is set" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    monkeypatch.delenv("HF_HUB_OFFLINE")
    study.run("acquire")
    assert held(study) == sorted(f"step{step}" for step in STEPS)
    asked = len(site.asked)
    assert due(study, "acquire") == []
    study.run("acquire")
    assert len(site.asked) == asked


def test_the_published_study_is_planned_with_one_fetch_a_checkpoint(tmp_path: Path) -> None:
    study = write_study(tmp_path / "paper")
    shutil.rmtree(study.folder / "config")
    shutil.copytree(tiny.ROOT / "config", study.folder / "config")
    told = study.run("--dry-run", "--configfile", "config/paper.yaml")
    counts = dict(re.findall(r"^(\w+) +(\d+)$", told, re.MULTILINE))
    models = yaml.safe_load((study.folder / "config/paper.yaml").read_text(encoding="utf-8"))["models"]
    assert int(counts["fetch_snapshot"]) == len(models)
    assert int(counts["extract_responses"]) + int(counts["stream_expertise"]) == len(models)
    assert int(counts["stream_expertise"]) > 0
    assert "fetch_checkpoint" not in counts
    assert "Would remove temporary output resources/checkpoints/pythia-12b-step0" in told
