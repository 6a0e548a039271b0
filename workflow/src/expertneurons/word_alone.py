"""Word alone: whether a unit answers to the concept's own tokens, and what is left when they are left out."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import resampled, seeds

Values = npt.NDArray[np.float64]

LEAST_NAMED = 5  # sentences that name their concept, and at least half of all


def pooled(activations: pd.DataFrame, tokens: pd.DataFrame, pooling: str) -> pd.DataFrame:
    """Pool every unit's activations over a sentence, with and without the tokens of the sentence's own concept.

    Args:
        activations: unit, sentence, values.
        tokens: sentence, own.
        pooling: max, min or mean.

    Returns:
        unit, sentence, `rest` (the response without the concept's tokens; NaN where no other is left) and `peaks`
        (whether the token that the response comes from, with mean the highest one, is the concept's).

    """
    own = tokens.set_index("sentence")["own"].loc[activations["sentence"]]
    lengths = activations["values"].map(len).to_numpy()
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    sign = -1.0 if pooling == "min" else 1.0
    values = sign * np.concatenate(activations["values"].to_list()).astype(np.float64)
    is_own = np.concatenate(own.to_list())
    top = np.maximum.reduceat(values, starts)
    peaks = np.maximum.reduceat(np.where(is_own, values, -np.inf), starts) >= top
    left = np.add.reduceat((~is_own).astype(float), starts)
    if pooling == "mean":
        rest = np.add.reduceat(np.where(is_own, 0, values), starts) / np.where(left > 0, left, np.nan)
    else:
        rest = np.where(left > 0, np.maximum.reduceat(np.where(is_own, -np.inf, values), starts), np.nan)
    return activations[["unit", "sentence"]].assign(rest=sign * rest, peaks=peaks)


def word_table(
    reads: pd.DataFrame, responses: pd.DataFrame, named: npt.NDArray[np.bool_], chance: Values, **draws: Any
) -> pd.DataFrame:
    """Tell for every concept and shown unit how far the concept's own tokens drive it.

    The sentences of both sides that name their concept lose its tokens, so that both are shortened alike; sentences
    that do not name it are left out.

    Args:
        reads: As `hold_out` writes it.
        responses: As `pooled` gives them.
        named: (sentences,) whether each sentence of the study names its concept.
        chance: (concepts,) AP of a constant unit, to which the sampled negatives are weighted.
        draws: count, level and seed of the bootstrap.

    Returns:
        concept_number, unit, n_named, peak_share (of positives), ap_without and auroc_without with intervals; no row
        for a concept that fewer than half of its sentences, or fewer than 5, name.

    """
    rows = reads.merge(responses, on=["unit", "sentence"])
    is_named = named[rows["sentence"]]
    positive, rest, peaks = (rows[name].to_numpy() for name in ("positive", "rest", "peaks"))
    usable = rows["negative"].to_numpy() & is_named & ~np.isnan(rest)
    told = []
    groups: dict[Any, Any] = dict(rows.groupby(["concept_number", "unit"]).indices)
    for (concept, unit), own in groups.items():
        positives = own[positive[own] & is_named[own]]
        if len(positives) < max(LEAST_NAMED, positive[own].sum() / 2):
            continue
        left, others = positives[~np.isnan(rest[positives])], own[usable[own]]
        generator = seeds.generator(draws["seed"], "word_alone", concept, unit)
        ap, auroc = _without(rest[left], rest[others], float(chance[concept]), generator, draws)
        told.append((concept, unit, len(positives), peaks[positives].mean(), *ap, *auroc))
    ends = [f"{name}_without{end}" for name in ("ap", "auroc") for end in ("", "_low", "_high")]
    columns = ["n_named", "peak_share", *ends]
    return pd.DataFrame(told, columns=["concept_number", "unit", *columns])


def _without(
    rest: Values, negatives: Values, prevalence: float, generator: np.random.Generator, draws: dict[str, Any]
) -> tuple[resampled.Spread, resampled.Spread]:
    if not len(rest) or not len(negatives):
        return resampled.UNKNOWN, resampled.UNKNOWN
    ranking = resampled.rank(rest, negatives, prevalence)
    times = resampled.times_drawn(len(rest), draws["count"], generator)
    return resampled.spreads([ranking], [times], draws["level"], generator)
