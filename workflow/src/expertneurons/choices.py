"""Choices: the alignment under every defensible way of finding experts, and under controls, from stored responses."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import seeds, tables
from expertneurons import stability_names as names
from expertneurons.alignment import Pairs, Values, align, rated_pairs
from expertneurons.errors import StudyError
from expertneurons.files import open_array
from expertneurons.keys import KEYS
from expertneurons.means import mean_interval
from expertneurons.selection import expert_sets
from expertneurons.similarity import jaccard
from expertneurons.steps import Progress
from expertneurons.stimuli import read_design
from expertneurons.stored import score_stored
from expertneurons.traces import overlap_by_concept

Array = npt.NDArray[Any]


class Rule(NamedTuple):
    """Who is an expert: the score, and the value from which or the number up to which."""

    score: str
    limit: float


class Scored(NamedTuple):
    """AP and AUROC, (concepts, units) float32 each."""

    ap: npt.NDArray[np.float32]
    auroc: npt.NDArray[np.float32]

    def sets(self, rule: Rule, units: Array) -> sparse.csr_array:
        """Expert sets among some of the units, sparse (concepts, all units)."""
        if rule.score == names.TOP:
            order = np.argsort(-self.ap[:, units], axis=1, kind="stable")[:, : int(rule.limit)]
            rows, columns = np.repeat(np.arange(len(order)), order.shape[1]), units[order].ravel()
        else:
            values = self.ap if rule.score == names.AP else self.auroc
            rows, columns = np.nonzero(values[:, units] >= np.float32(rule.limit))
            columns = units[columns]
        return sparse.csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=self.ap.shape)

    def best(self, counts: Array) -> sparse.csr_array:
        """Return sets of the units of highest AP, as many for each concept as `counts` says."""
        order = np.argsort(-self.ap, axis=1, kind="stable")
        columns = np.concatenate([own[:count] for own, count in zip(order, counts, strict=True)])
        rows = np.repeat(np.arange(len(order)), counts)
        return sparse.csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=self.ap.shape)


def measure_choice(
    responses: Path,
    units: Path,
    concept_table: Path,
    labels: Path,
    experts: Path,
    norms: list[Path],
    output: Path,
    pooling: str,
    precision: Literal["float32", "float16"],
    sentences: Literal["labelled", "shuffled"],
    thresholds: list[float],
    aurocs: list[float],
    top: list[int],
    headline: float,
    prevalence: float,
    model: str,
    stimuli: str,
    level: float = 0.95,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Find experts on one set of responses in every way, and align each with every norm.

    Args:
        responses: `.npy` (sentences, units).
        units: Index of its units.
        concept_table: The concepts.
        labels: Positives, negatives and exclusions.
        experts: The study's own experts, with which every other set is compared.
        norms: Tidy norms, named by their files.
        output: Parquet file, part of the `stability` table: per site family, score, limit and norm rho with its
            interval, the experts a concept (median), and the Jaccard with the study's own experts (mean over concepts).
        pooling: What the responses are, for the table.
        precision: float16 rounds them first.
        sentences: shuffled deals the sentences out anew to the concepts, a control.
        thresholds: AP from which a unit is an expert.
        aurocs: AUROC from which a unit is an expert.
        top: Sizes of count-matched sets.
        headline: Threshold of the study's own experts; also the numbers to which `as many units` is matched.
        prevalence: Effective share of positives.
        model: Its name.
        stimuli: Their name.
        level: Coverage of the intervals.
        seed: Of the shuffle.
        threads: Threads that share the units.

    """
    answers, index, concepts = open_array(responses, (None, None)), tables.read(units), tables.read(concept_table)
    if answers.shape[1] != len(index):
        raise StudyError(f"{responses}: {answers.shape[1]} units, but {units} lists {len(index)}; extract them again")
    design = read_design(labels, len(concepts), prevalence)
    if sentences == "shuffled":
        design = design.permuted(seeds.generator(seed, "measure_choice"), len(answers), 1)
    progress = Progress(len(index), f"{model}: {pooling}", "units")
    scored = Scored(*score_stored(answers, design, threads, precision=precision, advance=progress))
    named = {norm.stem: rated_pairs(norm, concepts["concept"].tolist()) for norm in norms}
    own = tables.read(experts)
    comparable = own["unit"].max() < len(index) and pooling != "activated"
    reference = expert_sets(own, len(concepts), len(index), threshold=headline) if comparable else None
    rules = (
        [Rule(names.AP, t) for t in thresholds]
        + [Rule(names.AUROC, a) for a in aurocs]
        + [Rule(names.TOP, k) for k in top]
    )
    rows: list[dict[str, Any]] = []
    for family, prefix in names.FAMILIES.items():
        chosen = np.flatnonzero(index["site"].str.startswith(prefix).to_numpy())
        for rule in rules if len(chosen) and (family == names.ALL or len(chosen) < len(index)) else []:
            where = {"sites": family, "score": rule.score, "limit": float(rule.limit)}
            rows += [where | row for row in told(scored.sets(rule, chosen), named, reference, level)]
    if reference is not None:
        counts = np.asarray(reference.sum(axis=1)).ravel()
        where = {"sites": names.ALL, "score": names.COUNT_MATCHED, "limit": headline}
        rows += [where | row for row in told(scored.best(counts), named, reference, level)]
    choice = {"model": model, "stimuli": stimuli, "responses": pooling, "precision": precision, "sentences": sentences}
    tables.write(pd.DataFrame(rows).assign(**choice), output, KEYS["stability"])


def told(
    sets: sparse.csr_array,
    norms: dict[str, tuple[Pairs, Values]],
    reference: sparse.csr_array | None,
    level: float,
) -> list[dict[str, Any]]:
    """Rows of one way of finding experts, one per norm: alignment, size, and overlap with the study's own experts."""
    nothing = (float("nan"),) * 3
    overlap = nothing if reference is None else mean_interval(overlap_by_concept(sets, reference)[0], level)
    shared = {
        "n_experts": float(np.median(np.asarray(sets.sum(axis=1)))),
        **dict(zip(("jaccard", "jaccard_low", "jaccard_high"), overlap, strict=True)),
    }
    similarity = jaccard(sets)
    rows = []
    for norm, (pairs, ratings) in norms.items():
        rows.append({"norm": norm, **align(similarity, pairs, ratings, level)._asdict(), **shared})
    return rows
