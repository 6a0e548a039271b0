"""Responses and embeddings against a plain pass: one sentence at a time, no batches, hooks written here."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

import tiny
from expertneurons.errors import StudyError
from expertneurons.extraction import extract_responses
from expertneurons.poolings import Pooling
from expertneurons.stimuli import build_stimuli
from small_disk import small_disk

SHEET = Path(__file__).parents[2] / "config" / "sites.tsv"
SITES = ["attn.qkv", "attn.out", "mlp.up", "mlp.act", "mlp.down"]
POOLINGS: list[Pooling] = ["max", "min", "mean"]
SENTENCES = {
    "dog": [
        "The dog sleeps.",
        "Our neighbour walks her old dog slowly around the frozen lake.",
        "Two dogs and another dog barked.",
    ],
    "tree": ["A tree fell across the road.", "Trees give shade in summer, and fruit in the autumn."],
    "ice-cream": ["The children shared an ice cream on the beach.", "Ice cream melts."],
}
SPANS = {"dog": "dogs?", "tree": "trees?", "ice-cream": "ice cream"}
SPECIAL = {1, 2}

# Modules inside one block, written down apart from the sheet; the gated activation is worked out below.
BERT = {
    "attn.qkv": ["attention.self.query", "attention.self.key", "attention.self.value"],
    "attn.out": ["attention.output.dense"],
    "mlp.up": ["intermediate.dense"],
    "mlp.act": ["intermediate"],
    "mlp.down": ["output.dense"],
}
GPT2 = {
    "attn.qkv": ["attn.c_attn"],
    "attn.out": ["attn.c_proj"],
    "mlp.up": ["mlp.c_fc"],
    "mlp.act": ["mlp.act"],
    "mlp.down": ["mlp.c_proj"],
}
NEOX = {
    "attn.qkv": ["attention.query_key_value"],
    "attn.out": ["attention.dense"],
    "mlp.up": ["mlp.dense_h_to_4h"],
    "mlp.act": ["mlp.act"],
    "mlp.down": ["mlp.dense_4h_to_h"],
}
LLAMA = {
    "attn.qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "attn.out": ["self_attn.o_proj"],
    "mlp.up": ["mlp.gate_proj", "mlp.up_proj"],
    "mlp.act": [],
    "mlp.down": ["mlp.down_proj"],
}
INSIDE = {"bert": BERT, "roberta": BERT, "gpt2": GPT2, "gpt_neox": NEOX} | dict.fromkeys(
    ("llama", "mistral", "qwen2"), LLAMA
)


class Plain(NamedTuple):
    """Of one sentence: (tokens, units), hidden states (depths, tokens, width), which tokens are special and own."""

    units: torch.Tensor
    states: torch.Tensor
    special: torch.Tensor
    own: torch.Tensor


class Run(NamedTuple):
    folder: Path
    arrays: dict[str, npt.NDArray[Any]]
    units: pd.DataFrame
    embeddings: npt.NDArray[np.float32]


def texts() -> list[str]:
    return [text for own in SENTENCES.values() for text in own]


def stimuli(folder: Path, sentences: dict[str, list[str]]) -> Path:
    concepts, rows = tiny.write_stimuli(folder, sentences)
    build_stimuli(concepts, rows, folder / "concepts.parquet", folder / "sentences.parquet", 1)
    return folder / "sentences.parquet"


def extract(checkpoint: Path, table: Path, folder: Path, **options: Any) -> Run:
    poolings = options.pop("poolings", POOLINGS)
    paths = {pooling: folder / f"{pooling}.npy" for pooling in poolings}
    sites = options.pop("sites_wanted", SITES)
    places = (SHEET, list(paths.values()), folder / "units.parquet", folder / "embeddings.npy")
    extract_responses(checkpoint, table, *places, sites, poolings, "a-model", **options)
    return Run(
        folder,
        {pooling: np.load(path) for pooling, path in paths.items()},
        pd.read_parquet(places[2]),
        np.load(places[3]),
    )


def plain_passes(checkpoint: Path, architecture: str) -> list[Plain]:
    """Run every sentence alone through a model with hooks of this test."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModel.from_pretrained(checkpoint, use_safetensors=True).eval()
    blocks = {"bert": "encoder.layer", "roberta": "encoder.layer", "gpt2": "h"}.get(architecture, "layers")
    kept: dict[str, torch.Tensor] = {}

    def keeper(name: str) -> Callable[..., None]:
        return lambda _module, _inputs, output: kept.__setitem__(name, output[0])

    for number in range(tiny.LAYERS):
        for name in (name for names in INSIDE[architecture].values() for name in names):
            path = f"{blocks}.{number}.{name}"
            model.get_submodule(path).register_forward_hook(keeper(f"{number}.{name}"))

    def unit_values(number: int, site: str) -> Iterator[torch.Tensor]:
        if site == "mlp.act" and not INSIDE[architecture][site]:
            yield torch.nn.functional.silu(kept[f"{number}.mlp.gate_proj"]) * kept[f"{number}.mlp.up_proj"]
        for name in INSIDE[architecture][site]:
            yield kept[f"{number}.{name}"]

    found = []
    for concept, own in SENTENCES.items():
        for text in own:
            coded = tokenizer(text, return_tensors="pt")
            ids = coded["input_ids"]
            with torch.no_grad():
                states = model(input_ids=ids, output_hidden_states=True).hidden_states
                static = model.get_input_embeddings()(ids)
            spans = [match.span() for match in re.finditer(rf"\b{SPANS[concept]}\b", text, re.IGNORECASE)]
            named = {place for start, end in spans for place in range(start, end)}
            covered = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
            inside = torch.tensor([bool(named & set(range(first, last))) for first, last in covered])
            values = [v for number in range(tiny.LAYERS) for site in SITES for v in unit_values(number, site)]
            special = torch.tensor([int(token) in SPECIAL for token in ids[0]])
            found.append(Plain(torch.cat(values, 1), torch.cat([static, *states]), special, inside))
    return found


def pooled(passes: list[Plain], pooling: str, include_special: bool = False) -> npt.NDArray[Any]:
    rows = []
    for one in passes:
        values = one.units if include_special else one.units[~one.special]
        rows.append({"max": values.amax(0), "min": values.amin(0), "mean": values.mean(0)}[pooling].numpy())
    return np.array(rows)


@pytest.fixture(scope="module")
def sentence_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stimuli(tmp_path_factory.mktemp("stimuli"), SENTENCES)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny.write_model(folder / name, name, texts()) for name in tiny.ARCHITECTURES}


@pytest.fixture(scope="module")
def passes(checkpoints: dict[str, Path]) -> dict[str, list[Plain]]:
    return {name: plain_passes(folder, name) for name, folder in checkpoints.items()}


def changed(checkpoint: Path, folder: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Path:
    """Copy a model with one of its weights changed."""
    folder.mkdir()
    for file in checkpoint.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    weights[name] = change(weights[name])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def empty(folder: Path) -> bool:
    return not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize("tokens", [8, 64, 4096])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_responses_and_embeddings_equal_a_plain_pass(
    architecture: str,
    tokens: int,
    checkpoints: dict[str, Path],
    passes: dict[str, list[Plain]],
    sentence_table: Path,
    tmp_path: Path,
) -> None:
    run = extract(checkpoints[architecture], sentence_table, tmp_path, tokens_per_batch=tokens)
    for pooling in POOLINGS:
        expected = pooled(passes[architecture], pooling)
        assert run.arrays[pooling].dtype == np.float32
        assert np.abs(run.arrays[pooling] - expected).max() < 1e-5
        assert expected.std() > 0.01
    kept = [(one.states, one.own, ~one.special) for one in passes[architecture]]
    scopes = [[states[:, own].mean(1), states[:, real].mean(1)] for states, own, real in kept]
    means = torch.tensor(np.array(scopes)).numpy()  # (sentences, scopes, depths, width)
    ends = np.cumsum([0, *map(len, SENTENCES.values())])
    averaged = [means[a:b].mean(0) for a, b in pairwise(ends)]
    expected = np.stack(averaged, axis=2)
    assert run.embeddings.shape == (2, tiny.LAYERS + 2, len(SENTENCES), tiny.WIDTH)
    assert np.abs(run.embeddings - expected).max() < 1e-5


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_special_tokens_count_only_when_asked_for(
    architecture: str,
    checkpoints: dict[str, Path],
    passes: dict[str, list[Plain]],
    sentence_table: Path,
    tmp_path: Path,
) -> None:
    assert all(bool(one.special[0]) for one in passes[architecture])
    run = extract(checkpoints[architecture], sentence_table, tmp_path, include_special=True, tokens_per_batch=64)
    for pooling in POOLINGS:
        expected = pooled(passes[architecture], pooling, include_special=True)
        assert np.abs(run.arrays[pooling] - expected).max() < 1e-5
        assert np.abs(pooled(passes[architecture], pooling) - expected).max() > 0.01


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_other_poolings_equal_a_plain_pass(
    architecture: str,
    checkpoints: dict[str, Path],
    passes: dict[str, list[Plain]],
    sentence_table: Path,
    tmp_path: Path,
) -> None:
    poolings: list[Pooling] = ["max", "last", "special", "context", "activated"]
    activated = tmp_path / "activated.parquet"
    run = extract(
        *(checkpoints[architecture], sentence_table, tmp_path),
        poolings=poolings,
        sites_wanted=["mlp.up"],
        activated_units=activated,
        tokens_per_batch=64,
    )
    width = {"mlp.up": 0, "mlp.act": 0} | run.units.groupby("site").size().to_dict()
    assert width["mlp.act"] == 0
    sizes = [3 * tiny.WIDTH, tiny.WIDTH, *[(4 if architecture == "gpt2" else 3) * tiny.WIDTH] * 2, tiny.WIDTH]
    place = np.repeat([site for _ in range(tiny.LAYERS) for site in SITES], sizes * tiny.LAYERS)
    up, act = place == "mlp.up", place == "mlp.act"
    for row, one in enumerate(passes[architecture]):
        real = one.units[~one.special]
        expected = {
            "max": real[:, up].amax(0),
            "last": real[-1, up],
            "special": one.units[:, up].amax(0),
            "context": one.units[~one.special & ~one.own][:, up].amax(0),
            "activated": real[:, act].amax(0),
        }
        for pooling, values in expected.items():
            np.testing.assert_allclose(run.arrays[pooling][row], values, atol=1e-5)
    table = pd.read_parquet(activated)
    assert set(table["site"]) == {"mlp.act"}
    assert len(table) == run.arrays["activated"].shape[1]
    assert not np.allclose(run.arrays["context"], run.arrays["max"])


def test_a_sentence_of_its_concept_alone_has_no_context(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    alone = stimuli(tmp_path / "alone", {"dog": ["The dog sleeps.", "dog dog"]})
    with pytest.raises(StudyError, match="sentence number 1 has no token but its concept's"):
        extract(checkpoints["gpt2"], alone, tmp_path / "out", poolings=["context"])
    assert empty(tmp_path / "out")


def test_masked_concepts_do_not_reach_the_model(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    def run(name: str, text: str, concept: str, variant: str) -> npt.NDArray[Any]:
        table = stimuli(tmp_path / name, {concept: [text]})
        options = {"variant": variant, "poolings": ["max"]}
        return extract(checkpoints["bert"], table, tmp_path / name / variant, **options).arrays["max"]

    trees, dogs = ("A tree melts.", "tree"), ("A dog melts.", "dog")
    assert np.array_equal(run("a", *trees, "masked"), run("b", *dogs, "masked"))
    assert not np.array_equal(run("a", *trees, "plain"), run("b", *dogs, "plain"))


def test_padded_sentences_all_reach_the_length_of_the_longest(
    checkpoints: dict[str, Path], passes: dict[str, list[Plain]], sentence_table: Path, tmp_path: Path
) -> None:
    plain, small, large = (
        extract(checkpoints["gpt2"], sentence_table, tmp_path / str(n), poolings=["max"], tokens_per_batch=n, variant=v)
        for n, v in ((1, "plain"), (2, "padded"), (4096, "padded"))
    )
    np.testing.assert_allclose(small.arrays["max"], large.arrays["max"], atol=1e-5)
    lengths = np.array([len(one.special) for one in passes["gpt2"]])
    differ = (plain.arrays["max"] < large.arrays["max"] - 1e-5).any(axis=1)
    assert differ.tolist() == (lengths < lengths.max()).tolist()
    assert (plain.arrays["max"] <= large.arrays["max"] + 1e-5).all()


def test_units_are_numbered_by_layer_site_and_module(
    checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path
) -> None:
    run = extract(checkpoints["gpt2"], sentence_table, tmp_path, poolings=["max"])
    sizes = run.units.groupby(["layer", "site"], sort=False).size()
    widths = [3 * tiny.WIDTH, tiny.WIDTH, 4 * tiny.WIDTH, 4 * tiny.WIDTH, tiny.WIDTH]
    assert list(sizes.index) == [(layer, site) for layer in range(tiny.LAYERS) for site in SITES]
    assert sizes.tolist() == widths * tiny.LAYERS
    assert run.units["unit"].tolist() == list(range(run.arrays["max"].shape[1]))


def test_the_order_of_sites_is_that_asked_for(
    checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path
) -> None:
    sites = ["mlp.down", "attn.qkv"]
    run = extract(checkpoints["bert"], sentence_table, tmp_path / "two", sites_wanted=sites, poolings=["max"])
    whole = extract(checkpoints["bert"], sentence_table, tmp_path / "all", poolings=["max"])
    assert run.units.groupby("layer")["site"].unique().map(list).tolist() == [sites] * tiny.LAYERS
    place = whole.units.set_index(["layer", "site", "index"])["unit"]
    columns = [place[row] for row in run.units[["layer", "site", "index"]].itertuples(index=False, name=None)]
    assert np.array_equal(run.arrays["max"], whole.arrays["max"][:, columns])


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_threads_do_not_change_a_byte(
    architecture: str, checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path
) -> None:
    one, two = (
        extract(checkpoints[architecture], sentence_table, tmp_path / str(n), tokens_per_batch=8, threads=n).folder
        for n in (1, 2)
    )
    names = sorted(path.name for path in one.iterdir())
    assert names == ["embeddings.npy", "max.npy", "mean.npy", "min.npy", "units.parquet"]
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize("architecture", ["gpt2", "bert", "llama"])
def test_padding_changes_nothing_where_a_batch_holds_none(
    architecture: str, checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path
) -> None:
    plain, padded = (
        extract(checkpoints[architecture], sentence_table, tmp_path / str(on), include_padding=on, tokens_per_batch=1)
        for on in (False, True)
    )
    for pooling in POOLINGS:
        assert np.array_equal(plain.arrays[pooling], padded.arrays[pooling])


def test_padding_changes_the_shorter_sentences_of_a_batch(
    checkpoints: dict[str, Path], passes: dict[str, list[Plain]], sentence_table: Path, tmp_path: Path
) -> None:
    plain, padded = (
        extract(checkpoints["gpt2"], sentence_table, tmp_path / str(on), include_padding=on, tokens_per_batch=4096)
        for on in (False, True)
    )
    lengths = np.array([len(one.special) for one in passes["gpt2"]])
    differ = (plain.arrays["mean"] != padded.arrays["mean"]).any(axis=1)
    assert differ.tolist() == (lengths < lengths.max()).tolist()
    assert np.array_equal(plain.embeddings, padded.embeddings)


def test_untrained_weights_depend_on_their_seed_only(
    checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path
) -> None:
    def drawn(name: str, seed: int) -> npt.NDArray[Any]:
        return extract(
            checkpoints["gpt2"], sentence_table, tmp_path / name, weights="random", seed=seed, poolings=["max"]
        ).arrays["max"]

    first = drawn("first", 4)
    assert np.array_equal(first, drawn("again", 4))
    assert not np.allclose(first, drawn("other", 5))


def test_float16_is_stored_rounded(checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path) -> None:
    whole = extract(checkpoints["gpt2"], sentence_table, tmp_path / "32").arrays
    half = extract(checkpoints["gpt2"], sentence_table, tmp_path / "16", dtype="float16").arrays
    for pooling in POOLINGS:
        assert half[pooling].dtype == np.float16
        assert np.array_equal(half[pooling], whole[pooling].astype(np.float16))


def test_overflow_of_float16_is_refused(checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path) -> None:
    big = changed(checkpoints["gpt2"], tmp_path / "model", "h.1.mlp.c_proj.weight", lambda weight: weight * 1e8)
    with pytest.raises(
        StudyError, match=r"a-model: .*layer 1 mlp\.down \d+ to sentence \S+-0\d is -?inf; store float32"
    ):
        extract(big, sentence_table, tmp_path / "out", dtype="float16")
    assert empty(tmp_path / "out")


def test_weights_that_are_not_numbers_are_refused_with_their_place(
    checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path
) -> None:
    broken = changed(checkpoints["gpt2"], tmp_path / "model", "h.1.mlp.c_proj.weight", lambda weight: weight * np.nan)
    with pytest.raises(StudyError, match=r"a-model: .*layer 1 mlp\.down 0 to sentence dog-02 is nan; .*fetch"):
        extract(broken, sentence_table, tmp_path / "out")
    assert empty(tmp_path / "out")


def test_weights_behind_the_last_site_that_are_not_numbers_are_refused(
    checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path
) -> None:
    broken = changed(checkpoints["gpt2"], tmp_path / "model", "ln_f.weight", lambda weight: weight * np.nan)
    with pytest.raises(StudyError, match=r"a-model: .*embedding.* nan"):
        extract(broken, sentence_table, tmp_path / "out")
    assert empty(tmp_path / "out")


# RoBERTa numbers positions from the padding's number plus one, so it takes fewer tokens than it has positions.
@pytest.mark.parametrize(("architecture", "longest"), [("gpt2", 64), ("bert", 64), ("roberta", 63)])
def test_longest_sentence_that_a_model_takes(
    architecture: str, longest: int, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    words = longest - (0 if architecture == "gpt2" else 2)
    whole = stimuli(tmp_path / "whole", {"dog": ["dog " * words]})
    assert extract(checkpoints[architecture], whole, tmp_path / "fits").arrays["max"].shape[0] == 1
    longer = stimuli(tmp_path / "longer", {"dog": ["The dog sleeps.", "dog " * (words + 1)]})
    with pytest.raises(StudyError, match=f"sentence dog-02 has {longest + 1} tokens, the model takes {longest}"):
        extract(checkpoints[architecture], longer, tmp_path / "out")
    assert empty(tmp_path / "out")


@pytest.mark.parametrize("architecture", ["opt", "distilbert"])
def test_unknown_architecture_says_what_to_add(architecture: str, sentence_table: Path, tmp_path: Path) -> None:
    checkpoint = tiny.write_model(tmp_path / "model", architecture, texts())
    with pytest.raises(StudyError) as caught:
        extract(checkpoint, sentence_table, tmp_path / "out")
    told = str(caught.value)
    example = {"opt": "decoder.layers.*.fc2", "distilbert": "transformer.layer.*.ffn.lin2"}[architecture]
    for part in (str(SHEET), repr(architecture), "attn.qkv", example):
        assert part in told
    assert empty(tmp_path / "out")


def test_unknown_site_names_those_there_are(checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=rf"{SHEET}: 'gpt2' has no site 'mlp\.gate'; choose from attn\.qkv, .*mlp\.down"
    ):
        extract(checkpoints["gpt2"], sentence_table, tmp_path / "out", sites_wanted=["mlp.down", "mlp.gate"])
    assert empty(tmp_path / "out")


@pytest.mark.parametrize(("largest", "name"), [(900, "max.npy"), (2500, "units.parquet")])
def test_a_full_disk_names_the_file_and_leaves_no_responses(
    largest: int, name: str, checkpoints: dict[str, Path], sentence_table: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"poolings": ["max"], "sites_wanted": ["mlp.down"]}
    told = f"^{tmp_path / name}: .*; free some disk space and run again"
    with small_disk(largest), pytest.raises(StudyError, match=told):
        extract(checkpoints["gpt2"], sentence_table, tmp_path, **options)
    assert not tiny.leftovers(tmp_path)
    assert not (tmp_path / "max.npy").exists()
    assert extract(checkpoints["gpt2"], sentence_table, tmp_path, **options).arrays["max"].shape[0] == len(texts())
