"""Emergence of a study in tables: curves over training, half-rise, expert identity, sizes, response to dose."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.emergence import compare_sizes, curve, half_rise, points, read_parts, representations
from expertneurons.sides import parse_side
from expertneurons.steps import Progress

Values = npt.NDArray[np.float64]


def measure_emergence(
    runs: Path,
    concepts: list[Path],
    pairs: list[Path],
    domains: list[Path],
    kept: list[Path],
    emergence: Path,
    half_rises: Path,
    sizes: Path,
    bound: float = 0.05,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> None:
    """Join the measured training runs into curves, half-rises and comparisons of sizes.

    Args:
        runs: Parquet file: run, family, size, parameters, seed, kind (`full`: all concepts at their usual dose).
        concepts: Per run, as `measure_run` writes them.
        pairs: Per run.
        domains: Per run.
        kept: Per run.
        emergence: Parquet file, the `emergence` table.
        half_rises: Parquet file, the `half_rise` table.
        sizes: Parquet file, the `sizes` table.
        bound: Smallest difference of interest between sizes.
        level: Coverage of the intervals.
        draws: Curves drawn for the half-rise.
        seed: Of these draws.

    """
    listed = tables.read(runs)
    full = listed[listed["kind"] == "full"].sort_values(["parameters", "seed"])
    rows = read_parts(pairs)
    rows = rows[rows["run"].isin(full["run"])]
    grown, halves, compared = [], [], []
    names = representations(rows)
    progress = Progress(rows["norm"].nunique() * len(names), "emergence", "curves")
    for norm, own in rows.groupby("norm"):
        for name in names:
            curves = {run: curve(part, name) for run, part in own.groupby("run")}
            side, limit = parse_side(name)
            told = {"norm": norm, "representation": side, "threshold": np.nan if limit is None else limit}
            for run, found in curves.items():
                grown.append(points(found, level).assign(run=run, **told))
                halves.append({"run": run, **told, **half_rise(found, draws, level, seed)})
            by_size = {(row.size_name, str(row.seed)): curves[row.run] for row in _runs(full)}
            compared += [{**told, **row} for row in compare_sizes(by_size, bound, level)]
            progress(1)
    table = _joined(pd.concat(grown, ignore_index=True), concepts, domains, kept).merge(listed, on="run")
    tables.write(table, emergence, tables.KEYS["emergence"])
    tables.write(pd.DataFrame(halves).merge(listed, on="run"), half_rises, tables.KEYS["half_rise"])
    tables.write(pd.DataFrame(compared).assign(family=full["family"].iloc[0]), sizes, tables.KEYS["sizes"])


def _runs(full: pd.DataFrame) -> Any:
    return full.rename(columns={"size": "size_name"}).itertuples()


def _joined(curves: pd.DataFrame, concepts: list[Path], domains: list[Path], kept: list[Path]) -> pd.DataFrame:
    """Add to every point the experts of its threshold, their identity with the next checkpoint's, and the domains."""
    counts = read_parts(concepts).groupby(["run", "step", "threshold"], as_index=False)
    experts = counts.agg(
        n_experts=("n_experts", "median"),
        n_expected_by_chance=("n_expected_by_chance", "mean"),
        best_ap=("best_ap", "median"),
        best_auroc=("best_auroc", "median"),
    )
    moved = read_parts(kept).groupby(["run", "step", "threshold"], as_index=False)
    identity = moved.agg(identity=("jaccard", "mean"), identity_by_chance=("expected_by_chance", "mean"))
    told = read_parts(domains)
    sides = [parse_side(name) for name in told["representation"]]
    told = told.assign(
        representation=[name for name, _ in sides],
        threshold=[np.nan if limit is None else limit for _, limit in sides],
    ).rename(columns={"auc": "domain_auc"})
    where = ["run", "step", "threshold"]
    whole = curves.merge(experts, on=where, how="left").merge(identity, on=where, how="left")
    return whole.merge(told, on=["run", "step", "representation", "threshold"], how="left")


def measure_doses(
    runs: Path,
    doses: Path,
    concepts: list[Path],
    responses: Path,
    effects: Path,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> None:
    """Say how a concept's experts follow how often it occurred in training.

    Args:
        runs: As in `measure_emergence`; those of kind `dosed` are used.
        doses: Parquet file: run, concept, dose.
        concepts: Per run, as `measure_run` writes them.
        responses: Parquet file, the `dose_response` table: one row per run, step, concept and threshold.
        effects: Parquet file, the `dose_effects` table: per step, threshold, dose and measure the mean, and its
            difference to the highest dose in the same concepts, with intervals by bootstrap over concepts.
        draws: Of the bootstrap.
        level: Coverage of the intervals.
        seed: Of the draws.

    """
    listed = tables.read(runs)
    dosed = listed[listed["kind"] == "dosed"]
    rows = read_parts(concepts).merge(tables.read(doses), on=["run", "concept"]).merge(dosed, on="run")
    columns = ["family", "size", "seed", "run", "step", "concept", "dose", "threshold"]
    measures = ["n_experts", "best_ap", "best_auroc", "rho"]
    tables.write(rows[[*columns, *measures]], responses, tables.KEYS["dose_response"])
    generator = seeds.generator(seed, "measure_doses")
    found = []
    for (step, threshold), part in rows.groupby(["step", "threshold"]):
        for measure in measures:
            wide = part.pivot_table(index="concept", columns="dose", values=measure, dropna=False)
            for dose in wide:
                for kind, values in (("mean", wide[dose]), ("difference", wide[dose] - wide[wide.columns.max()])):
                    own = values.dropna().to_numpy(np.float64)
                    if own.size < 2 or (kind == "difference" and dose == wide.columns.max()):
                        continue
                    drawn = own[generator.integers(own.size, size=(draws, own.size))].mean(axis=1)
                    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
                    told = {"step": step, "threshold": threshold, "measure": measure, "dose": dose, "kind": kind}
                    found.append({**told, "value": own.mean(), "low": low, "high": high, "n_concepts": own.size})
    tables.write(pd.DataFrame(found), effects, tables.KEYS["dose_effects"])
