"""Comparisons: is one similarity closer to people than another, on the same pairs; and what else explains it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import covariates, tables
from expertneurons.alignment import LEAST_PAIRS, rated_pairs
from expertneurons.contrasts import Contrast, Library, Side, conditions, read_contrasts
from expertneurons.dependent import detectable, equivalence, holm, steiger, williams
from expertneurons.dyadic import covariance, freedom, interval, node_bootstrap, partial_spearman, spearman
from expertneurons.keys import KEYS
from expertneurons.steps import Progress

Values = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.intp]

NOTHING = float("nan")


def compare_representations(
    models: list[str],
    similarity: list[Path],
    representations: list[Path],
    concept_table: Path,
    norms: list[Path],
    contrasts: Path,
    comparisons: Path,
    partial: Path,
    stimuli: str,
    reported: list[str],
    control_of: list[str],
    relatedness: list[str],
    bound: float = 0.05,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> None:
    """Compare the alignments of declared contrasts, and hold covariates fixed in those of their sides.

    Args:
        models: Names of the models.
        similarity: Their similarities, in the same order.
        representations: The names in these.
        concept_table: The concepts.
        norms: Tidy norms, named by their files.
        contrasts: Sheet of contrasts.
        comparisons: Parquet file, the `comparisons` table of these stimuli.
        partial: Parquet file, the `partial` table of these stimuli.
        stimuli: Their name.
        reported: Models that are not the control of another.
        control_of: Untrained controls, each as control=model.
        relatedness: Norms of relatedness, which are held fixed where another norm is tested.
        bound: Smallest difference of interest, for equivalence.
        level: Coverage of the intervals.
        draws: Of the bootstrap over concepts.
        seed: Of these draws.

    """
    library = Library(models, similarity, representations)
    declared = read_contrasts(contrasts, library, reported, dict(own.split("=", 1) for own in control_of))
    concepts = tables.read(concept_table)
    rated = {norm.stem: rated_pairs(norm, concepts["concept"].tolist()) for norm in norms}
    progress = Progress(len(rated) * len(declared), "comparisons", "contrasts")
    rows = []
    for norm, (pairs, ratings) in rated.items():
        for contrast in declared:
            a, b = (library.matrix(side)[tuple(pairs.T)].astype(np.float64) for side in (contrast.a, contrast.b))
            known = ~np.isnan(a) & ~np.isnan(b)
            found = compare(a[known], b[known], ratings[known], pairs[known], bound, level, draws, seed)
            rows.append({**_named(contrast, stimuli, norm), **found})
            progress(1)
    table = pd.DataFrame(rows)
    table["p_family"] = table.groupby("family")["p"].transform(lambda own: holm(own.tolist()))
    tables.write(table, comparisons, KEYS["comparisons"])
    held = [
        {"model": side.model, "stimuli": stimuli, "norm": norm, "representation": side.label, **row}
        for side in conditions(declared)
        for norm in rated
        for row in _held(library, side, concepts, rated, norm, relatedness, level)
    ]
    tables.write(pd.DataFrame(held), partial, KEYS["partial"])


def _named(contrast: Contrast, stimuli: str, norm: str) -> dict[str, str]:
    return {
        "model": contrast.a.model,
        "against": contrast.b.model,
        "stimuli": stimuli,
        "norm": norm,
        "contrast": contrast.name,
        "family": contrast.family,
        "a": contrast.a.label,
        "b": contrast.b.label,
    }


def compare(
    a: Values, b: Values, ratings: Values, pairs: Pairs, bound: float, level: float, draws: int, seed: int
) -> dict[str, Any]:
    """Compare the Spearman correlations of two similarities with the same ratings of the same pairs.

    `low`, `high` and `p` are dyadic-robust; `bootstrap_low` and `bootstrap_high` draw concepts, and are wide.
    `p_williams` and `p_steiger` take pairs as independent: they are what others report, and too small.

    Args:
        a: (pairs,).
        b: (pairs,).
        ratings: (pairs,).
        pairs: (pairs, 2).
        bound: Smallest difference of interest.
        level: Coverage of the intervals, 0 to 1.
        draws: Of the bootstrap.
        seed: Of these draws.

    """
    sizes = {"n_pairs": len(pairs), "n_concepts": int(np.unique(pairs).size)}
    if reason := undefined(pairs, {"ratings": ratings, "a": a, "b": b}):
        return {**sizes, "equivalent": False, "note": reason}
    (rho_a, rho_b), influence = spearman(np.column_stack([a, b]), ratings)
    errors = covariance(influence, pairs)
    se = float(np.sqrt(max(errors[0, 0] + errors[1, 1] - 2 * errors[0, 1], 0.0)))
    r_ab = float(stats.spearmanr(a, b).statistic)
    difference, df = float(rho_a - rho_b), freedom(sizes["n_concepts"])
    told = {**sizes, "rho_a": rho_a, "rho_b": rho_b, "rho_ab": r_ab, "difference": difference, "se": se}
    if se == 0 or r_ab >= 1 - 1e-12:
        return {**told, "equivalent": True, "note": "the two order the pairs alike"}
    drawn = np.diff(node_bootstrap(np.column_stack([b, a]), ratings, pairs, draws, seed), axis=1)
    reach = stats.t.ppf(0.5 + level / 2, df) * se
    within = equivalence(difference, se, bound, df)
    return {
        **told,
        "df": df,
        "low": difference - reach,
        "high": difference + reach,
        "p": float(2 * stats.t.sf(abs(difference) / se, df)),
        "bootstrap_low": float(np.nanquantile(drawn, 0.5 - level / 2)),
        "bootstrap_high": float(np.nanquantile(drawn, 0.5 + level / 2)),
        "p_williams": williams(float(rho_a), float(rho_b), r_ab, len(pairs))[1],
        "p_steiger": steiger(float(rho_a), float(rho_b), r_ab, len(pairs))[1],
        "cohens_q": float(np.arctanh(rho_a) - np.arctanh(rho_b)),
        "bound": bound,
        "p_equivalence": within.p,
        "equivalent": within.p < 1 - level,
        "bayes_factor_01": within.bayes_factor,
        "detectable": detectable(se, df, level),
        "note": "",
    }


def undefined(pairs: Pairs, values: dict[str, Values]) -> str:
    """Why a correlation over these pairs is not defined, or nothing."""
    if len(pairs) < LEAST_PAIRS:
        return f"{len(pairs)} pairs, fewer than {LEAST_PAIRS}"
    return "; ".join(f"{name}: all equal" for name, own in values.items() if np.ptp(own) == 0)


def _held(
    library: Library,
    side: Side,
    concepts: pd.DataFrame,
    rated: dict[str, tuple[Pairs, Values]],
    norm: str,
    relatedness: Sequence[str],
    level: float,
) -> Iterator[dict[str, Any]]:
    """Yield the partial alignments of one similarity with one norm, one row per covariate and one for all."""
    pairs, ratings = rated[norm]
    values = library.matrix(side)[tuple(pairs.T)].astype(np.float64)
    texts = {name: library.matrix(Side(side.model, name, NOTHING)) for name in covariates.TEXTS}
    given = covariates.covariates(concepts, pairs, texts)
    for other in relatedness:
        if other in rated and other != norm:
            given[f"rating_{other}"] = _other_ratings(pairs, *rated[other])
    if side.representation == covariates.TEXTS[1]:
        given = given.drop(columns=covariates.TEXT_OVERLAP)  # itself
    words = [name for name in covariates.WORDS if name in given and np.ptp(given[name]) > 0]
    sets: dict[str, list[str]] = {"none": [], **{str(own): [str(own)] for own in given}, "all words": words}
    for name, columns in sets.items():
        held = given.loc[:, given.columns.isin(columns)]
        yield {"given": name, **held_fixed(values, ratings, pairs, held, level)}


def _other_ratings(pairs: Pairs, others: Pairs, ratings: Values) -> Values:
    known = dict(zip(map(tuple, others.tolist()), ratings.tolist(), strict=True))
    return np.array([known.get(tuple(pair), NOTHING) for pair in pairs.tolist()])


def held_fixed(
    values: Values, ratings: Values, pairs: Pairs, given: pd.DataFrame, level: float = 0.95
) -> dict[str, Any]:
    """Spearman of similarities with ratings, covariates held fixed, with a dyadic-robust interval on Fisher's z.

    Args:
        values: (pairs,), NaN where unknown.
        ratings: (pairs,).
        pairs: (pairs, 2).
        given: One column per covariate; pairs without a value are left out.
        level: Coverage of the interval, 0 to 1.

    """
    columns = given.to_numpy(np.float64)
    known = ~np.isnan(values) & ~np.isnan(columns).any(axis=1)
    values, ratings, pairs, columns = values[known], ratings[known], pairs[known], columns[known]
    told = {"n_pairs": len(pairs), "n_concepts": int(np.unique(pairs).size)}
    named = {"similarity": values, "ratings": ratings}
    reason = undefined(pairs, named | dict(zip(given.columns, columns.T, strict=True)))
    if not reason:
        together = stats.rankdata(np.column_stack([np.ones(len(values)), values, ratings, columns]), axis=0)
        together[:, 0] = 1
        if np.linalg.matrix_rank(together) < together.shape[1] or len(values) < together.shape[1] + LEAST_PAIRS:
            reason = "too few pairs for these covariates"
    if reason:
        return {**told, "note": reason}
    rho, influence = partial_spearman(values, ratings, columns)
    se = float(np.sqrt(covariance(influence[:, None], pairs)[0, 0]))
    df = freedom(told["n_concepts"] - columns.shape[1])
    low, high = interval(rho, se, stats.t.ppf(0.5 + level / 2, df))
    p = float(2 * stats.t.sf(abs(rho) / se, df)) if se > 0 else NOTHING
    return {**told, "rho": rho, "se": se, "low": low, "high": high, "p": p, "note": ""}
