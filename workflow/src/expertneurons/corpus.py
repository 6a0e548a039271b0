"""Corpus: stimuli drawn from a user's own plain text, through the same gate as written ones."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from expertneurons import sheets, tables
from expertneurons.errors import StudyError
from expertneurons.quality import Gate, Sentence
from expertneurons.steps import LOGGER
from expertneurons.words import forms

# Candidates kept per concept, in multiples of the sentences wanted: memory stays bounded whatever the corpus.
CANDIDATES = 20

Candidate = tuple[int, str, str]


def collect_sentences(
    concepts: Path,
    corpus: Path,
    norms: list[Path],
    kept: Path,
    sentences: Path,
    rejects: Path,
    per_concept: int,
    least: int,
    seed: int,
) -> None:
    """Draw sentences that mention a concept from plain text, at random and each for one concept only.

    Concepts with few candidates choose first; sentences that mention no other concept are preferred.

    Args:
        concepts: Sheet of concepts.
        corpus: A text file with one sentence per line, or a folder of such .txt files, at any depth.
        norms: Tidy norms: a sentence for one word of a rated pair must not mention the other.
        kept: Sheet to write: the concepts that have enough sentences.
        sentences: Sheet to write.
        rejects: Sheet to write: concept, rule and how many candidates it refused.
        per_concept: Sentences wanted for a concept.
        least: Fewest sentences with which a concept is kept.
        seed: Of the draw.

    """
    rows = sheets.read(concepts, "concepts")
    spellings = {row["concept"]: forms(row["concept"], row.get("forms", "")) for row in rows}
    gate = Gate(spellings, rated_pairs(norms), per_concept)
    refused: Counter[tuple[str, str]] = Counter()
    pools = _candidates(corpus, gate, per_concept, seed, refused)
    taken: set[int] = set()
    chosen: dict[str, list[Sentence]] = {concept: [] for concept in spellings}
    for concept in sorted(spellings, key=lambda concept: (len(pools.get(concept, [])), concept)):
        for digest, text, source in _preferred(pools.get(concept, []), gate):
            if len(chosen[concept]) == per_concept:
                break
            if digest in taken:
                refused[concept, "serves another concept"] += 1
                continue
            reasons = gate.admit(Sentence(source, concept, text))
            refused.update((concept, rule) for rule, _ in reasons)
            if not reasons:
                taken.add(digest)
                chosen[concept].append(Sentence(source, concept, text))
    full = sum(len(found) == per_concept for found in chosen.values())
    enough = [row for row in rows if len(chosen[row["concept"]]) >= least]
    LOGGER.info("%d of %d concepts reach %d sentences, %d reach %d", full, len(rows), per_concept, len(enough), least)
    if not enough:
        raise StudyError(f"{corpus}: no concept of {concepts} has {least} sentences; use a larger corpus")
    sheets.write(kept, enough)
    sheets.write(sentences, [found for row in enough for found in as_rows(chosen[row["concept"]], "corpus")])
    told = [{"concept": c, "rule": rule, "count": str(count)} for (c, rule), count in sorted(refused.items())]
    sheets.write(rejects, told or [{"concept": "", "rule": "", "count": "0"}])


def as_rows(chosen: Sequence[Sentence], register: str) -> Iterator[dict[str, str]]:
    """Turn sentences of one concept into rows of the sentences sheet; their ids name where they come from."""
    for number, sentence in enumerate(chosen, start=1):
        yield {
            "id": f"{'_'.join(sentence.concept.split())}-{register}-{number:03d}",
            "concept": sentence.concept,
            "register": register,
            "text": sentence.text,
            "source": sentence.id,
        }


def rated_pairs(norms: Sequence[Path]) -> list[tuple[str, str]]:
    """Every pair that any of the norms rates."""
    found = [tables.read(path) for path in norms]
    return [pair for table in found for pair in zip(table["word1"], table["word2"], strict=True)]


def _lines(corpus: Path) -> Iterator[tuple[str, str]]:
    files = sorted(corpus.rglob("*.txt")) if corpus.is_dir() else [corpus]
    if not files or not files[0].is_file():
        raise StudyError(f"corpus.path: {corpus} is no text file and no folder of .txt files; correct the path")
    for path in files:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                yield f"{path.name}:{number}", " ".join(line.split())


def _candidates(
    corpus: Path, gate: Gate, per_concept: int, seed: int, refused: Counter[tuple[str, str]]
) -> dict[str, list[Candidate]]:
    """Collect for each concept a random sample of the sentences that pass by themselves: digest, text and source."""
    pools: dict[str, list[Candidate]] = {}
    for source, text in _lines(corpus):
        mentioned = {mention.concept for mention in gate.lexicon.find(text)}
        digest = int.from_bytes(hashlib.blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest(), "big")
        for concept in sorted(mentioned):
            reasons = gate.alone(Sentence(source, concept, text))
            refused.update((concept, rule) for rule, _ in reasons)
            pool = pools.setdefault(concept, [])
            # A heap of negated digests: the largest digest leaves first, so the smallest ones, a random few, stay.
            entry = (-digest, text, source)
            if reasons:
                continue
            if len(pool) < CANDIDATES * per_concept:
                heapq.heappush(pool, entry)
            else:
                heapq.heappushpop(pool, entry)
    return pools


def _preferred(pool: Sequence[Candidate], gate: Gate) -> list[Candidate]:
    """Order candidates: those that mention the fewest concepts first, then at random; repeated texts once."""
    unique = {text: (-digest, text, source) for digest, text, source in sorted(pool, reverse=True)}
    return sorted(unique.values(), key=lambda found: (len({m.concept for m in gate.lexicon.find(found[1])}), found[0]))
