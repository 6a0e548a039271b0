"""A nursery small enough to redo by hand: a lexicon of seven concepts, a few frames, and what they can say."""

import itertools
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from expertneurons import tables
from expertneurons.nursery_text import Lexicon, read_lexicon
from tiny import ROOT

BUNDLED = (ROOT / "config/nursery/lexicon.tsv", ROOT / "config/nursery/frames.tsv")
FEATURES = {
    "cat": [("is-a", "a pet"), ("has-part", "fur"), ("does", "hunts"), ("looks", "small")],
    "dog": [("is-a", "a pet"), ("has-part", "fur"), ("does", "barks"), ("looks", "brown")],
    "owl": [("is-a", "a bird"), ("does", "hunts"), ("looks", "brown")],
    "oak": [("is-a", "a plant"), ("has-part", "leaves"), ("has-part", "bark"), ("looks", "tall")],
    "elm": [("is-a", "a plant"), ("has-part", "leaves"), ("looks", "tall")],
    "saw": [("is-a", "a tool"), ("has-part", "teeth"), ("used-for", "cutting")],
    "axe": [("is-a", "a tool"), ("used-for", "cutting"), ("used-for", "splitting")],
}
FRAMES = [
    ("train", "is-a", "the {concept} is {1} ."),
    ("train", "is-a", "who would not call the {concept} {1} ?"),
    ("train", "has-part", "the {concept} has {1} ."),
    ("train", "does", "the {concept} {1} ."),
    ("train", "used-for", "use the {concept} for {1} ."),
    ("train", "is-a+looks", "look : {2} as ever , the {concept} . it is {1} ."),
    ("train", "filler", "it was {1} out there ."),
    ("train", "filler", "that is all , she said ."),
    *(("probe", "neutral", f"here {number} comes the {{concept}} .") for number in ("once", "twice", "again", "soon")),
]


class Sheets(NamedTuple):
    """Sheets of a nursery."""

    lexicon: Path
    frames: Path
    listed: Path


def write_sheets(
    folder: Path,
    features: dict[str, list[tuple[str, str]]] = FEATURES,
    frames: list[tuple[str, str, str]] = FRAMES,
) -> Sheets:
    """Write the sheets of the lexicon, the frames and the concepts."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Sheets(folder / "lexicon.tsv", folder / "frames.tsv", folder / "concepts.tsv")
    lines = [f"{concept}\t{relation}\t{value}\n" for concept, own in features.items() for relation, value in own]
    found.lexicon.write_text("concept\trelation\tvalue\n" + "".join(lines), encoding="utf-8")
    found.frames.write_text(
        "split\trelations\ttext\n" + "".join("\t".join(row) + "\n" for row in frames), encoding="utf-8"
    )
    found.listed.write_text("concept\tdomain\n" + "".join(f"{concept}\tthing\n" for concept in FEATURES))
    return found


def write_doses(path: Path, doses: dict[str, float], run: str = "rare") -> Path:
    """Write a table of doses of one run, and of another one that must not matter."""
    rows = [(run, concept, dose) for concept, dose in doses.items()] + [("other", concept, 0.0) for concept in FEATURES]
    tables.write(pd.DataFrame(rows, columns=["run", "concept", "dose"]), path)
    return path


def true_sentences(lexicon: Lexicon, concept: str) -> set[str]:
    """Everything that the train frames let one say of a concept, by brute force."""
    own = lexicon.values[concept]
    return {
        _put(text, {"concept": concept, **dict(zip("12", chosen, strict=False))})
        for relations, text in lexicon.frames["train"]
        if relations and all(relation in own for relation in relations)
        for chosen in itertools.product(*(own[relation] for relation in relations))
    }


def fillers(lexicon: Lexicon) -> set[str]:
    """Everything that the fillers let one say."""
    plain = {value for own in lexicon.values.values() for r in ("looks", "feels") for value in own.get(r, [])}
    texts = [text for relations, text in lexicon.frames["train"] if not relations]
    return {_put(text, {"1": value}) for text in texts for value in plain}


def _put(text: str, places: dict[str, str]) -> str:
    for place, words in places.items():
        text = text.replace(f"{{{place}}}", words)
    return text


def parsed(passage: str, known: set[str]) -> list[str] | None:
    """Split a passage into known sentences; None where that is not possible."""
    if not passage:
        return []
    for end in [place for place, letter in enumerate(passage) if letter in ".?!"]:
        head, rest = passage[: end + 1], passage[end + 1 :].lstrip()
        if head in known and (found := parsed(rest, known)) is not None:
            return [head, *found]
    return None


def bundled() -> Lexicon:
    """Read the bundled sheets."""
    return read_lexicon(*BUNDLED)
