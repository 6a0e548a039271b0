"""Formulas of mixed models over pairs: fixed terms as in patsy, concept effects by `mm(concept)`."""

import builtins
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import patsy
from scipy import sparse

from expertneurons.dyadic import incidence
from expertneurons.errors import StudyError

Values = npt.NDArray[np.float64]

MULTIPLE = re.compile(r"mm\(concept\)(?::(\w+))?")
PAIR = re.compile(r"\(1\|pair\)")
# patsy evaluates terms as Python: no name of this code is known to them, and none of Python's own but abs.
COLUMNS_ONLY = patsy.EvalEnvironment([dict.fromkeys(set(dir(builtins)) - {"abs"})])


class Formula(NamedTuple):
    """A formula taken apart.

    Attributes:
        text: As written.
        response: Column that is explained.
        fixed: The fixed terms, for patsy.
        by: Per concept effect the column that it multiplies; empty for the intercept.
        pair: Whether pairs have an effect of their own, as rows of several conditions may.

    """

    text: str
    response: str
    fixed: str
    by: list[str]
    pair: bool


class Design(NamedTuple):
    """A formula filled with the columns of a table.

    Attributes:
        names: Of the fixed effects.
        fixed: (pairs, k).
        components: Names of the concept effects, such as `concept` and `concept:rating`.
        memberships: Per component a sparse (pairs, concepts) matrix.
        concepts: Names of the concepts, in the order of the columns.
        pairs: (pairs, 2) numbers of the concepts.
        left_out: Constant covariates, which cannot be told from the intercept.

    """

    names: list[str]
    fixed: Values
    components: list[str]
    memberships: list[Any]
    concepts: list[str]
    pairs: npt.NDArray[np.intp]
    left_out: list[str]


def parse(text: str) -> Formula:
    """Take a formula apart, for instance `similarity ~ 1 + rating + mm(concept) + mm(concept):rating`."""
    response, tilde, right = (part.strip() for part in text.partition("~"))
    terms = [term.strip() for term in right.split("+")]
    if not tilde or not re.fullmatch(r"\w+", response) or not all(terms):
        raise StudyError(f"formula {text!r}: write `response ~ term + term`, the response one column")
    if "__" in right:
        raise StudyError(f"formula {text!r}: no name in it may have two underscores in a row; rename the column")
    multiple = [MULTIPLE.fullmatch(term) for term in terms]
    fixed = [term for term, found in zip(terms, multiple, strict=True) if not found and not PAIR.fullmatch(term)]
    if odd := [term for term in fixed if "|" in term or "mm(" in term]:
        raise StudyError(
            f"formula {text!r}: {odd[0]!r} is not known; effects of concepts are mm(concept) and mm(concept):column, "
            "of pairs (1|pair)"
        )
    by = [found.group(1) or "" for found in multiple if found]
    if len(set(by)) < len(by):
        raise StudyError(f"formula {text!r}: the same concept effect stands twice; remove one")
    return Formula(text, response, " + ".join(fixed) or "1", by, any(map(PAIR.fullmatch, terms)))


def build(table: pd.DataFrame, formula: Formula) -> Design:
    """Fill a formula with the columns of a table of pairs.

    Args:
        table: One row per pair: word1, word2 and the columns of the formula, numbers.
        formula: As `parse` gives it.

    Raises:
        StudyError: a column is missing, a pair stands twice, or the fixed effects cannot be told apart.

    """
    known = ", ".join(map(str, table.columns))
    if missing := [name for name in [formula.response, *formula.by] if name and name not in table]:
        raise StudyError(f"formula {formula.text!r}: no column {missing[0]!r}; known: {known}")
    if unknown := [name for name in formula.by if name and table[name].isna().any()]:
        raise StudyError(f"formula {formula.text!r}: {unknown[0]} is not a number in some pairs; leave them out")
    try:
        matrix = patsy.dmatrix(formula.fixed, table, COLUMNS_ONLY, NA_action="raise", return_type="dataframe")
    except Exception as error:  # whatever patsy raises is about the user's text
        reason = (str(error) or "it cannot be read").splitlines()[0]
        raise StudyError(f"formula {formula.text!r}: {reason}; known: {known}") from None
    constant = [name for name in matrix if name != "Intercept" and "Intercept" in matrix and np.ptp(matrix[name]) == 0]
    matrix = matrix.drop(columns=constant)
    fixed = matrix.to_numpy(np.float64)
    if np.linalg.matrix_rank(fixed) < fixed.shape[1]:
        raise StudyError(
            f"formula {formula.text!r}: its {fixed.shape[1]} fixed effects cannot be told apart in {len(table)} pairs; "
            "remove a covariate that others make up"
        )
    concepts, pairs = numbered(table)
    holds = incidence(pairs)
    memberships = [
        sparse.csr_array(sparse.diags_array(table[name].to_numpy(np.float64)) @ holds) if name else holds
        for name in formula.by
    ]
    components = [f"concept:{name}" if name else "concept" for name in formula.by]
    return Design(list(matrix), fixed, components, memberships, concepts, pairs, constant)


def numbered(table: pd.DataFrame) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Concepts of a table of pairs in alphabetical order, and the pairs as their numbers (pairs, 2)."""
    words = table[["word1", "word2"]].to_numpy(str)
    ordered = np.sort(words, axis=1)
    same = ordered[:, 0] == ordered[:, 1]
    repeated = pd.DataFrame(ordered).duplicated().to_numpy()
    for wrong, reason in ((same, "pairs a word with itself"), (repeated, "stands twice")):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            named = f"row {row} of the pairs, {words[row, 0]} - {words[row, 1]},"
            raise StudyError(f"{named} {reason}; keep one row per pair")
    concepts, places = np.unique(ordered, return_inverse=True)
    return concepts.tolist(), np.asarray(places, np.intp).reshape(ordered.shape)


def scaled(values: Sequence[float] | Values, scale: str) -> Values:
    """Values with mean 0 and (population) standard deviation 1, or their normal scores (van der Waerden)."""
    from scipy import stats

    own = np.asarray(values, np.float64)
    if scale == "normal scores":
        own = stats.norm.ppf(stats.rankdata(own) / (len(own) + 1))
    spread = own.std()
    return np.asarray((own - own.mean()) / spread if spread > 0 else own - own.mean())
