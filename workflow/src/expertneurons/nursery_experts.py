"""Nursery experts: the responses and the ranked units of one checkpoint of a training run, kept for steering."""

from pathlib import Path

from expertneurons.files import scratch_folder
from expertneurons.nursery_measures import Checkpoint, Settings, score_files


def score_checkpoint(
    checkpoint: Path,
    concept_table: Path,
    sentence_table: Path,
    labels: Path,
    sites_sheet: Path,
    responses: Path,
    units: Path,
    experts: Path,
    sites_wanted: list[str],
    thresholds: list[float],
    top: list[int],
    prevalence: float,
    seed: int,
    model: str,
    threads: int = 1,
) -> None:
    """Extract the responses of one checkpoint and rank its units, as any model's.

    Args:
        checkpoint: Folder of the model.
        concept_table: The concepts.
        sentence_table: Their sentences.
        labels: Positives and exclusions.
        sites_sheet: Which modules are units.
        responses: `.npy` (sentences, units) to write, pooled by their maximum.
        units: Parquet file to write: unit, layer, site, index.
        experts: Parquet file to write, as `select_experts` does.
        sites_wanted: The sites whose outputs are units.
        thresholds: AP from which a unit is an expert.
        top: Sizes of count-matched expert sets.
        prevalence: Effective share of positives.
        seed: Of the label-permutation null, which is not kept.
        model: Its name, for messages.
        threads: Of each step.

    """
    with scratch_folder(experts) as scratch:
        files = Checkpoint.within(scratch)._replace(responses=responses, units=units, experts=experts)
        inputs = (concept_table, sentence_table, labels, sites_sheet, sites_wanted)
        settings = Settings(*inputs, thresholds, top, prevalence, 1, seed, threads)
        score_files(files, checkpoint, settings, model)
