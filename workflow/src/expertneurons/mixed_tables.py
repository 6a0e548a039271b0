"""Mixed models of a study: every formula of the sheet fitted to every condition or contrast, and told in tables."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import covariates, sheets, tables
from expertneurons.alignment import rated_pairs
from expertneurons.contrasts import Contrast, Library, Side, conditions, read_contrasts
from expertneurons.errors import StudyError
from expertneurons.formulas import scaled
from expertneurons.keys import KEYS
from expertneurons.mixed import Fit, fit_responses
from expertneurons.pooled import fit_pooled
from expertneurons.steps import LOGGER

Values = npt.NDArray[np.float64]
Row = dict[str, Any]

POOLED = "pooled"


class Task(NamedTuple):
    """Responses to one table of pairs under one formula.

    Attributes:
        formula_row: Of the sheet of mixed models.
        told: Per response what names it; over `pooled` one for all of them.
        pairs: One row per pair: word1, word2, rating and covariates.
        responses: (pairs, responses).

    """

    formula_row: Mapping[str, str]
    told: list[Row]
    pairs: pd.DataFrame
    responses: pd.DataFrame


def fit_mixed_models(
    models: list[str],
    similarity: list[Path],
    representations: list[Path],
    concept_table: Path,
    norms: list[Path],
    contrasts: Path,
    formulas: Path,
    table: Path,
    influence: Path,
    residuals: Path,
    stimuli: str,
    reported: list[str],
    control_of: list[str],
    level: float = 0.95,
    threads: int = 1,
) -> None:
    """Fit the sheet's mixed models to every condition and contrast, on every norm.

    Args:
        models: Names of the models.
        similarity: Their similarities, in the same order.
        representations: The names in these.
        concept_table: The concepts.
        norms: Tidy norms, named by their files.
        contrasts: Sheet of contrasts; their sides are the conditions.
        formulas: Sheet of mixed models.
        table: Parquet file, the `mixed_models` table of these stimuli.
        influence: Parquet file: per fit and concept its effects and the slope of rating without it.
        residuals: Parquet file: per fit and pair the fitted value and the residual.
        stimuli: Their name.
        reported: Models that are not the control of another.
        control_of: Untrained controls, each as control=model.
        level: Coverage of the intervals.
        threads: Fits at a time.

    """
    library = Library(models, similarity, representations)
    declared = read_contrasts(contrasts, library, reported, dict(own.split("=", 1) for own in control_of))
    concepts = tables.read(concept_table)
    tasks = [
        task
        for norm in norms
        for row in sheets.read(formulas, "mixed_models")
        for task in _tasks(library, declared, concepts, norm, {**row, "stimuli": stimuli}, threads)
    ]
    LOGGER.info("%d fits in %d tasks", sum(task.responses.shape[1] for task in tasks), len(tasks))
    with joblib.Parallel(n_jobs=threads) as parallel:
        found = parallel(joblib.delayed(_fitted)(task, level) for task in tasks)
    names = KEYS["mixed_models"][:-1]
    for path, part, last in ((table, 0, ["term"]), (influence, 1, ["concept"]), (residuals, 2, ["word1", "word2"])):
        parts = [own[part] for own in found if len(own[part])] or [pd.DataFrame(columns=[*names, *last])]
        tables.write(pd.concat(parts, ignore_index=True), path, [*names, *last])


def _tasks(
    library: Library,
    declared: Sequence[Contrast],
    concepts: pd.DataFrame,
    norm: Path,
    formula_row: Mapping[str, str],
    threads: int,
) -> Iterator[Task]:
    """Yield the responses of a formula; those with the same pairs share their search, in as many parts as threads."""
    pairs, ratings = rated_pairs(norm, concepts["concept"].tolist())
    scale = formula_row["scale"]
    groups: dict[bytes, list[tuple[Row, Sequence[Side]]]] = {}
    for told, sides in _sides(declared, formula_row["over"]):
        known = ~np.isnan([library.matrix(side)[tuple(pairs.T)] for side in sides]).any(axis=0)
        key = told["model"].encode() if formula_row["over"] == POOLED else known.tobytes()
        groups.setdefault(key, []).append(({"norm": norm.stem, "known": known, **told}, sides))
    for members in groups.values():
        known = members[0][0]["known"]
        table = _pair_table(library, members[0][1][0].model, concepts, pairs[known], ratings[known], scale)
        for part in np.array_split(np.arange(len(members)), min(threads, len(members))):
            columns: dict[str, Values] = {}
            for number in part:
                told, sides = members[number]
                values = [scaled(library.matrix(side)[tuple(pairs[known].T)], scale) for side in sides]
                if formula_row["over"] == POOLED:
                    columns |= {side.label: own for side, own in zip(sides, values, strict=True)}
                else:
                    columns[str(number)] = values[0] - values[1] if len(values) == 2 else values[0]
            yield Task(formula_row, [members[number][0] for number in part], table, pd.DataFrame(columns))


def _sides(declared: Sequence[Contrast], over: str) -> Iterator[tuple[Row, Sequence[Side]]]:
    """Yield what names a response, and the similarities that make it."""
    sides = conditions(declared)
    if over == "conditions":
        yield from (({"model": side.model, "against": "", "condition": side.label}, [side]) for side in sides)
    elif over == "contrasts":
        for own in declared:
            told = {"model": own.a.model, "against": own.b.model, "condition": f"{own.a.label} - {own.b.label}"}
            yield told, [own.a, own.b]
    else:
        for model in dict.fromkeys(side.model for side in sides):
            members = [side for side in sides if side.model == model]
            if len(members) > 1:
                yield {"model": model, "against": "", "condition": ""}, members


def _pair_table(
    library: Library, model: str, concepts: pd.DataFrame, pairs: Any, ratings: Values, scale: str
) -> pd.DataFrame:
    """Pairs with their rating and covariates, all on the scale of the formula."""
    words = concepts["concept"].to_numpy(str)[pairs]
    texts = {name: library.matrix(Side(model, name, float("nan"))) for name in covariates.TEXTS}
    given = covariates.covariates(concepts, pairs, texts).assign(rating=ratings)
    return given.apply(lambda own: scaled(own.to_numpy(), scale)).assign(word1=words[:, 0], word2=words[:, 1])


def _fitted(task: Task, level: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Fit a task; return its terms, the influence of concepts, and the residuals of pairs."""
    named = {key: task.formula_row[key] for key in ("stimuli", "name", "formula", "scale")}
    told = [{**named, **{key: own[key] for key in ("model", "against", "norm", "condition")}} for own in task.told]
    try:
        if task.formula_row["over"] == POOLED:
            whole = fit_pooled(task.pairs, task.formula_row, task.responses, level)
            variances = {f"var_{name}": value for name, value in whole.variances.items()}
            terms = whole.terms.assign(**{**told[0], "condition": whole.terms["condition"]}, **variances)
            sizes = {"n_pairs": whole.n_pairs, "n_concepts": whole.n_concepts}
            return terms.assign(loglik=whole.loglik, converged=True, note="", **sizes), pd.DataFrame(), pd.DataFrame()
        fits = fit_responses(task.pairs, task.formula_row, task.responses, level)
    except StudyError as error:
        if len(told) > 1:  # one that cannot be fitted takes no other down
            alone = [_fitted(_alone(task, number), level) for number in range(len(told))]
            terms, influence, residuals = (pd.concat(part, ignore_index=True) for part in zip(*alone, strict=True))
            return terms, influence, residuals
        LOGGER.warning("%s: %s", told[0], error)
        failed = pd.DataFrame([{**told[0], "term": "rating", "converged": False, "note": str(error)}])
        return failed, pd.DataFrame(), pd.DataFrame()
    parts = [
        (_terms(own).assign(**names), own.influence.assign(**names), _residuals(task.pairs, own).assign(**names))
        for names, own in zip(told, fits, strict=True)
    ]
    terms, influence, residuals = (pd.concat(part, ignore_index=True) for part in zip(*parts, strict=True))
    return terms, influence, residuals


def _alone(task: Task, number: int) -> Task:
    return task._replace(told=[task.told[number]], responses=task.responses.iloc[:, [number]])


def _terms(fit: Fit) -> pd.DataFrame:
    """Terms of a fit with its variances, sizes and diagnostics; the latter stand in every row of the fit."""
    slope = fit.terms.loc[fit.terms["term"] == "rating", "estimate"].to_numpy(np.float64)
    without = fit.influence["without_rating"].to_numpy(np.float64) if slope.size else np.array([np.nan])
    worst = int(np.abs(without - slope).argmax()) if slope.size else 0
    spread = stats.spearmanr(np.abs(fit.residuals), fit.fitted).statistic if np.ptp(fit.fitted) > 0 else np.nan
    return fit.terms.assign(
        **{f"var_{name}": value for name, value in fit.variances.items()},
        loglik=fit.loglik,
        loglik_own=fit.loglik_own,
        converged=fit.converged,
        n_pairs=fit.n_pairs,
        n_concepts=fit.n_concepts,
        residual_skewness=stats.skew(fit.residuals),
        residual_kurtosis=stats.kurtosis(fit.residuals),
        residual_spread=spread,
        slope_low_without_one=without.min(),
        slope_high_without_one=without.max(),
        most_influential=fit.influence["concept"].iloc[worst] if slope.size else "",
        note="; ".join(fit.notes),
    )


def _residuals(pairs: pd.DataFrame, fit: Fit) -> pd.DataFrame:
    return pairs[["word1", "word2", "rating"]].assign(fitted=fit.fitted, residual=fit.residuals)
