"""The gate for stimulus sentences: every rule that a written, generated or collected sentence must pass."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from expertneurons.words import Lexicon, split

WORDS = (6, 30)
NEAR_DUPLICATE = 0.6
SAME_OPENING = 4 / 24
LEADING_CONCEPT = 0.4
OTHER_CONCEPT = 0.15
DEFINITIONS = 2

PLAIN = re.compile(r"[A-Za-z0-9 ,.;:'!?()-]+")
SENTENCE_END = re.compile(r"[.!?][')]*\s")
DEFINITION = re.compile(
    r"\b(is|are) (an?|the|one|any|some)?\s*(\w+ )?(kind|type|sort|form|variety|species|piece)s? of\b"
)
NAME = re.compile(r"(?<=[a-z,;:] )(?!I\b)[A-Z]")


class Sentence(NamedTuple):
    """A sentence and the concept it was written for."""

    id: str
    concept: str
    text: str


class Problem(NamedTuple):
    """One broken rule: the sentence (or the concept, where the rule is about its set), the rule, the detail."""

    where: str
    rule: str
    detail: str


def check(
    sentences: Sequence[Sentence], spellings: Mapping[str, list[str]], rated_pairs: Iterable[tuple[str, str]] = ()
) -> list[Problem]:
    """Every problem of a set of sentences, in the order of the sentences; empty when the set is sound.

    `spellings` holds the forms of every concept of the list (see `words.forms`); `rated_pairs` the pairs that any
    norm rates, since a sentence for one word of a pair must not mention the other: counting such mentions would
    predict the ratings without any model.
    """
    lexicon = Lexicon(spellings)
    partners = _partners(rated_pairs)
    problems: list[Problem] = []
    for sentence in sentences:
        problems += [Problem(sentence.id, *found) for found in _of_one(sentence, lexicon, partners)]
    by_concept: dict[str, list[Sentence]] = defaultdict(list)
    for sentence in sentences:
        by_concept[sentence.concept].append(sentence)
    for concept, group in by_concept.items():
        problems += [Problem(concept, *found) for found in _of_concept(concept, group, lexicon)]
    return problems + near_duplicates(sentences) + _of_set(sentences, lexicon)


def _partners(rated_pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    partners: dict[str, set[str]] = defaultdict(set)
    for first, second in rated_pairs:
        partners[first].add(second)
        partners[second].add(first)
    return partners


def _of_one(sentence: Sentence, lexicon: Lexicon, partners: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    text = sentence.text
    found: list[tuple[str, str]] = []
    mentioned = {mention.concept for mention in lexicon.find(text)}
    if sentence.concept not in mentioned:
        found.append(("concept", f"does not contain {sentence.concept!r}: {text}"))
    if rated := sorted(mentioned & partners.get(sentence.concept, set())):
        found.append(("partner", f"contains {', '.join(rated)}, rated together with {sentence.concept!r}: {text}"))
    if not WORDS[0] <= len(text.split()) <= WORDS[1]:
        found.append(("length", f"has {len(text.split())} words, not {WORDS[0]} to {WORDS[1]}: {text}"))
    if not PLAIN.fullmatch(text):
        odd = sorted(set(PLAIN.sub("", text)))
        found.append(("characters", f"contains {' '.join(odd)}: {text}"))
    if SENTENCE_END.search(text) or not re.search(r"[.!?]'?$", text):
        found.append(("one sentence", f"is not one sentence that ends in . ! or ?: {text}"))
    if NAME.search(text):
        found.append(("name", f"contains a proper name: {text}"))
    return found


def _leads(sentence: Sentence, lexicon: Lexicon) -> bool:
    """Whether the concept is the sentence's first word, or its second after an article."""
    articles = re.match(r"(an?|the)\s+", sentence.text, re.IGNORECASE)
    start = articles.end() if articles else 0
    return any(m.concept == sentence.concept and m.start == start for m in lexicon.find(sentence.text))


def _of_concept(concept: str, group: Sequence[Sentence], lexicon: Lexicon) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    openings = {tuple(split(sentence.text)[:3]) for sentence in group}
    if len(group) - len(openings) > SAME_OPENING * len(group):
        found.append(("openings", f"only {len(openings)} of {len(group)} sentences open with different three words"))
    leading = sum(_leads(sentence, lexicon) for sentence in group)
    if leading > LEADING_CONCEPT * len(group):
        found.append(("position", f"{leading} of {len(group)} sentences begin with {concept!r}"))
    definitions = sum(bool(DEFINITION.search(sentence.text)) for sentence in group)
    if definitions > DEFINITIONS:
        found.append(("definitions", f'{definitions} sentences are of the form "X is a kind of"'))
    return found


def _of_set(sentences: Sequence[Sentence], lexicon: Lexicon) -> list[Problem]:
    others = [s.id for s in sentences if {m.concept for m in lexicon.find(s.text)} - {s.concept}]
    if len(others) <= OTHER_CONCEPT * len(sentences):
        return []
    detail = f"{len(others)} of {len(sentences)} sentences mention another concept: {', '.join(others[:20])} ..."
    return [Problem("whole set", "other concepts", detail)]


def near_duplicates(sentences: Sequence[Sentence]) -> list[Problem]:
    """Pairs of texts whose sets of character 5-grams overlap by `NEAR_DUPLICATE` (Jaccard) or more."""
    grams = [_grams(sentence.text) for sentence in sentences]
    holders: dict[str, list[int]] = defaultdict(list)
    problems: list[Problem] = []
    for index, own in enumerate(grams):
        shared: dict[int, int] = defaultdict(int)
        for gram in own:
            for other in holders[gram]:
                shared[other] += 1
            holders[gram].append(index)
        for other, count in shared.items():
            if count >= NEAR_DUPLICATE * (len(own) + len(grams[other]) - count):
                detail = f"repeats {sentences[other].id}: {sentences[index].text}"
                problems.append(Problem(sentences[index].id, "near duplicate", detail))
    return problems


def _grams(text: str) -> set[str]:
    plain = " ".join(split(text))
    return {plain[i : i + 5] for i in range(max(1, len(plain) - 4))}
