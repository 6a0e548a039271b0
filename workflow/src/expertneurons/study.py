"""The study as configured: the configuration and its sheets, checked together before anything runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expertneurons import sheets
from expertneurons.configuration import TABLE, complete
from expertneurons.errors import StudyError
from expertneurons.models import conflicts
from expertneurons.nursery_runs import problems as nursery_problems
from expertneurons.sides import CONTROL, EVERY, parse_side
from expertneurons.suites import problems as suite_problems
from expertneurons.suites import training_runs

Row = dict[str, str]

ORIGINS = {"corpus": "corpus", "generator": "generated"}


@dataclass(frozen=True)
class Study:
    """A checked configuration with all defaults filled in, and its sheets as rows by name."""

    config: dict[str, Any]
    models: dict[str, Row]
    norms: dict[str, Row]
    norm_files: dict[str, Row]
    raters: list[Row]
    contrasts: list[Row]
    choices: list[Row]

    @property
    def reported(self) -> list[str]:
        """Models that are no control of another one of this run and no earlier checkpoint of a training run."""
        used = self.config["models"]
        early = {name for run in training_runs(self.models, used) for name in list(run.models.values())[:-1]}
        return [name for name in used if name not in early and self.models[name].get("control_of", "") not in used]

    def controls(self, model: str) -> list[str]:
        """Untrained controls of a model that this run includes."""
        return [name for name in self.config["models"] if self.models[name].get("control_of") == model]

    @property
    def reported_and_controls(self) -> list[str]:
        """Reported models, each followed by its untrained controls."""
        return list(dict.fromkeys(name for model in self.reported for name in (model, *self.controls(model))))

    @property
    def steered(self) -> list[str]:
        """Models whose units are forced; none unless asked for."""
        return list(self.config["steering"]["models"]) if self.config["steering"]["run"] else []

    @property
    def snapshots(self) -> list[str]:
        """Checkpoints of a model hub in use, in the order of `models`."""
        rows = [self.models[name] for name in self.config["models"]]
        return list(dict.fromkeys(row["checkpoint"] for row in rows if row["source"].startswith("hub:")))

    def users(self, checkpoint: str) -> list[str]:
        """Models in use that run a checkpoint."""
        return [name for name in self.config["models"] if self.models[name]["checkpoint"] == checkpoint]

    def origin(self, name: str) -> str:
        """Where a set's sentences come from: written, corpus, generated or table."""
        if name in self.config["stimuli"]["tables"]:
            return TABLE
        return str(self.config["stimuli"]["origins"].get(name, "written"))

    def stimuli_sheets(self, name: str) -> list[str]:
        """Name the user's own sheets of a set of stimuli: one table, or the concepts, and sentences if written."""
        if self.origin(name) == TABLE:
            return [str(self.config["stimuli"]["tables"][name])]
        folder = f"{self.config['stimuli']['folder']}/{name}"
        written = [f"{folder}/sentences.tsv"] if self.origin(name) == "written" else []
        return [f"{folder}/concepts.tsv", *written]

    def rater_files(self, norm: str) -> list[str]:
        """Files with single raters' ratings of a norm, and of the word forms in them; none unless asked for."""
        if not self.config["ceilings"]["raters"]:
            return []
        rows = [row for row in self.raters if row["norm"] == norm]
        return sorted({row[key] for row in rows for key in ("file", "forms", "forms_of") if row.get(key)})

    @property
    def relatedness_norms(self) -> list[str]:
        """Norms in use in which people rated relatedness, not similarity."""
        return [name for name in self.config["norms"] if self.norms[name]["measures"] == "relatedness"]

    @property
    def norm_labels(self) -> list[str]:
        """Titles of the norms in use, as name=title."""
        return [f"{name}={self.norms[name]['label']}" for name in self.config["norms"]]

    @property
    def model_labels(self) -> list[str]:
        """Titles of the models in use, as name=title."""
        return [f"{name}={self.models[name].get('label') or name}" for name in self.config["models"]]

    @property
    def control_pairs(self) -> list[str]:
        """Untrained controls in use, as control=model."""
        return [f"{control}={model}" for model in self.config["models"] for control in self.controls(model)]


def load(config: Mapping[str, Any]) -> Study:
    """Check a configuration and read its sheets.

    Raises:
        StudyError: all problems at once, each with its key or sheet.

    """
    filled = complete(config)
    paths = {name: Path(path) for name, path in filled["sheets"].items()}
    study = Study(
        filled,
        {row["model"]: row for row in sheets.read(paths["models"], "models")},
        {row["norm"]: row for row in sheets.read(paths["norms"], "norms")},
        {row["file"]: row for row in sheets.read(paths["norm_files"], "norm_files")},
        sheets.read(paths["norm_raters"], "norm_raters"),
        sheets.read(paths["contrasts"], "contrasts"),
        sheets.read(paths["choices"], "choices"),
    )
    if problems := list(inconsistencies(study)):
        raise StudyError("; ".join(problems))
    return study


def inconsistencies(study: Study) -> Iterator[str]:
    """Every reason, in words, why a configuration of the right shape cannot run."""
    yield from _unknown_rows(study)
    config = study.config
    for name in config["stimuli"]["sets"]:
        yield from _wrong_sheets(study, name)
        for origin, key in (("corpus", "path"), ("generator", "model")):
            if study.origin(name) == ORIGINS[origin] and not Path(config[origin][key] or "").exists():
                yield f"config key {origin}.{key}: {config[origin][key]} does not exist; stimuli.origins asks for it"
    if config["expertise"]["pooling"] not in config["responses"]["poolings"]:
        yield "config key expertise.pooling: it must be one of responses.poolings"
    own = (config["expertise"]["pooling"], "float32", "labelled")
    tried = {(row["responses"], row["precision"], row["sentences"]) for row in study.choices}
    if config["stability"]["run"] and own not in tried:
        yield f"{config['sheets']['choices']}: no row {' '.join(own)}, the study's own choice; add it"
    if config["figures"]["threshold"] not in config["experts"]["thresholds"]:
        yield "config key figures.threshold: it must be one of experts.thresholds"
    yield from _unknown_dictionaries(study)
    yield from _unknown_steered(study)
    yield from _unknown_streamed(study)
    yield from nursery_problems(config["nursery"], config["responses"]["sites"])
    yield from suite_problems(study.models, config["models"], config["sheets"]["models"])


def _wrong_sheets(study: Study, name: str) -> Iterator[str]:
    """Sheets of a set of stimuli that are not there, or whose columns are others: told before anything runs."""
    table = study.origin(name) == TABLE
    for path in map(Path, study.stimuli_sheets(name)):
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            yield f"config key stimuli.{'tables' if table else 'sets'}: {path} {what}; write it or correct the name"
            continue
        try:
            sheets.check_header(path, TABLE if table else path.stem)
        except StudyError as error:
            yield str(error)


def _unknown_dictionaries(study: Study) -> Iterator[str]:
    for model, path in study.config["rivals"]["dictionary"]["files"].items():
        if model not in study.config["models"]:
            yield f"config key rivals.dictionary.files: {model!r} is not among `models`; correct the name"
        if not Path(path).is_file():
            yield f"config key rivals.dictionary.files: {path} does not exist; correct the path"


def _unknown_steered(study: Study) -> Iterator[str]:
    config = study.config
    for model in study.steered:
        if model not in config["models"]:
            yield f"config key steering.models: {model!r} is not among `models`; add it there or correct the name"
    most, kept = max(config["steering"]["ks"]), max(config["experts"]["top"], default=0)
    if config["steering"]["run"] and most > kept:
        yield f"config key steering.ks: {most} units are more than are kept; add {most} to experts.top"


def _unknown_streamed(study: Study) -> Iterator[str]:
    config = study.config
    if not config["responses"]["stream"] or set(config["models"]) - set(study.models):
        return  # nothing to check, or unknown models, which are told elsewhere
    compared = config["stability"]["run"] or config["rivals"]["run"]
    stored = {*(study.reported_and_controls if compared else study.reported), *study.steered}
    for model in config["responses"]["stream"]:
        if model not in config["models"]:
            yield f"config key responses.stream: {model!r} is not among `models`; add it there or correct the name"
        elif model in stored:
            yield (
                f"config key responses.stream: {model!r} is audited, compared or steered, which reads stored "
                "responses; leave it out"
            )


def _unknown_rows(study: Study) -> Iterator[str]:
    yield from conflicts(study.models, study.config["models"], study.config["sheets"]["models"])
    yield from _unknown_norms(study)
    yield from _unknown_sides(study)


def _unknown_norms(study: Study) -> Iterator[str]:
    sheet = study.config["sheets"]
    for name, row in study.norms.items():
        if not _rising(row["scale_low"], row["scale_high"]):
            yield f"{sheet['norms']}: the scale of {name!r} is not two rising numbers; correct it"
    for name in study.config["norms"]:
        known = study.norms.get(name)
        if known is None:
            yield f"config key norms: {name!r} is not in {sheet['norms']}; add a row or correct the name"
        elif known["file"] not in study.norm_files:
            yield f"{sheet['norms']}: the file {known['file']!r} of {name!r} is not in {sheet['norm_files']}; add a row"

    files = {file for name in study.config["norms"] for file in study.rater_files(name)}
    for file in sorted(files - set(study.norm_files)):
        yield f"{sheet['norm_raters']}: the file {file!r} is not in {sheet['norm_files']}; add a row"


def _unknown_sides(study: Study) -> Iterator[str]:
    """Contrasts whose models or thresholds this configuration lacks."""
    sheet, thresholds = study.config["sheets"]["contrasts"], study.config["experts"]["thresholds"]
    for row in study.contrasts:
        for key in ("a", "b"):
            _, limit = parse_side(row[key])
            if limit is not None and limit not in thresholds:
                yield (
                    f"{sheet}: contrast {row['contrast']!r} asks for threshold {limit:g}, which experts.thresholds "
                    "lacks; add it there or correct the sheet"
                )
            model = row[f"{key}_model"]
            anyone = (EVERY,) if key == "a" else (EVERY, CONTROL)
            if model not in (*anyone, *study.config["models"]):
                yield f"{sheet}: contrast {row['contrast']!r} names {model!r}, which `models` lacks; add it there"


def _rising(low: str, high: str) -> bool:
    try:
        return float(low) < float(high)
    except ValueError:
        return False
