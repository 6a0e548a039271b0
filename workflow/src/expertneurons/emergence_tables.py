"""Emergence of a study in tables: curves over training, half-rise, expert identity, comparisons of sizes."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.emergence import compare_sizes, curve, half_rise, points, read_parts, representations
from expertneurons.keys import KEYS
from expertneurons.nursery_runs import FULL
from expertneurons.sides import parse_side
from expertneurons.steps import Progress

Values = npt.NDArray[np.float64]

RESAMPLES = 500
# Columns of the `sizes` table, which stand there with one size too.
COMPARED = {
    **dict.fromkeys(KEYS["sizes"], "str"),
    **dict.fromkeys(("threshold", "difference", "se", "low", "high", "p", "bound", "p_equivalence"), "float64"),
    **dict.fromkeys(("bayes_factor_01", "sd_over_seeds"), "float64"),
    **dict.fromkeys(("seeds", "n_pairs"), "Int64"),
    "equivalent": "boolean",
    "note": "str",
}
OVER_CONCEPTS = ["n_experts", "best_ap", "best_auroc", "identity"]


def measure_emergence(
    runs: Path,
    concepts: list[Path],
    pairs: list[Path],
    domains: list[Path],
    kept: list[Path],
    organisation: list[Path],
    emergence: Path,
    half_rises: Path,
    sizes: Path,
    organised: Path,
    stimuli: str,
    bound: float = 0.05,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> None:
    """Join the measured training runs of a family into curves, half-rises and comparisons of sizes.

    Args:
        runs: Parquet file: run, family, size, parameters, seed, kind (`full`: all concepts at their usual dose), note.
        concepts: As `trace_checkpoint` or `measure_run` write them.
        pairs: The same.
        domains: The same.
        kept: The same.
        organisation: The same.
        emergence: Parquet file, the `emergence` table.
        half_rises: Parquet file, the `half_rise` table.
        sizes: Parquet file, the `sizes` table.
        organised: Parquet file, the `organisation_by_step` table.
        stimuli: Name of the stimuli.
        bound: Smallest difference of interest between sizes.
        level: Coverage of the intervals.
        draws: Curves drawn for the half-rise.
        seed: Of these draws and of the bootstrap over concepts.

    """
    listed = tables.read(runs).assign(stimuli=stimuli)
    full = listed[listed["kind"] == FULL].sort_values(["parameters", "seed"])
    rows = read_parts(pairs)
    rows = rows[rows["run"].isin(full["run"])]
    grown, halves, compared = [], [], []
    names = representations(rows)
    progress = Progress(rows["norm"].nunique() * len(names), "emergence", "curves")
    for norm, own in rows.groupby("norm"):
        for name, columns in names.items():
            curves = {run: curve(part, columns) for run, part in own.groupby("run")}
            side, limit = parse_side(name)
            told = {"norm": norm, "representation": side, "threshold": np.nan if limit is None else limit}
            for run, found in curves.items():
                grown.append(points(found, level).assign(run=run, **told))
                halves.append({"run": run, **told, **half_rise(found, draws, level, seed)})
            by_size = {(row["size"], str(row["seed"])): curves[row["run"]] for row in full.to_dict("records")}
            compared += [{**told, **row} for row in compare_sizes(by_size, bound, level)]
            progress(1)
    over = over_concepts(read_parts(concepts), read_parts(kept), level, seed)
    table = _joined(pd.concat(grown, ignore_index=True), over, read_parts(domains)).merge(listed, on="run")
    tables.write(table, emergence, KEYS["emergence"])
    tables.write(pd.DataFrame(halves).merge(listed, on="run"), half_rises, KEYS["half_rise"])
    # Its rows have notes of their own; those on the runs stand in the other tables.
    by_step = read_parts(organisation).merge(full.drop(columns="note", errors="ignore"), on="run")
    tables.write(by_step, organised, KEYS["organisation_by_step"])
    family = {"family": full["family"].iloc[0], "stimuli": stimuli}
    told_sizes = pd.DataFrame(compared, columns=[key for key in COMPARED if key not in family]).assign(**family)
    tables.write(told_sizes.astype(COMPARED), sizes, KEYS["sizes"])


def over_concepts(counts: pd.DataFrame, kept: pd.DataFrame, level: float, seed: int) -> pd.DataFrame:
    """Medians over concepts with intervals from a bootstrap of concepts, per run, step and threshold.

    `identity` is the Jaccard of a concept's experts and those of the next checkpoint, corrected for chance: 0 for
    random sets of the same sizes, 1 for the same set.

    Returns:
        run, step, threshold; n_experts, best_ap, best_auroc and identity, each with _low and _high;
        n_expected_by_chance, identity_raw and identity_by_chance (means).

    """
    where = ["run", "step", "threshold"]
    chance = kept["expected_by_chance"]
    corrected = kept.assign(identity=(kept["jaccard"] - chance) / (1 - chance))
    whole = counts.merge(corrected.drop(columns="next"), on=[*where, "concept"], how="left")
    parts = []
    for run, own in whole.groupby("run"):
        generator = seeds.generator(seed, "over_concepts", str(run))
        concepts = own["concept"].nunique()
        resampled = generator.integers(concepts, size=(RESAMPLES, concepts))
        ordered = own.sort_values([*where, "concept"])
        table = ordered[where].iloc[::concepts].reset_index(drop=True)
        for measure in OVER_CONCEPTS:
            values = ordered[measure].to_numpy(np.float64).reshape(-1, concepts)
            table = table.join(_medians(values, resampled, measure, level))
        parts.append(table)
    means = whole.groupby(where, as_index=False).agg(
        n_expected_by_chance=("n_expected_by_chance", "mean"),
        identity_raw=("jaccard", "mean"),
        identity_by_chance=("expected_by_chance", "mean"),
    )
    return pd.concat(parts, ignore_index=True).merge(means, on=where)


def _medians(values: Values, resampled: npt.NDArray[np.int64], name: str, level: float) -> pd.DataFrame:
    """Median of every row over its known values, and its interval over the resampled columns."""
    found: dict[str, list[float]] = {name: [], f"{name}_low": [], f"{name}_high": []}
    for row in values:
        known = ~np.isnan(row)
        middle = low = high = np.nan
        if known.any():
            middle = float(np.median(row[known]))
            drawn = row[resampled]
            medians = np.median(drawn, axis=1) if known.all() else _known_medians(drawn)
            low, high = np.nanquantile(medians, [0.5 - level / 2, 0.5 + level / 2])
        for key, value in zip(found, (middle, low, high), strict=True):
            found[key].append(float(value))
    return pd.DataFrame(found)


def _known_medians(drawn: Values) -> Values:
    return np.array([np.median(own[~np.isnan(own)]) if not np.isnan(own).all() else np.nan for own in drawn])


def _joined(curves: pd.DataFrame, over: pd.DataFrame, domains: pd.DataFrame) -> pd.DataFrame:
    """Add to every point what its concepts and the domains say at its threshold."""
    sides = [parse_side(name) for name in domains["representation"]]
    told = domains.assign(
        representation=[name for name, _ in sides],
        threshold=[np.nan if limit is None else limit for _, limit in sides],
        domain_ratio=domains["within"] / domains["between"].where(domains["between"] > 0),
    ).rename(columns={"auc": "domain_auc"})
    whole = curves.merge(over, on=["run", "step", "threshold"], how="left")
    return whole.merge(told, on=["run", "step", "representation", "threshold"], how="left")


def list_runs(rows: str, output: Path) -> None:
    """Write the training runs of one family of checkpoints.

    Args:
        rows: JSON list of objects with run, family, size, parameters, seed, kind, note.
        output: Parquet file: the same columns.

    """
    tables.write(pd.DataFrame(json.loads(rows)), output, ["run"])
