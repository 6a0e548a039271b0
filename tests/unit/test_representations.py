"""Representations: their names and shapes, what each may see, and controls that keep what they should."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics.pairwise import cosine_similarity

import tiny
from expertneurons import representations, tables
from expertneurons.errors import StudyError
from expertneurons.representations import measure_similarity
from expertneurons.selection import expert_sets
from expertneurons.similarity import jaccard, overlap
from expertneurons.stimuli import build_stimuli

# "tree" is named in one of the dog's three sentences, "dog" in one of the tree's two.
SENTENCES = {
    "dog": ["The dog slept near a tree.", "My dog barked loudly.", "A dog slept again."],
    "tree": ["The tree grew near my dog.", "A tree fell loudly."],
    "whale": ["The whale sang again.", "Whales dive deep."],
}
CONCEPTS, UNITS, WIDTH, DEPTHS = 3, 24, 5, 3
INDEX = pd.DataFrame({"unit": range(UNITS), "layer": np.repeat([0, 1], 12), "site": (["a.b"] * 4 + ["c.d"] * 8) * 2})
THRESHOLDS, TOP = [0.5, 0.8], [2]
CHANCE = [0.3, 0.25, 0.2]


class Measured(NamedTuple):
    similarity: npt.NDArray[np.float32]
    table: pd.DataFrame

    def of(self, name: str) -> npt.NDArray[np.float32]:
        """Matrix of a representation; the first of its thresholds."""
        found: npt.NDArray[np.float32] = self.similarity[self.table["representation"].tolist().index(name)]
        return found


def scores() -> npt.NDArray[np.float32]:
    ap = np.random.default_rng(3).random((CONCEPTS, UNITS)).astype(np.float32)
    ap[2] = np.minimum(ap[2], 0.7)  # the whale has no expert at 0.8
    return ap


def embeddings() -> npt.NDArray[np.float32]:
    return np.random.default_rng(4).standard_normal((2, DEPTHS, CONCEPTS, WIDTH)).astype(np.float32)


def ranked() -> pd.DataFrame:
    rows = [
        {"concept_number": concept, "rank": rank, "unit": unit, "ap": own[unit]}
        for concept, own in enumerate(scores())
        for rank, unit in enumerate(np.argsort(-own), 1)
    ]
    return pd.DataFrame(rows).astype({"ap": np.float32})


def measure(folder: Path, sentences: dict[str, list[str]] | None = None, **options: Any) -> Measured:
    arrays = {"ap": scores(), "embeddings": embeddings(), **options.pop("arrays", {})}
    folder.mkdir(exist_ok=True)
    concepts, rows = folder / "concepts.parquet", folder / "sentences.parquet"
    build_stimuli(*tiny.write_stimuli(folder / "sheets", sentences or SENTENCES), concepts, rows)
    ap, embedded = folder / "ap.npy", folder / "embeddings.npy"
    np.save(ap, arrays["ap"])
    np.save(embedded, arrays["embeddings"])
    design, experts, units = (folder / f"{name}.parquet" for name in ("design", "experts", "units"))
    tables.write(pd.DataFrame({"concept_number": range(CONCEPTS), "chance": CHANCE}), design)
    tables.write(ranked(), experts)
    tables.write(INDEX, units)
    outputs = folder / "similarity.npy", folder / "representations.parquet"
    given = {"thresholds": THRESHOLDS, "top": TOP, "random_draws": 4, "seed": 1, **options}
    measure_similarity(ap, design, experts, units, embedded, concepts, rows, *outputs, **given)
    return Measured(np.load(outputs[0]), tables.read(outputs[1]))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    return measure(tmp_path_factory.mktemp("measured"))


def test_names_families_and_thresholds(measured: Measured) -> None:
    experts = ["experts.jaccard", "experts.overlap", "random_units.jaccard"]
    depths = ["static", "layer0", "layer1"]
    embedded = [f"embedding.{d}.{scope}{z}" for scope in ("concept", "sentence") for d in depths for z in ("", ".z")]
    texts = ["text.tfidf", "text.partner_words"]
    names = [*experts, *experts, "experts.top2", "expertise.cosine", *embedded, *texts]
    assert measured.table["representation"].tolist() == names
    assert measured.table["threshold"].tolist()[:6] == [0.5, 0.5, 0.5, 0.8, 0.8, 0.8]
    assert measured.table["threshold"][6:].isna().all()
    families = measured.table.drop_duplicates("representation").set_index("representation")["family"]
    assert families[experts].tolist() == ["experts", "experts", "control"]
    assert families["embedding.static.concept"] == "static"
    assert families["embedding.layer1.sentence.z"] == "contextual"
    assert set(families[texts]) == {"text"}


def test_matrices_are_square_and_symmetric(measured: Measured) -> None:
    assert measured.similarity.shape == (len(measured.table), CONCEPTS, CONCEPTS)
    assert measured.similarity.dtype == np.float32
    np.testing.assert_allclose(measured.similarity, measured.similarity.transpose(0, 2, 1), rtol=1e-6)


def test_undefined_counts_concepts_without_an_expert(measured: Measured) -> None:
    undefined = measured.table[measured.table["family"].isin(["experts", "control"])]["undefined"].tolist()
    assert undefined == [0, 0, 0, 1, 1, 1, 0, 0]


def test_expert_matrices_are_those_of_the_sets(measured: Measured) -> None:
    sets = scores() >= np.float32(0.5)
    np.testing.assert_allclose(measured.of("experts.jaccard"), jaccard(sets), rtol=1e-6)
    np.testing.assert_allclose(measured.of("experts.overlap"), overlap(sets), rtol=1e-6)
    top = np.argsort(np.argsort(-scores(), axis=1), axis=1) < 2
    np.testing.assert_allclose(measured.of("experts.top2"), jaccard(top), rtol=1e-6)


def test_expertise_is_seen_from_each_concepts_chance(measured: Measured) -> None:
    expected = cosine_similarity(scores().astype(np.float64) - np.array(CHANCE)[:, None])
    np.testing.assert_allclose(measured.of("expertise.cosine"), expected, atol=1e-6)


def test_embeddings_are_compared_by_cosine_at_each_depth_and_scope(measured: Measured) -> None:
    for scope, depths in zip(("concept", "sentence"), embeddings(), strict=True):
        for name, vectors in zip(("static", "layer0", "layer1"), depths, strict=True):
            found, scaled = measured.of(f"embedding.{name}.{scope}"), measured.of(f"embedding.{name}.{scope}.z")
            np.testing.assert_allclose(found, cosine_similarity(vectors), atol=1e-6)
            wide = vectors.astype(np.float64)
            standard = (wide - wide.mean(0)) / wide.std(0)
            np.testing.assert_allclose(scaled, cosine_similarity(standard), atol=1e-6)


def test_tfidf_does_not_see_the_concept_word(measured: Measured, tmp_path: Path) -> None:
    # The same sentences about something else; the mentions of it in others' sentences change too.
    other = {
        name: [text.replace("whale", "shark").replace("Whale", "Shark") for text in own]
        for name, own in SENTENCES.items()
    }
    other["shark"] = other.pop("whale")
    np.testing.assert_array_equal(measure(tmp_path, other).of("text.tfidf"), measured.of("text.tfidf"))


def test_tfidf_sees_the_rest_of_the_sentence(tmp_path: Path) -> None:
    same = {"dog": ["The dog ate.", "The dogs ran."], "tree": ["The tree ate.", "The trees ran."]}
    found = measure(tmp_path, {**same, "whale": ["Whales dive.", "A whale sang."]}).of("text.tfidf")
    np.testing.assert_allclose(found, [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-6)


def test_partner_words_by_hand(measured: Measured) -> None:
    both = 1 / 3 + 1 / 2
    expected = np.array([[0, both, 0], [both, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(measured.of("text.partner_words"), expected, rtol=1e-6)


def test_random_units_keep_the_count_of_every_layer_and_site(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = expert_sets(ranked(), CONCEPTS, UNITS, threshold=0.5)
    drawn = []

    def note(random: Any) -> Any:
        drawn.append(random.toarray())
        return jaccard(random)

    monkeypatch.setattr(representations, "jaccard", note)
    found = representations._random(sets, INDEX, 5, 1)
    group = INDEX.groupby(["layer", "site"]).ngroup().to_numpy()
    per_place = np.eye(4)[group]
    assert len(drawn) == 5
    for array in drawn:
        assert set(np.unique(array)) <= {0, 1}
        np.testing.assert_array_equal(array @ per_place, sets.toarray() @ per_place)
    assert len({array.tobytes() for array in drawn}) == 5
    np.testing.assert_allclose(found, np.mean([jaccard(array > 0) for array in drawn], axis=0))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_units(measured: Measured, tmp_path: Path) -> None:
    assert measure(tmp_path / "same").similarity.tobytes() == measured.similarity.tobytes()
    other = measure(tmp_path / "other", seed=2)
    changed = {
        name
        for name, a, b in zip(measured.table["representation"], measured.similarity, other.similarity, strict=True)
        if not np.array_equal(a, b, equal_nan=True)
    }
    assert changed == {"random_units.jaccard"}


def vector_sheet(folder: Path, file: str, form: str, text: str | bytes, sheet: str = "word_vectors.tsv") -> Path:
    (folder / file).write_bytes(text.encode() if isinstance(text, str) else text)
    path = folder / sheet
    path.write_text(f"vectors\tpath\tformat\nmine\t{file}\t{form}\n", encoding="utf-8")
    return path


# The whale is unknown; the tree is known by its plural alone.
WORDS = "dog 1 0 0\ntrees 1 1 0\ncat 0 0 1\n"


@pytest.mark.parametrize(("form", "header"), [("word2vec-text", "3 3\n"), ("glove", "")])
def test_word_vectors_are_compared_and_unknown_words_unknown(form: str, header: str, tmp_path: Path) -> None:
    found = measure(tmp_path, word_vectors=vector_sheet(tmp_path, "mine.txt", form, header + WORDS))
    row = found.table.iloc[-1]
    assert (row["representation"], row["family"], row["undefined"]) == ("vectors.mine", "word vectors", 1)
    half = np.sqrt(0.5)
    expected = np.array([[1, half, np.nan], [half, 1, np.nan], [np.nan] * 3])
    np.testing.assert_allclose(found.of("vectors.mine"), expected, rtol=1e-6)


def test_binary_word_vectors_are_read(tmp_path: Path) -> None:
    rows = [(b"dog", [1, 0]), (b"tree", [0, 1]), (b"whale", [1, 1])]
    binary = b"3 2\n" + b"".join(word + b" " + np.array(v, "<f4").tobytes() + b"\n" for word, v in rows)
    found = measure(tmp_path, word_vectors=vector_sheet(tmp_path, "mine.bin", "word2vec-binary", binary))
    half = np.sqrt(0.5)
    expected = np.array([[1, 0, half], [0, 1, half], [half, half, 1]])
    np.testing.assert_allclose(found.of("vectors.mine"), expected, atol=1e-6)


def test_sheet_without_rows_adds_nothing(measured: Measured, tmp_path: Path) -> None:
    path = tmp_path / "word_vectors.tsv"
    path.write_text("vectors\tpath\tformat\n", encoding="utf-8")
    assert measure(tmp_path, word_vectors=path).similarity.tobytes() == measured.similarity.tobytes()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("word2vec-text", "not a header\n"),
        ("word2vec-text", "3 3\ndog 1 0 0\n"),
        ("word2vec-text", "1 3\ndog 1 zero 0\n"),
        ("glove", "dog 1 0 0\ntree 1 0\n"),
        ("glove", ""),
        ("word2vec-binary", b"3 2\ndog \x00\x00"),
        ("word2vec-text", b"1 2\n\xff\xfe 1 0\n"),
    ],
)
def test_unreadable_word_vectors_are_named(form: str, text: str | bytes, tmp_path: Path) -> None:
    sheet = vector_sheet(tmp_path, "mine.vec", form, text)
    with pytest.raises(StudyError, match=rf"{tmp_path / 'mine.vec'}: .*{form}.*{sheet}"):
        measure(tmp_path, word_vectors=sheet)
    assert not list(tmp_path.glob("*similarity*"))
    assert not list(tmp_path.glob("*representations*"))


def test_missing_word_vectors_are_named(tmp_path: Path) -> None:
    sheet = vector_sheet(tmp_path, "mine.vec", "glove", "")
    (tmp_path / "mine.vec").unlink()
    with pytest.raises(StudyError, match=rf"{tmp_path / 'mine.vec'}.*{sheet}"):
        measure(tmp_path, word_vectors=sheet)


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("ap", np.where(np.arange(UNITS) == 1, np.nan, scores())),
        ("ap", scores()[:, 1:]),
        ("embeddings", np.where(np.arange(WIDTH) == 1, np.inf, embeddings())),
        ("embeddings", embeddings()[:, :, 1:]),
        ("embeddings", embeddings()[0]),
    ],
)
def test_a_damaged_array_is_named(name: str, damaged: npt.NDArray[Any], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=rf"{tmp_path / name}\.npy holds .*; delete it and run again"):
        measure(tmp_path, arrays={name: damaged})
