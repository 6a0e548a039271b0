"""Sources: experts found on some sentences against experts found on others, in AP, identity and alignment."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import seeds, tables
from expertneurons.alignment import Pairs, Values, align, rated_pairs
from expertneurons.design import Design
from expertneurons.files import open_array
from expertneurons.keys import KEYS
from expertneurons.means import mean_interval
from expertneurons.similarity import jaccard
from expertneurons.stability_names import FIRST, SECOND
from expertneurons.steps import Progress
from expertneurons.stimuli import read_design
from expertneurons.stored import score_stored
from expertneurons.subsets import halves, restricted
from expertneurons.traces import overlap_by_concept

Scores = npt.NDArray[np.float32]


class Compared(NamedTuple):
    """What two sources say of the same concepts: AP of every unit on each, (concepts, units)."""

    a: Scores
    b: Scores


def measure_sources(
    responses: list[Path],
    concept_tables: list[Path],
    sentence_tables: list[Path],
    labels: list[Path],
    norms: list[Path],
    output: Path,
    names: list[str],
    splits: int,
    threshold: float,
    prevalence: float,
    model: str,
    level: float = 0.95,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Find experts on halves of the sentences, on each register and on each set of stimuli, and compare.

    Args:
        responses: `.npy` (sentences, units) of the set of stimuli in question, then of others with the same concepts.
        concept_tables: Their concepts.
        sentence_tables: Their sentences.
        labels: Their positives and exclusions.
        norms: Tidy norms, named by their files.
        output: Parquet file, the `sources` table: per pair of sources and norm the Jaccard of a concept's expert sets
            (mean over concepts, with interval and that of random sets of these sizes); the mean AP of the experts of
            `a` where they were found and on `b`; the experts a concept; rho of each, and of the two similarities.
        names: Names of the sets of stimuli.
        splits: Random halves, which are averaged.
        threshold: AP from which a unit is an expert.
        prevalence: Effective share of positives.
        model: Its name.
        level: Coverage of the intervals.
        seed: Of the halves.
        threads: Threads that share the units.

    """
    listed = [tables.read(path)["concept"].tolist() for path in concept_tables]
    answers = [open_array(path, (None, None)) for path in responses]
    designs = [read_design(path, len(own), prevalence) for path, own in zip(labels, listed, strict=True)]
    registers = tables.read(sentence_tables[0])["register"].to_numpy(str)
    progress = Progress((splits + len(set(registers)) + len(names)) * 2, f"{model}: sources", "scorings")

    def scored(place: int, design: Design, rows: npt.NDArray[np.intp]) -> Scores:
        progress(1)
        return score_stored(answers[place], restricted(design, rows, len(answers[place])), threads, rows)[0]

    named = {norm.stem: rated_pairs(norm, listed[0]) for norm in norms}
    found: list[pd.DataFrame] = []
    strata = np.unique(registers, return_inverse=True)[1]
    for split in range(splits):
        parts = halves(designs[0].positives, len(answers[0]), seeds.generator(seed, "measure_sources", split), strata)
        pair = Compared(*(scored(0, designs[0], rows) for rows in parts))
        found += [told(own, named, threshold, level, FIRST, SECOND) for own in (pair, Compared(*pair[::-1]))]
    kinds = [kind for kind in sorted(set(registers)) if _complete(designs[0], registers == kind)]
    own = {kind: scored(0, designs[0], np.flatnonzero(registers == kind)) for kind in kinds}
    whole = [scored(k, d, np.arange(len(answers[k]))) for k, d in enumerate(designs)] if len(names) > 1 else []
    for a in kinds:
        found += [told(Compared(own[a], own[b]), named, threshold, level, a, b) for b in kinds if b != a]
    for name, other, theirs in zip(names[1:], listed[1:], whole[1:], strict=bool(whole)):
        shared = [concept for concept in listed[0] if concept in set(other)]
        places = [[own.index(concept) for concept in shared] for own in (listed[0], other)]
        rated = {norm.stem: rated_pairs(norm, shared) for norm in norms}
        both = Compared(whole[0][places[0]], theirs[places[1]])
        found += [told(both, rated, threshold, level, names[0], name)]
    table = pd.concat(found).groupby(["a", "b", "norm"], as_index=False).mean()
    tables.write(table.assign(model=model, stimuli=names[0]), output, KEYS["sources"])


def _complete(design: Design, chosen: npt.NDArray[np.bool_]) -> bool:
    """Whether every concept keeps at least two positives among the chosen sentences."""
    return min(int(chosen[own].sum()) for own in design.positives) >= 2


def _ends(name: str, values: npt.NDArray[Any], level: float) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), mean_interval(values, level), strict=True))


def told(
    pair: Compared,
    norms: dict[str, tuple[Pairs, Values]],
    threshold: float,
    level: float,
    a: str,
    b: str,
) -> pd.DataFrame:
    """Rows of two sources, one per norm; `a` finds the experts whose AP is followed to `b`."""
    sets = [sparse.csr_array((own >= np.float32(threshold)).astype(np.int32)) for own in pair]
    observed, chance = overlap_by_concept(*sets)
    chosen = pair.a >= np.float32(threshold)
    counts = chosen.sum(axis=1)
    with np.errstate(invalid="ignore"):
        means = [np.where(chosen, own, 0).sum(axis=1, dtype=np.float64) / counts for own in pair]
    alike = [jaccard(own) for own in sets]
    every = np.stack(np.triu_indices(len(counts), 1), axis=1)
    other = alike[1][tuple(every.T)]
    known = ~np.isnan(other)
    between = align(alike[0], every[known], other[known], level)
    shared = {
        "a": a,
        "b": b,
        **_ends("jaccard", observed, level),
        "jaccard_chance": float(np.nanmean(chance)),
        **_ends("ap_found", means[0], level),
        **_ends("ap_held_out", means[1], level),
        "n_experts": float(np.median(counts)),
        **{f"{name}_between": getattr(between, name) for name in ("rho", "low", "high")},
    }
    rows = []
    for norm, (pairs, ratings) in norms.items():
        row: dict[str, Any] = {"norm": norm, **shared}
        for side, similarity in zip("ab", alike, strict=True):
            aligned = align(similarity, pairs, ratings, level)
            row |= {f"{name}_{side}": getattr(aligned, name) for name in ("rho", "low", "high", "n_pairs")}
        rows.append(row)
    return pd.DataFrame(rows)
