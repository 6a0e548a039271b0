"""The configuration and its sheets: defaults, closed keys, and every reason why a study cannot run."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

import tiny
from expertneurons import configuration, sheets, study
from expertneurons.errors import StudyError

HEX = "ab" * 32
SHEETS = {
    "models": (
        "model\tcheckpoint\tsource\tsha256\tweights\tseed\tcontrol_of\tlabel\n"
        f"big\tbig\twheel:big==1/model\t{HEX}\ttrained\t0\t\tBig one\n"
        f"big-0\tbig\twheel:big==1/model\t{HEX}\trandom\t1\tbig\t\n"
        f"big-1\tbig\twheel:big==1/model\t{HEX}\trandom\t2\tbig\t\n"
        "small\tsmall\tfolder:models/small\t\ttrained\t0\t\t\n"
    ),
    "norms": (
        "norm\tlabel\tmeasures\tfile\treader\tscale_low\tscale_high\n"
        "toy\tToy norm\tsimilarity\ttoy.txt\tpairs\t0\t10\n"
        "other\tOther norm\trelatedness\ttoy.txt\tpairs\t-1\t0.5\n"
    ),
    "norm_files": (
        "file\tversion\turl\tbytes\tsha256\tlicence\tredistributable\tcitation\n"
        f"toy.txt\t1\thttps://example.org/toy.txt\t10\t{HEX}\tCC0\tyes\tNobody 2020\n"
        f"forms.txt\t1\thttps://example.org/forms.txt\t10\t{HEX}\tCC0\tyes\tNobody 2020\n"
        f"one.txt\t1\thttps://example.org/one.txt\t10\t{HEX}\tCC0\tyes\tNobody 2020\n"
    ),
    "norm_raters": (
        "norm\tfile\tforms\tforms_of\ntoy\tone.txt\t\t\ntoy\tlemmas.txt\tforms.txt\ttoy.txt\nother\tmissing.txt\t\t\n"
    ),
    "contrasts": (
        "contrast\tfamily\ta_model\ta\tb_model\tb\n"
        "one\theadline\t*\texpertise.cosine\tcontrol\texpertise.cosine\n"
        "two\theadline\t*\texperts.top100\t*\tvectors.a@home\n"
    ),
}


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """Write a whole study and return its configuration."""
    (tmp_path / "models/small").mkdir(parents=True)
    for name, text in SHEETS.items():
        own = text.replace("folder:", f"folder:{tmp_path}/")
        (tmp_path / f"{name}.tsv").write_text(own, encoding="utf-8")
    tiny.write_stimuli(tmp_path / "stimuli" / "everyday", {"cat": ["A cat."]})
    return {
        "models": ["big", "big-0", "small"],
        "norms": ["toy"],
        "stimuli": {"folder": str(tmp_path / "stimuli")},
        "sheets": {name: str(tmp_path / f"{name}.tsv") for name in SHEETS},
    }


def refused(config: dict[str, Any]) -> str:
    with pytest.raises(StudyError) as caught:
        study.load(config)
    return str(caught.value)


def edit(config: dict[str, Any], sheet: str, old: str, new: str) -> None:
    path = Path(config["sheets"][sheet])
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def leaves(rules: dict[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], dict[str, Any]]:
    """Find all keys of the schema below its sections."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for key, rule in rules["properties"].items():
        found |= leaves(rule, (*path, key)) if "properties" in rule else {(*path, key): rule}
    return found


def test_a_whole_study_loads_with_its_sheets(config: dict[str, Any]) -> None:
    loaded = study.load(config)
    assert list(loaded.models) == ["big", "big-0", "big-1", "small"]
    assert loaded.norms["other"]["scale_low"] == "-1"
    assert loaded.norm_files["toy.txt"]["bytes"] == "10"


def test_the_bundled_study_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.ROOT)
    loaded = study.load(yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8")))
    assert loaded.reported
    assert all(loaded.controls(model) for model in loaded.reported)


def test_every_key_has_a_description_and_all_but_two_a_default() -> None:
    keys = leaves(sheets.schema("config"))
    assert not [path for path, rule in keys.items() if "description" not in rule and path != ("study", "title")]
    assert [path for path, rule in keys.items() if "default" not in rule] == [("models",), ("norms",)]


def test_defaults_are_filled_in_at_every_level() -> None:
    filled = configuration.complete({"models": ["a"], "norms": ["b"], "experts": {"top": [3]}})
    for path, rule in leaves(sheets.schema("config")).items():
        value = filled
        for key in path:
            value = value[key]
        if "default" in rule and path != ("experts", "top"):
            assert value == rule["default"], path
    assert filled["experts"]["top"] == [3]


def test_the_given_configuration_is_left_as_it_is(config: dict[str, Any]) -> None:
    before = copy.deepcopy(config)
    study.load(config).config["experts"]["thresholds"].append(0.55)
    assert config == before
    assert 0.55 not in study.load(config).config["experts"]["thresholds"]


@pytest.mark.parametrize(
    ("section", "place"),
    [
        (None, "(top level)"),
        *((s, s) for s, rule in sheets.schema("config")["properties"].items() if "properties" in rule),
    ],
)
def test_an_unknown_key_is_refused_at_any_level(section: str | None, place: str, config: dict[str, Any]) -> None:
    target = config if section is None else config.setdefault(section, {})
    target["treshold"] = 0.5
    told = refused(config)
    assert f"config key {place}: " in told
    assert "'treshold'" in told
    assert "known: " in told


@pytest.mark.parametrize("threshold", [-0.01, 1.01, "high", None, True])
def test_a_threshold_outside_0_to_1_is_refused_with_its_place(threshold: Any, config: dict[str, Any]) -> None:
    config["experts"] = {"thresholds": [0.5, threshold]}
    assert "config key experts.thresholds[1]: " in refused(config)


@pytest.mark.parametrize("threshold", [0, 1])
def test_thresholds_of_0_and_1_are_thresholds(threshold: int, config: dict[str, Any]) -> None:
    config["experts"] = {"thresholds": [threshold]}
    config["figures"] = {"threshold": threshold}
    assert study.load(config).config["experts"]["thresholds"] == [threshold]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("study", "seed", -1),
        ("study", "seed", 1.5),
        ("stimuli", "min_sentences", 1),
        ("stimuli", "sets", ["../elsewhere"]),
        ("stimuli", "sets", []),
        ("responses", "poolings", ["median"]),
        ("responses", "tokens_per_batch", 0),
        ("expertise", "prevalence", 0),
        ("expertise", "prevalence", 1),
        ("expertise", "negatives", "some"),
        ("experts", "top", [0]),
        ("alignment", "level", 95),
        ("alignment", "max_undefined", 1.1),
        ("sources", "mirror", 3),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_key(
    section: str, key: str, value: Any, config: dict[str, Any]
) -> None:
    config.setdefault(section, {})[key] = value
    assert f"config key {section}.{key}" in refused(config)


NO_MAPPINGS: list[Any] = [None, [], "text"]
# A text under `stimuli` is the file of a table.
WRONG = [
    (own, value)
    for own in ("experts", "stimuli", "sheets")
    for value in NO_MAPPINGS
    if (own, value) != ("stimuli", "text")
]


@pytest.mark.parametrize(("section", "value"), WRONG)
def test_a_section_that_is_no_mapping_is_refused(section: str, value: Any, config: dict[str, Any]) -> None:
    config[section] = value
    with pytest.raises(StudyError, match=f"config key {section}: "):
        configuration.complete(config)


def test_without_models_there_is_no_study_and_without_norms_there_is(config: dict[str, Any]) -> None:
    assert "config key models: " in refused({**config, "models": []})
    assert study.load({**config, "norms": []}).norm_labels == []


@pytest.mark.parametrize("key", ["models", "norms"])
def test_models_and_norms_must_be_there(key: str, config: dict[str, Any]) -> None:
    del config[key]
    assert f"'{key}' is a required property" in refused(config)


def test_several_problems_of_the_configuration_are_told_at_once(config: dict[str, Any]) -> None:
    told = refused({**config, "alignment": {"level": 2}, "experts": {"top": [0]}, "extra": 1})
    for place in ("alignment.level", "experts.top[0]", "(top level)"):
        assert f"config key {place}: " in told


def test_all_inconsistencies_are_told_at_once(config: dict[str, Any]) -> None:
    config["models"].append("absent-model")
    config["norms"].append("absent-norm")
    config["stimuli"]["sets"] = ["absent-set"]
    told = refused(config)
    for name in ("absent-model", "absent-norm", "absent-set"):
        assert name in told


@pytest.mark.parametrize(("key", "sheet"), [("models", "models"), ("norms", "norms")])
def test_a_name_that_is_not_in_its_sheet_is_refused(key: str, sheet: str, config: dict[str, Any]) -> None:
    config[key] = [*config[key], "absent"]
    told = refused(config)
    assert f"config key {key}: 'absent' is not in {config['sheets'][sheet]}" in told


def test_a_norm_whose_file_is_not_listed_is_refused(config: dict[str, Any]) -> None:
    edit(config, "norm_files", "toy.txt", "another.txt")
    told = refused(config)
    assert config["sheets"]["norm_files"] in told
    assert "'toy.txt' of 'toy'" in told


def test_a_norm_that_is_not_used_may_lack_its_file(config: dict[str, Any]) -> None:
    edit(config, "norms", "relatedness\ttoy.txt", "relatedness\tabsent.txt")
    assert study.load(config).config["norms"] == ["toy"]


def test_files_of_raters_are_not_asked_for_unless_wanted(config: dict[str, Any]) -> None:
    # One of them has no row in the sheet of files.
    assert study.load(config).rater_files("toy") == []


def test_files_of_raters_and_of_their_word_forms(config: dict[str, Any]) -> None:
    edit(config, "norm_files", "one.txt\t1", "lemmas.txt\t1")
    edit(config, "norm_raters", "toy\tone.txt", "toy\tlemmas2.txt")
    edit(config, "norm_raters", "lemmas2.txt", "toy.txt")
    loaded = study.load({**config, "ceilings": {"raters": True}})
    assert loaded.rater_files("toy") == ["forms.txt", "lemmas.txt", "toy.txt"]
    assert loaded.rater_files("other") == ["missing.txt"]
    assert loaded.rater_files("third") == []


def test_a_file_of_raters_that_is_not_listed_is_refused(config: dict[str, Any]) -> None:
    told = refused({**config, "ceilings": {"raters": True}})
    assert (
        f"{config['sheets']['norm_raters']}: the file 'lemmas.txt' is not in {config['sheets']['norm_files']}" in told
    )
    assert "missing.txt" not in told  # of a norm that is not used


def test_norms_of_relatedness_are_those_in_use(config: dict[str, Any]) -> None:
    assert study.load(config).relatedness_norms == []
    assert study.load({**config, "norms": ["toy", "other"]}).relatedness_norms == ["other"]


@pytest.mark.parametrize(("old", "new"), [("*\texpertise.cosine", "*\t{}"), ("control\texpertise.cosine", "*\t{}")])
def test_a_threshold_that_the_experts_lack_is_refused_in_a_contrast(old: str, new: str, config: dict[str, Any]) -> None:
    edit(config, "contrasts", old, new.format("experts.jaccard@0.42"))
    config["experts"] = {"thresholds": [0.5, 0.6]}
    told = refused(config)
    assert f"{config['sheets']['contrasts']}: contrast 'one' asks for threshold 0.42, which experts.thresholds" in told
    config["experts"] = {"thresholds": [0.5, 0.42]}
    assert study.load(config).contrasts[0]["contrast"] == "one"


@pytest.mark.parametrize(("old", "new"), [("*\t", "bgi\t"), ("control\t", "bgi\t"), ("*\t", "control\t")])
def test_a_model_that_the_run_lacks_is_refused_in_a_contrast(old: str, new: str, config: dict[str, Any]) -> None:
    edit(config, "contrasts", f"{old}expertise", f"{new}expertise")
    told = refused(config)
    assert f"{config['sheets']['contrasts']}: contrast 'one' names '{new.strip()}'" in told


def test_a_model_of_the_sheet_that_the_run_leaves_out_is_refused_in_a_contrast(config: dict[str, Any]) -> None:
    edit(config, "contrasts", "*\texperts.top100\t*", "small\texperts.top100\tbig")
    assert study.load(config).contrasts[1]["a_model"] == "small"
    told = refused({**config, "models": ["big", "big-0"]})
    assert "contrast 'two' names 'small', which `models` lacks" in told


def test_a_sheet_of_contrasts_names_each_one_once(config: dict[str, Any]) -> None:
    edit(config, "contrasts", "two\theadline\t*\texperts.top100\t*", "one\tcontrols\t*\ttext.tfidf\tcontrol")
    assert config["sheets"]["contrasts"] in refused(config)


def test_a_wheel_needs_its_digest(config: dict[str, Any]) -> None:
    edit(config, "models", f"big==1/model\t{HEX}", "big==1/model\t")
    told = refused(config)
    assert config["sheets"]["models"] in told
    assert "'big' comes from a wheel and needs its sha256" in told


def add_snapshots(config: dict[str, Any], *revisions: str) -> None:
    """Add rows that share one checkpoint of a hub."""
    path = Path(config["sheets"]["models"])
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    lines = [f"{header}\trevision", *(f"{row}\t" for row in rows)]
    lines += [f"hub-{n}\thub\thub:owner/hub\t\ttrained\t0\t\t\t{found}" for n, found in enumerate(revisions)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_snapshots_of_a_hub_stand_in_the_order_of_the_models(config: dict[str, Any]) -> None:
    add_snapshots(config, "step1", "step1")
    loaded = study.load({**config, "models": ["small", "hub-1", "big", "hub-0"]})
    assert loaded.snapshots == ["hub"]
    assert loaded.users("hub") == ["hub-1", "hub-0"]
    assert study.load(config).snapshots == []


def test_a_model_of_a_hub_needs_its_revision(config: dict[str, Any]) -> None:
    add_snapshots(config, "")
    told = refused({**config, "models": ["hub-0"]})
    assert f"{config['sheets']['models']}: 'hub-0' comes from a model hub and needs its revision" in told


def test_rows_that_share_a_snapshot_must_share_its_revision(config: dict[str, Any]) -> None:
    add_snapshots(config, "step1", "step2")
    assert "'hub-0' and 'hub-1' share a checkpoint but not its source, sha256, revision" in refused(config)


@pytest.mark.parametrize("source", ["hub:owner", "hub:owner/a/b", "hub:", "hub:/a", "hub:owner/a b"])
def test_a_hub_source_is_an_owner_and_a_repository(source: str, config: dict[str, Any]) -> None:
    add_snapshots(config, "step1")
    edit(config, "models", "hub:owner/hub", source)
    assert "source" in refused(config)


@pytest.mark.parametrize("files", [["paper.yaml"], ["paper.yaml", "paper_dense.yaml"]], ids=" and ".join)
def test_the_published_study_loads(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.ROOT)
    given: dict[str, Any] = {}
    for name in ["config.yaml", *files]:
        update_config(given, yaml.safe_load(Path(f"config/{name}").read_text(encoding="utf-8")))
    loaded = study.load(given)
    last = {name: row for name, row in loaded.models.items() if row["step"] == "143000" and name in given["models"]}
    assert {"pythia-70m-step143000", "pythia-1b-step143000", "pythia-12b-step143000"} <= last.keys()
    for name, row in last.items():
        assert loaded.controls(name) == [name.replace("143000", "0")]
        assert row["dtype"] == ("bfloat16" if "-12b-" in name else "")
    assert len(loaded.snapshots) == len(given["models"])


def test_rows_of_the_bundled_models_say_what_their_names_say() -> None:
    rows = [row for row in sheets.read(tiny.ROOT / "config/models.tsv", "models") if row["family"] == "pythia"]
    assert rows
    for row in rows:
        run = "" if row["run_seed"] == "0" else f"-seed{row['run_seed']}"
        repository = row["source"].removeprefix("hub:EleutherAI/")
        assert repository.endswith(run)
        assert row["model"] == row["checkpoint"] == f"{repository}-{row['revision']}"
        assert row["revision"] == f"step{row['step']}"
        # Only these steps are branches of the suite.
        step = int(row["step"])
        assert step in (0, *(2**power for power in range(10))) or (step % 1000 == 0 and step <= 143_000)
    sizes = {row["size"]: row["source"].partition("-")[2].partition("-")[0] for row in rows}
    assert list(sizes.values()) == ["70m", "160m", "410m", "1b", "1.4b", "2.8b", "12b"]


@pytest.mark.parametrize(
    ("old", "new"), [("wheel:big==1/model", "wheel:big==2/model"), (HEX, HEX[::-1])], ids=["source", "digest"]
)
def test_rows_that_share_a_checkpoint_must_share_its_source(old: str, new: str, config: dict[str, Any]) -> None:
    # The rules fetch a checkpoint once, from the first row that names it.
    edit(config, "models", old, new)
    told = refused(config)
    assert config["sheets"]["models"] in told
    assert "'big'" in told


def test_a_control_of_an_unknown_model_is_refused(config: dict[str, Any]) -> None:
    edit(config, "models", "1\tbig\t", "1\tbgi\t")
    told = refused(config)
    assert config["sheets"]["models"] in told
    assert "'bgi'" in told


@pytest.mark.parametrize("scale", ["10\t0", "0\t0", "0\t1.2.3", ".\t10"])
def test_a_scale_must_be_two_rising_numbers(scale: str, config: dict[str, Any]) -> None:
    edit(config, "norms", "0\t10", scale)
    told = refused(config)
    assert config["sheets"]["norms"] in told
    assert "scale" in told


def test_the_scored_pooling_must_be_extracted(config: dict[str, Any]) -> None:
    config |= {"responses": {"poolings": ["max", "min"]}, "expertise": {"pooling": "mean"}}
    assert "config key expertise.pooling: it must be one of responses.poolings" in refused(config)


def test_the_threshold_of_the_figures_must_be_one_of_the_experts(config: dict[str, Any]) -> None:
    config["experts"] = {"thresholds": [0.6]}
    assert "config key figures.threshold: it must be one of experts.thresholds" in refused(config)


def test_a_dictionary_must_exist_and_be_of_a_model_of_the_run(config: dict[str, Any]) -> None:
    config["rivals"] = {"dictionary": {"files": {"unknown": "no/such.safetensors"}}}
    told = refused(config)
    assert "rivals.dictionary.files: 'unknown' is not among `models`" in told
    assert "no/such.safetensors does not exist" in told


def test_steered_models_are_of_the_run_and_enough_experts_are_kept(config: dict[str, Any]) -> None:
    config["steering"] = {"models": ["unknown"], "ks": [1, 501]}
    assert study.load(config).steered == []  # it is not asked for
    config["steering"]["run"] = True
    told = refused(config)
    assert "steering.models: 'unknown' is not among `models`" in told
    assert "steering.ks: 501 units are more than are kept; add 501 to experts.top" in told


@pytest.mark.parametrize("sheet", ["concepts.tsv", "sentences.tsv"])
def test_a_set_of_stimuli_without_its_sheets_is_refused(sheet: str, config: dict[str, Any]) -> None:
    missing = Path(config["stimuli"]["folder"]) / "everyday" / sheet
    missing.unlink()
    assert f"config key stimuli.sets: {missing} does not exist" in refused(config)


@pytest.mark.parametrize("name", ["../../x", "/absolute", "a b", "", "a/b"])
@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("stimuli.sets", "stimuli.sets[0]"),
        ("nursery.sizes", "nursery.sizes"),
        ("generator.prompts", "generator.prompts"),
    ],
)
def test_a_name_that_becomes_a_path_or_an_id_cannot_lead_elsewhere(
    place: str, told: str, name: str, config: dict[str, Any]
) -> None:
    section, key = place.split(".")
    shape = {"width": 8, "layers": 1, "heads": 1}
    value: Any = {"sets": [name], "sizes": {name: shape, "medium": shape}, "prompts": {name: "Write:"}}[key]
    config.setdefault(section, {})[key] = value
    message = refused(config)
    assert f"config key {told}: {name!r} does not match" in message


def test_a_line_end_is_no_part_of_a_name(config: dict[str, Any]) -> None:
    config["nursery"] = {"sizes": {"medium\n": {"width": 8, "layers": 1, "heads": 1}}}
    assert "config key nursery.sizes: 'medium\\n' does not match" in refused(config)


def test_a_missing_folder_of_stimuli_is_refused(config: dict[str, Any]) -> None:
    config["stimuli"] = {"folder": "/absent"}
    assert "/absent/everyday/concepts.tsv does not exist" in refused(config)


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_missing_sheet_is_named(sheet: str, config: dict[str, Any]) -> None:
    Path(config["sheets"][sheet]).unlink()
    assert f"{config['sheets'][sheet]}: no such sheet" in refused(config)


def test_reported_models_are_those_that_control_no_other_of_the_run(config: dict[str, Any]) -> None:
    loaded = study.load(config)
    assert loaded.reported == ["big", "small"]
    assert loaded.controls("big") == ["big-0"]
    assert loaded.controls("small") == []
    assert loaded.control_pairs == ["big-0=big"]


def test_a_control_that_runs_alone_is_reported(config: dict[str, Any]) -> None:
    loaded = study.load({**config, "models": ["big-0", "small"]})
    assert loaded.reported == ["big-0", "small"]
    assert loaded.control_pairs == []


def test_a_model_may_have_two_controls(config: dict[str, Any]) -> None:
    loaded = study.load({**config, "models": ["big-1", "big", "big-0"]})
    assert loaded.reported == ["big"]
    assert loaded.controls("big") == ["big-1", "big-0"]
    assert loaded.control_pairs == ["big-1=big", "big-0=big"]


def test_labels_fall_back_on_names(config: dict[str, Any]) -> None:
    loaded = study.load({**config, "norms": ["other", "toy"]})
    assert loaded.model_labels == ["big=Big one", "big-0=big-0", "small=small"]
    assert loaded.norm_labels == ["other=Other norm", "toy=Toy norm"]


def test_what_holds_similarities_against_ratings_is_off_without_norms(config: dict[str, Any]) -> None:
    asked = {**config, "stability": {"run": True}, "rivals": {"run": True}}
    for norms, on in (([], False), (config["norms"], True)):
        filled = configuration.complete({**asked, "norms": norms})
        assert (filled["stability"]["run"], filled["rivals"]["run"]) == (on, on)


def test_a_table_is_one_set_without_norms(config: dict[str, Any], tmp_path: Path) -> None:
    table = tmp_path / "my complaints.tsv"
    table.write_text("concept\tsentence\n", encoding="utf-8")
    found = study.load({**config, "stimuli": str(table)})
    assert found.config["stimuli"]["sets"] == ["my-complaints"]
    assert found.config["norms"] == []
    assert found.origin("my-complaints") == "table"
    assert found.stimuli_sheets("my-complaints") == [str(table)]
    assert found.config["stimuli"]["min_sentences"] == 10


def test_a_table_beside_a_written_set(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("concept\tsentence\n", encoding="utf-8")
    config["stimuli"] |= {"sets": ["everyday", "own"], "tables": {"own": str(tmp_path / "own.tsv")}}
    found = study.load(config)
    assert [found.origin(name) for name in ("everyday", "own")] == ["written", "table"]
    assert found.config["norms"] == ["toy"]


def test_a_table_that_is_not_there_is_told(config: dict[str, Any], tmp_path: Path) -> None:
    told = refused({**config, "stimuli": str(tmp_path / "missing.tsv")})
    assert f"config key stimuli.tables: {tmp_path / 'missing.tsv'} does not exist" in told
    assert f"{tmp_path} is a folder" in refused({**config, "stimuli": str(tmp_path)})


def test_columns_of_stimuli_are_told_before_anything_runs(config: dict[str, Any], tmp_path: Path) -> None:
    table, sentences = tmp_path / "own.tsv", tmp_path / "stimuli/everyday/sentences.tsv"
    table.write_text("concept,sentence\n", encoding="utf-8")
    assert f"{table}: the header lacks 'concept', 'sentence'" in refused({**config, "stimuli": str(table)})
    sentences.write_text("id\ttext\n", encoding="utf-8")
    assert f"{sentences}: the header lacks 'concept'" in refused(config)


def test_a_folder_of_a_model_in_use_must_be_there(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "models/small").rmdir()
    told = refused(config)
    assert f"'small' comes from the folder '{tmp_path}/models/small', which does not exist" in told
    study.load({**config, "models": ["big"]})
