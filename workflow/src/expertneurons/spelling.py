"""Spelling: the ways in which a tokenizer writes a word after a context, and the probability that a model gives them.

A word is said when one of its spellings is followed by something that ends it: a space, a mark, an apostrophe, the end
of the text. So "cat" is not said by "cats" nor by "cattle", no spelling is counted in another one, and probabilities of
spellings add up.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from expertneurons.errors import StudyError


class Row(NamedTuple):
    """Tokens that go through a model, and those of them that are read, with the place of the first."""

    ids: tuple[int, ...]
    start: int
    tokens: tuple[int, ...]


class Question(NamedTuple):
    """How probable is a word here? Rows to run, and every spelling as a row and how many of its tokens it takes."""

    rows: list[Row]
    spellings: list[tuple[int, int]]

    def answer(self, tokens: Sequence[npt.NDArray[np.float64]], ends: Sequence[npt.NDArray[np.float64]]) -> float:
        """Return the log probability of the word: of any of its spellings, each ended.

        Args:
            tokens: Per row, log probability of each token after those before it.
            ends: Per row, log probability that the word ends after each token.

        """
        found = [tokens[row][:length].sum() + ends[row][length - 1] for row, length in self.spellings]
        return float(np.logaddexp.reduce(np.array(found, np.float64)))


def spelled(forms: Sequence[str], context: str) -> list[str]:
    """Return a word's forms as they may be written there: also with a capital, where the context has capitals."""
    capital = {form[:1].upper() + form[1:] for form in forms} if context != context.lower() else set()
    return sorted({*forms, *capital})


def ask(tokenizer: Any, context: str, forms: Sequence[str]) -> Question:
    """Ask a causal model for a word after a context (no space at its end).

    Every form is written with a space before it and cut into tokens as the tokenizer does; a row serves all
    spellings that it begins with.

    Raises:
        StudyError: a context whose tokens change with what follows.

    """
    given = tuple(tokenizer(context)["input_ids"])
    paths = set()
    for form in spelled(forms, context):
        whole = tuple(tokenizer(f"{context} {form}")["input_ids"])
        if whole[: len(given)] != given or len(whole) == len(given):
            raise StudyError(f"the tokens of {context!r} change when {form!r} follows; let it end with a whole word")
        paths.add(whole[len(given) :])
    longest = [path for path in sorted(paths) if not any(_begins(path, other) for other in paths)]
    rows = [Row(given + path, len(given), path) for path in longest]
    holder = {path: next(n for n, own in enumerate(longest) if own[: len(path)] == path) for path in sorted(paths)}
    return Question(rows, [(row, len(path)) for path, row in holder.items()])


def _begins(path: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return len(path) < len(other) and other[: len(path)] == path


def ask_masked(tokenizer: Any, left: str, right: str, forms: Sequence[str]) -> Question:
    """Ask a masked model for a word between two texts.

    The word stands under as many masks as its shortest spelling has tokens; the probability of a spelling is the
    product over its masks, and spellings of more tokens are left out: other numbers of masks are other questions.
    """
    paths = {tuple(tokenizer(form, add_special_tokens=False)["input_ids"]) for form in spelled(forms, left)}
    fewest = min(map(len, paths))
    masks = " ".join([tokenizer.mask_token] * fewest)
    ids = tuple(tokenizer(f"{left} {masks}{right}")["input_ids"])
    start = ids.index(tokenizer.mask_token_id)
    rows = [Row(ids, start, path) for path in sorted(paths) if len(path) == fewest]
    return Question(rows, [(number, fewest) for number in range(len(rows))])


def ends(tokenizer: Any, width: int) -> torch.Tensor:
    """Which tokens, coming next, end the word before them: (width,) bool.

    They are those that do not go on with a letter or a digit. A token of part of a character (bytes) counts as an end;
    numbers beyond the tokenizer's own tokens are none.
    """
    before = tokenizer("a", add_special_tokens=False)["input_ids"]
    text = tokenizer.decode(before, clean_up_tokenization_spaces=False)
    size = min(len(tokenizer), width)
    whole = tokenizer.batch_decode([[*before, token] for token in range(size)], clean_up_tokenization_spaces=False)
    found = torch.zeros(width, dtype=torch.bool)
    found[:size] = torch.tensor([not own[len(text) : len(text) + 1].isalnum() for own in whole])
    found[[token for token in tokenizer.all_special_ids if token < width]] = True
    return found
