"""What every stage needs: the checked study, wildcards that are closed sets, and the package on the path of all jobs."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

# Relative to the working folder, so that a moved or copied study is not out of date.
WORKFLOW = Path(os.path.relpath(str(workflow.current_basedir))).parent
SOURCE = WORKFLOW.resolve() / "src"
CAPTIONS = WORKFLOW / "report"
sys.path.insert(0, str(SOURCE))

from expertneurons import sheets, study
from expertneurons.errors import StudyError
from expertneurons.provenance import code_digest
from expertneurons.steps import prefer_own_python

prefer_own_python()
try:
    STUDY = study.load(config)
except StudyError as error:
    raise WorkflowError(str(error))

SEED = STUDY.config["study"]["seed"]
THRESHOLDS = STUDY.config["experts"]["thresholds"]
POOLING = STUDY.config["expertise"]["pooling"]
TOP = STUDY.config["experts"]["top"]
NORM_TABLES = collect("<results>/norms/{norm}.parquet", norm=STUDY.config["norms"])
AGREEMENT = collect("<results>/agreement/{norm}.parquet", norm=STUDY.config["norms"])

MAX_DISK = STUDY.config["resources"]["max_disk"]

# PYTHONPATH is set after an environment is activated. One thread for the libraries' own pools: the steps share out
# work themselves, so that a result has the same bits on any number of cores. No job reaches a hub but the one that
# fetches from it, which takes HUB_OFFLINE, the user's own wish.
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(SOURCE))} OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 "
    "TOKENIZERS_PARALLELISM=false HUB_OFFLINE=${{HF_HUB_OFFLINE:-0}} HF_HUB_OFFLINE=1; "
)


def any_of(names):
    """Pattern of names; one that matches nothing where there are none."""
    return "|".join(sorted(map(re.escape, set(names)))) or "(?!)"


def checkpoints_from(kind):
    """Pattern of the checkpoints of one kind of source."""
    return any_of(row["checkpoint"] for row in STUDY.models.values() if row["source"].startswith(kind))


STREAMED = any_of(STUDY.config["responses"]["stream"])
STORED = any_of(set(STUDY.models) - set(STUDY.config["responses"]["stream"]))


wildcard_constraints:
    model="|".join(map(re.escape, STUDY.models)),
    stimuli="|".join(map(re.escape, STUDY.config["stimuli"]["sets"])),
    norm="|".join(map(re.escape, STUDY.norms)),
    file="|".join(map(re.escape, STUDY.norm_files)),
    checkpoint=checkpoints_from("wheel:"),
    snapshot=checkpoints_from("hub:"),


def checkpoint_folder(model):
    """The folder of a model's files: the user's own, or the one that a fetch rule makes."""
    row = STUDY.models[model]
    if row["source"].startswith("folder:"):
        return row["source"].removeprefix("folder:")
    return f"resources/checkpoints/{row['checkpoint']}"


def from_hub(model):
    """Whether a model is fetched from a hub."""
    return STUDY.models[model]["source"].startswith("hub:")


def checkpoint_files(model):
    """The files of a user's own model folder, so that a change of one is seen."""
    if not STUDY.models[model]["source"].startswith("folder:"):
        return []
    return sorted(str(path) for path in Path(checkpoint_folder(model)).glob("*") if path.is_file())


def checkpoint_row(checkpoint):
    """The first row of the models sheet that uses a checkpoint."""
    return next(row for row in STUDY.models.values() if row["checkpoint"] == checkpoint)


def memory(model):
    """Main memory for running a model: its weights twice over, as they are read, and the pass."""
    row = STUDY.models[model]
    width = 4 if row.get("dtype", "") in ("", "float32") else 2
    return f"{6 + round(2 * width * int(row.get('size') or 0) / 1e9)}GB"


def stimuli_sheet(name):
    """Input function for a sheet of a set of stimuli: the user's own, or what a collecting rule makes of it."""

    def path(wildcards):
        origin = STUDY.origin(wildcards.stimuli)
        if origin == "written":
            return f"{STUDY.config['stimuli']['folder']}/{wildcards.stimuli}/{name}.tsv"
        return f"<results>/stimuli/{wildcards.stimuli}/{origin}/{name}.tsv"

    return path


def option(flag, value):
    """A command-line option, or nothing where the value is not set."""
    return f"--{flag} {shlex.quote(str(value))}" if value else ""


MIRROR = option("mirror", STUDY.config["sources"]["mirror"])
HUB = option("endpoint", STUDY.config["sources"]["hub"])
COMPARED = shlex.join(
    ["--models", *STUDY.config["models"], "--reported", *STUDY.reported, "--control-of", *STUDY.control_pairs]
)
