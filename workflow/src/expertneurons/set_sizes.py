"""Set sizes: how far expert sets, their number and the alignment depend on how many sentences they are found with.

The published check holds the AP threshold while the sizes of the sets vary; but AP moves with the share of positives,
so what it sees is that share. Here four rules for who is an expert stand side by side: AP as it is, AP at a fixed
effective prevalence, AUROC, and the top k.
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import seeds, subsets, tables
from expertneurons import stability_names as names
from expertneurons.alignment import align, rated_pairs
from expertneurons.design import Indices
from expertneurons.errors import StudyError
from expertneurons.files import open_array
from expertneurons.keys import KEYS
from expertneurons.means import mean_interval
from expertneurons.pool_scores import Draw, Scores, score_draws
from expertneurons.similarity import jaccard
from expertneurons.steps import Progress
from expertneurons.stimuli import read_design
from expertneurons.traces import overlap_by_concept

BLOCK_BYTES = 128 << 20

Sets = dict[tuple[int, str], sparse.csr_array]


class Rules(NamedTuple):
    """Who is an expert: AP from `threshold`, AUROC from `auroc`, or the `top` units by AP at the prevalence."""

    threshold: float
    auroc: float
    top: int
    prevalence: float


def measure_set_sizes(
    responses: Path,
    concept_table: Path,
    sentence_table: Path,
    labels: Path,
    norms: list[Path],
    output: Path,
    positives: list[int],
    negatives: list[int],
    draws: int,
    threshold: float,
    auroc: float,
    top: int,
    prevalence: float,
    model: str,
    stimuli: str,
    level: float = 0.95,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Find experts from draws of few positives and negatives, and hold draws without a common sentence together.

    Args:
        responses: `.npy` (sentences, units).
        concept_table: The concepts.
        sentence_table: Their sentences.
        labels: Positives and exclusions.
        norms: Tidy norms, named by their files.
        output: Parquet file, the `set_sizes` table of this model: per numbers of sentences, rule and norm the mean over
            draws of rho and of the ends of its interval, the spread of rho over draws (rho_sd), the Jaccard of a
            concept's expert sets from disjoint draws (mean over concepts with interval, and of random sets of these
            sizes), and the experts a concept (median).
        positives: Sentences of a concept in a draw; numbers that the concepts do not have are left out.
        negatives: Other sentences in a draw, common to all concepts.
        draws: Of each size.
        threshold: AP from which a unit is an expert.
        auroc: AUROC from which a unit is an expert.
        top: Units of a count-matched set.
        prevalence: Effective share of positives.
        model: Its name.
        stimuli: Their name.
        level: Coverage of the intervals.
        seed: Of the draws.
        threads: Threads that share the units.

    """
    concepts, rows = tables.read(concept_table), tables.read(sentence_table)
    answers = open_array(responses, (len(rows), None))
    design = read_design(labels, len(concepts), prevalence)
    least = min(map(len, design.positives))
    counts = [count for count in sorted(positives) if count <= least]
    sizes = [size for size in sorted(negatives) if size <= len(rows)]
    if not counts or not sizes:
        raise StudyError(
            f"stability.positives and stability.negatives: no draw is as small as the {least} sentences of a concept "
            f"and the {len(rows)} of all; name smaller numbers"
        )
    named = {norm.stem: rated_pairs(norm, concepts["concept"].tolist()) for norm in norms}
    registers = np.unique(rows["register"].to_numpy(str), return_inverse=True)[1]
    nothing = [np.empty(0, np.intp)] * len(concepts)
    out = [np.union1d(own, left) for own, left in zip(design.positives, design.excluded or nothing, strict=True)]
    rules = Rules(threshold, auroc, top, prevalence)
    progress = Progress(len(counts) * answers.shape[1], f"{model}: set sizes", "units")
    found: list[pd.DataFrame] = []
    for count in counts:
        generator = seeds.generator(seed, "measure_set_sizes", count)
        drawn = subsets.parts(design.positives, count, draws, generator, registers)
        pools = subsets.parts([np.arange(len(rows), dtype=np.intp)], sizes[-1], draws, generator)
        everything = [Draw(own, pool[0]) for own, pool in zip(drawn, pools, strict=True)]
        # Draws cut from one shuffle share no sentence.
        together = min(least // count, len(rows) // sizes[-1])
        groups = [everything[first : first + together] for first in range(0, draws, together)]
        for sets in _experts(answers, groups, sizes, out, rules, threads, progress):
            found += [_told(sets, size, rule, named, level).assign(positives=count) for size, rule in sets[0]]
    table = _averaged(pd.concat(found), level).assign(model=model, stimuli=stimuli)
    tables.write(table, output, KEYS["set_sizes"])


def _experts(
    answers: npt.NDArray[Any],
    groups: list[list[Draw]],
    sizes: list[int],
    out: list[Indices],
    rules: Rules,
    threads: int,
    progress: Progress,
) -> Iterator[list[Sets]]:
    """Yield the expert sets of the draws of each group, by size of the pool and rule: sparse (concepts, units)."""
    units, concepts = answers.shape[1], len(out)
    draws = len(groups[0]) * len(groups)
    columns = max(16, BLOCK_BYTES // (12 * draws * concepts * len(sizes)))

    def block(first: int) -> tuple[int, list[list[dict[tuple[int, str], Any]]]]:
        values = np.ascontiguousarray(answers[:, first : first + columns])
        scored = score_draws(values, groups, sizes, out, rules.prevalence)
        progress(values.shape[1])
        return first, [[_passing(*draw, sizes, rules) for draw in group] for group in scored]

    with ThreadPoolExecutor(threads) as pooled:
        blocks = list(pooled.map(block, range(0, units, columns)))
    shape = (concepts, units)
    for g, group in enumerate(groups):
        yield [
            {
                key: _joined([(first, kept[g][draw][key]) for first, kept in blocks], key[1], shape, rules.top)
                for key in blocks[0][1][g][draw]
            }
            for draw in range(len(group))
        ]


def _passing(raw: Scores, weighted: Scores, area: Scores, sizes: list[int], rules: Rules) -> dict[tuple[int, str], Any]:
    """Concepts and units that pass each rule in a block, and the block's best units with their AP."""
    kept: dict[tuple[int, str], Any] = {}
    for place, size in enumerate(sizes):
        kept[size, names.AP] = np.nonzero(raw[place] >= np.float32(rules.threshold))
        kept[size, names.REFERENCE] = np.nonzero(weighted[place] >= np.float32(rules.threshold))
        kept[size, names.AUROC] = np.nonzero(area[place] >= np.float32(rules.auroc))
        # A copy: a slice would keep the whole order in memory.
        best = np.argsort(-weighted[place], axis=1, kind="stable")[:, : rules.top].astype(np.int32)
        kept[size, names.TOP] = best, np.take_along_axis(weighted[place], best, axis=1)
    return kept


def _joined(parts: list[tuple[int, Any]], rule: str, shape: tuple[int, int], top: int) -> sparse.csr_array:
    if rule == names.TOP:
        units = np.concatenate([first + best for first, (best, _) in parts], axis=1)
        order = np.argsort(-np.concatenate([scores for _, (_, scores) in parts], axis=1), axis=1, kind="stable")
        chosen = np.take_along_axis(units, order[:, :top], axis=1)
        rows, columns = np.repeat(np.arange(shape[0]), chosen.shape[1]), chosen.ravel()
    else:
        rows = np.concatenate([concepts for _, (concepts, _) in parts])
        columns = np.concatenate([first + units for first, (_, units) in parts])
    return sparse.csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=shape)


def _told(sets: list[Sets], size: int, rule: str, norms: dict[str, Any], level: float) -> pd.DataFrame:
    """Tell what draws without a common sentence say: rows of draws and norms, and of concepts (norm is missing)."""
    own = [found[size, rule] for found in sets]
    aligned = [
        {"norm": norm, **align(jaccard(found), pairs, ratings, level)._asdict()}
        for found in own
        for norm, (pairs, ratings) in norms.items()
    ]
    number = np.arange(own[0].shape[0])
    counts = [pd.DataFrame({"concept": number, "n_experts": np.asarray(found.sum(axis=1)).ravel()}) for found in own]
    overlaps = [
        pd.DataFrame({"concept": number, "jaccard": observed, "jaccard_chance": chance})
        for first, second in itertools.combinations(own, 2)
        for observed, chance in [overlap_by_concept(first, second)]
    ]
    table = pd.concat([pd.DataFrame(aligned), *counts, *overlaps], ignore_index=True)
    return table.assign(negatives=size, rule=rule)


def _averaged(found: pd.DataFrame, level: float) -> pd.DataFrame:
    """Average over draws, and over concepts with their interval."""
    rows: list[dict[str, Any]] = []
    for keys, own in found.groupby(["positives", "negatives", "rule"]):
        where: dict[str, Any] = dict(zip(("positives", "negatives", "rule"), keys, strict=True))
        measured = own.dropna(subset="concept").reindex(columns=["concept", "n_experts", "jaccard", "jaccard_chance"])
        by_concept = measured.groupby("concept").mean()
        overlap = mean_interval(by_concept["jaccard"], level)
        where |= dict(zip(("jaccard", "jaccard_low", "jaccard_high"), overlap, strict=True))
        where["jaccard_chance"] = by_concept["jaccard_chance"].mean()
        where["n_experts"] = by_concept["n_experts"].median()
        where["chance"] = where["positives"] / (where["positives"] + where["negatives"])
        for norm, aligned in own.groupby("norm"):
            means = {name: aligned[name].mean() for name in ("rho", "low", "high", "n_pairs")}
            rows.append({**where, "norm": norm, **means, "rho_sd": aligned["rho"].std(), "n_draws": len(aligned)})
    return pd.DataFrame(rows)
