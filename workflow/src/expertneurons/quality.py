"""The gate for stimulus sentences: every rule that a written, generated or collected sentence must pass."""

import re
from collections import Counter, defaultdict
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
    seen = Seen()
    problems: list[Problem] = []
    for sentence in sentences:
        alike = seen.like(sentence.text)
        problems += [Problem(sentence.id, "near duplicate", f"repeats {other}: {sentence.text}") for other in alike]
        seen.add(sentence.id, sentence.text)
    return problems


class Seen:
    """Texts so far, found again by their character 5-grams."""

    def __init__(self) -> None:
        """Start empty."""
        self._holders: dict[str, list[int]] = defaultdict(list)
        self._sizes: list[int] = []
        self._names: list[str] = []

    def add(self, name: str, text: str) -> None:
        """Remember a text under a name."""
        own = _grams(text)
        for gram in own:
            self._holders[gram].append(len(self._sizes))
        self._sizes.append(len(own))
        self._names.append(name)

    def like(self, text: str) -> list[str]:
        """Return the names of the texts that this one nearly repeats."""
        own = _grams(text)
        shared: dict[int, int] = defaultdict(int)
        for gram in own:
            for other in self._holders.get(gram, ()):
                shared[other] += 1
        alike = [
            other
            for other, count in shared.items()
            if count >= NEAR_DUPLICATE * (len(own) + self._sizes[other] - count)
        ]
        return [self._names[other] for other in sorted(alike)]


def _grams(text: str) -> set[str]:
    plain = " ".join(split(text))
    return {plain[i : i + 5] for i in range(max(1, len(plain) - 4))}


class Gate:
    """Admits sentences one by one, so that a set that grows through it passes `check` at every size up to `target`.

    `target` is the number of sentences wanted for a concept: the rules about shares count against it.
    """

    def __init__(self, spellings: Mapping[str, list[str]], rated_pairs: Iterable[tuple[str, str]], target: int) -> None:
        """Take the forms of every concept, the rated pairs and the size of a concept's set."""
        self.lexicon = Lexicon(spellings)
        self._partners = _partners(rated_pairs)
        self._target = target
        self._seen = Seen()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._openings: set[tuple[str, ...]] = set()

    def alone(self, sentence: Sentence) -> list[tuple[str, str]]:
        """Return what is wrong with the sentence by itself: rule and detail."""
        return _of_one(sentence, self.lexicon, self._partners)

    def admit(self, sentence: Sentence) -> list[tuple[str, str]]:
        """Return what speaks against the sentence, alone or beside those admitted; nothing, and it is admitted."""
        found = self.alone(sentence)
        found += [("near duplicate", f"repeats {other}") for other in self._seen.like(sentence.text)]
        opening = (sentence.concept, *split(sentence.text)[:3])
        traits = self._traits(sentence)
        for rule, share in (("position", LEADING_CONCEPT), ("other concepts", OTHER_CONCEPT), ("definitions", None)):
            most = DEFINITIONS if share is None else int(share * self._target)
            if rule in traits and self._counts[sentence.concept, rule] >= most:
                found.append((rule, f"{most} sentences of {sentence.concept!r} are like this already"))
        if opening in self._openings:
            found.append(("openings", "its first three words open another sentence of the concept"))
        if not found:
            self._seen.add(sentence.id, sentence.text)
            self._openings.add(opening)
            self._counts.update((sentence.concept, rule) for rule in traits)
        return found

    def _traits(self, sentence: Sentence) -> set[str]:
        others = {mention.concept for mention in self.lexicon.find(sentence.text)} - {sentence.concept}
        marks = {
            "position": _leads(sentence, self.lexicon),
            "other concepts": bool(others),
            "definitions": bool(DEFINITION.search(sentence.text)),
        }
        return {rule for rule, holds in marks.items() if holds}
