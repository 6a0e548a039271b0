"""Audit tables: what is known of every concept's experts, joined from the stages that measured it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons.distribution import expected

NEIGHBOURS = 8


def listed_units(
    units: pd.DataFrame, words: pd.DataFrame, registers: pd.DataFrame, since: pd.DataFrame
) -> pd.DataFrame:
    """Join everything about each concept's listed units, one row per concept and rank.

    Args:
        units: As `hold_out` writes them.
        words: As `word_alone.word_table` gives them.
        registers: AP by register; one column ap_REGISTER each.
        since: concept_number, unit, since.

    """
    rows = units.merge(words, on=["concept_number", "unit"], how="left")
    wide = registers.pivot_table(index=["concept_number", "rank"], columns="register", values="ap")
    wide.columns = pd.Index([f"ap_{name}" for name in wide.columns])
    rows = rows.merge(wide.reset_index(), on=["concept_number", "rank"], how="left")
    return rows.merge(since, on=["concept_number", "unit"], how="left")


def layer_profile(
    experts: pd.DataFrame,
    index: pd.DataFrame,
    distribution: pd.DataFrame,
    sizes: npt.NDArray[np.int64],
    threshold: float,
) -> pd.DataFrame:
    """Count experts of every concept in every layer and site, and how many shuffled labels give.

    Args:
        experts: As `select_experts` writes them.
        index: Index of the units: layer, site.
        distribution: AP counts of the label-permutation null.
        sizes: (concepts,) positives.
        threshold: AP from which a unit is an expert.

    Returns:
        concept_number, layer, site, n_experts, n_expected, n_units.

    """
    places = index.groupby(["layer", "site"], sort=False).size().rename("n_units").reset_index()
    of_unit = index.groupby(["layer", "site"], sort=False).ngroup().to_numpy()
    passed = experts[experts["ap"] >= np.float32(threshold)]
    found = np.zeros((len(sizes), len(places)), np.int64)
    np.add.at(found, (passed["concept_number"].to_numpy(), of_unit[passed["unit"]]), 1)
    keys = pd.MultiIndex.from_frame(places[["layer", "site"]])
    chance = {
        size: expected(distribution, threshold, size).reindex(keys, fill_value=0.0).to_numpy()
        for size in np.unique(sizes).tolist()
    }
    profile = pd.concat([places] * len(sizes), ignore_index=True)
    return profile.assign(
        concept_number=np.repeat(np.arange(len(sizes)), len(places)),
        n_experts=found.ravel(),
        n_expected=np.concatenate([chance[size] for size in sizes.tolist()]),
    )


def neighbours(
    sets: sparse.csr_array, rated: Mapping[str, tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]
) -> list[list[dict[str, Any]]]:
    """Find for every concept those that share most of its experts, and those that people rated with it.

    Args:
        sets: Sparse (concepts, units) expert sets.
        rated: By norm: pairs of concept numbers and their ratings.

    Returns:
        Per concept rows of other, overlap (Jaccard), shared, expected (of sets placed at random), ratings by norm; by
        falling overlap: the 8 largest that are not zero, and all rated ones.

    """
    shared = (sets @ sets.T).toarray()
    sizes = shared.diagonal()
    union = sizes[:, None] + sizes[None] - shared
    overlap = np.where(union > 0, shared / np.maximum(union, 1), np.nan)
    ratings: list[dict[int, dict[str, float]]] = [{} for _ in sizes]
    for norm, (pairs, values) in rated.items():
        for (a, b), value in zip(pairs.tolist(), values.tolist(), strict=True):
            ratings[a].setdefault(b, {})[norm] = value
            ratings[b].setdefault(a, {})[norm] = value
    found = []
    for concept in range(len(sizes)):
        order = [int(other) for other in np.argsort(-overlap[concept], kind="stable") if other != concept]
        close = [other for other in order if shared[concept, other] > 0][:NEIGHBOURS]
        kept = [other for other in order if other in close or other in ratings[concept]]
        found.append(
            [
                {
                    "other": other,
                    "overlap": float(overlap[concept, other]),
                    "shared": int(shared[concept, other]),
                    "expected": float(sizes[concept] * sizes[other] / sets.shape[1]),
                    "ratings": ratings[concept].get(other, {}),
                }
                for other in kept
            ]
        )
    return found


def emergence(
    checkpoints: Mapping[int, pd.DataFrame], listed: pd.DataFrame, concepts: int, threshold: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow the experts of every concept over the checkpoints of one training run.

    Args:
        checkpoints: By step the experts of each checkpoint, as `select_experts` writes them; none where the model is no
            checkpoint of a training run.
        listed: Units to follow: concept_number, unit.
        concepts: How many there are.
        threshold: AP from which a unit is an expert.

    Returns:
        Per concept and step: n_experts and best_ap; and per listed unit the step `since` which it is an expert at every
        checkpoint, NaN where it is none at the last.

    """
    steps = sorted(checkpoints)
    counts = [pd.DataFrame({"concept_number": [0], "step": [0], "n_experts": [0], "best_ap": [0.0]}).head(0)]
    member = np.zeros((len(listed), len(steps)), bool)
    keys = pd.MultiIndex.from_frame(listed[["concept_number", "unit"]])
    for place, step in enumerate(steps):
        rows = checkpoints[step]
        passed = rows[rows["ap"] >= np.float32(threshold)]
        size = passed.groupby("concept_number").size().reindex(range(concepts), fill_value=0)
        best = rows.groupby("concept_number")["ap"].max().reindex(range(concepts))
        told = {"concept_number": range(concepts), "n_experts": size.to_numpy(), "best_ap": best.to_numpy()}
        counts.append(pd.DataFrame(told).assign(step=step))
        member[:, place] = keys.isin(pd.MultiIndex.from_frame(passed[["concept_number", "unit"]]))
    kept = np.logical_and.accumulate(member[:, ::-1], axis=1).sum(axis=1)  # last checkpoints in a row
    since = [float(steps[len(steps) - own]) if own else np.nan for own in kept.tolist()]
    return pd.concat(counts, ignore_index=True), listed[["concept_number", "unit"]].assign(since=since)


def main_layer(profile: pd.DataFrame) -> str:
    """Name the layer with most experts, or nothing where there are none."""
    by_layer = profile.groupby("layer")["n_experts"].sum()
    return str(by_layer.idxmax()) if by_layer.sum() else ""
