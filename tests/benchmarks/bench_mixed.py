"""How long the mixed models of one large norm take, and what statsmodels takes by itself.

Run `OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=workflow/src python tests/benchmarks/bench_mixed.py`. Six
conditions and three contrasts of 3,000 pairs of about 750 concepts, concept intercepts and slopes, in two processes as
the study fits them. Beside it, in the same run and one process, statsmodels on one response: from our optimum without
our rotation, and from its default start.
"""

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams, VCSpec

from expertneurons import reml
from expertneurons.formulas import build, parse
from expertneurons.mixed import fit_responses

PAIRS, CONCEPTS, CONDITIONS = 3000, 760, 6
CONTRASTS = ((0, 1), (2, 3), (4, 5))
REPEATS = 3
FORMULA = "similarity ~ 1 + rating + mm(concept) + mm(concept):rating"
Values = npt.NDArray[np.float64]


def simulate(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs of concepts, some of them in many, with concept effects and slopes."""
    popularity = rng.gamma(1.5, 1.0, CONCEPTS)
    chosen: set[tuple[int, int]] = set()
    while len(chosen) < PAIRS:
        first, second = sorted(rng.choice(CONCEPTS, 2, replace=False, p=popularity / popularity.sum()).tolist())
        chosen.add((first, second))
    pairs = np.array(sorted(chosen))
    rating = rng.standard_normal(PAIRS) + 0.4 * rng.standard_normal(CONCEPTS)[pairs].sum(axis=1)
    rating = (rating - rating.mean()) / rating.std()
    columns = {}
    for number in range(CONDITIONS):
        hubs, slopes = 0.3 * rng.standard_normal(CONCEPTS), 0.12 * rng.standard_normal(CONCEPTS)
        noise = 0.6 * rng.standard_normal(PAIRS)
        columns[str(number)] = (0.5 + slopes[pairs].sum(axis=1)) * rating + hubs[pairs].sum(axis=1) + noise
    responses = pd.DataFrame(columns)
    for first, second in CONTRASTS:
        responses[f"{first} - {second}"] = responses[str(first)] - responses[str(second)]
    words = [[f"concept{number:04d}" for number in own] for own in pairs.T]
    return pd.DataFrame({"word1": words[0], "word2": words[1], "rating": rating}), responses


def study(table: pd.DataFrame, responses: pd.DataFrame) -> None:
    """Fit all responses as the study does: in two processes."""
    parts = np.array_split(np.arange(responses.shape[1]), 2)
    with joblib.Parallel(n_jobs=2) as parallel:
        row = {"formula": FORMULA}
        fits = parallel(joblib.delayed(fit_responses)(table, row, responses.iloc[:, own]) for own in parts)
    assert all(own.converged for part in fits for own in part)


def alone(table: pd.DataFrame, response: Values, started: bool) -> Any:
    """Fit one response by statsmodels, on the pairs as they are."""
    design = build(table.assign(similarity=response), parse(FORMULA))
    matrices = [[own.toarray()] for own in design.memberships]
    names = [[[str(number) for number in range(len(design.concepts))]] for _ in matrices]
    model = MixedLM(
        response,
        design.fixed,
        groups=np.zeros(len(response)),
        exog_re=np.zeros((len(response), 0)),
        exog_vc=VCSpec(design.components, names, matrices),
    )
    start = None
    if started:
        own = reml.fit(design.fixed, design.memberships, response[:, None])[0]
        start = MixedLMParams.from_components(fe_params=own.fixed, cov_re=np.zeros((0, 0)), vcomp=own.ratios)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(start_params=start, reml=True)


def main() -> None:
    """Time both sides in turn and write the medians."""
    table, responses = simulate(np.random.default_rng(0))
    first = responses["0"].to_numpy()
    rows: dict[str, Callable[[], object]] = {
        "study": lambda: study(table, responses),
        "started": lambda: alone(table, first, started=True),
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(REPEATS):
        for name, run in rows.items():
            begun = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - begun)
    ours, started = (float(np.median(times[name])) for name in rows)
    begun = time.perf_counter()
    found = alone(table, first, started=False)
    default = time.perf_counter() - begun
    best = reml.fit(*_design(table, first))[0].loglik
    sys.stdout.write(
        f"{responses.shape[1]} fits in two processes {ours:.1f} s; statsmodels on one response from our optimum "
        f"{started:.1f} s, from its default start {default:.1f} s (log-likelihood {found.llf - best:+.3f} of ours); "
        f"one by one it would take {responses.shape[1] * started / ours:.1f} and "
        f"{responses.shape[1] * default / ours:.1f} times as long\n"
    )


def _design(table: pd.DataFrame, response: Values) -> tuple[Values, list[Any], Values]:
    design = build(table.assign(similarity=response), parse(FORMULA))
    return design.fixed, design.memberships, response[:, None]


if __name__ == "__main__":
    main()
