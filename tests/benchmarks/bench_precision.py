"""How much AP changes when a model is run, or its responses are stored, in half precision.

Run `PYTHONPATH=workflow/src python tests/benchmarks/bench_precision.py` in a folder where the offline study has run.
Every pass is compared with the one in float32 throughout, over all units and concepts.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from expertneurons import tables
from expertneurons.extraction import extract_responses
from expertneurons.files import open_array
from expertneurons.stimuli import read_design
from expertneurons.stored import score_stored

WAYS: tuple[tuple[str, Any, Any], ...] = (
    ("float32", "float32", "float32"),
    ("stored as float16", "float32", "float16"),
    ("run in bfloat16", "bfloat16", "float32"),
    ("run in float16", "float16", "float32"),
)
THRESHOLD, TOP = 0.5, 100


def main() -> None:
    """Write a line for every way."""
    stimuli = Path("results/stimuli/everyday")
    concepts = tables.read(stimuli / "concepts.parquet")
    design = read_design(stimuli / "labels.parquet", len(concepts), 2 / 7)
    known = None
    for name, precision, dtype in WAYS:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / file for file in ("max.npy", "units.parquet", "embeddings.npy")]
            extract_responses(
                Path("resources/checkpoints/minilm-l6"),
                stimuli / "sentences.parquet",
                Path("config/sites.tsv"),
                [paths[0]],
                paths[1],
                paths[2],
                sites_wanted=["attn.qkv", "attn.out", "mlp.up", "mlp.down"],
                poolings=["max"],
                model=name,
                precision=precision,
                dtype=dtype,
                threads=2,
            )
            ap = score_stored(open_array(paths[0]), design, 2)[0]
        if known is None:
            known = ap
            continue
        gap = np.abs(ap - known)
        best = [np.argpartition(-values, TOP, axis=1)[:, :TOP] for values in (ap, known)]
        shared = np.mean([len(np.intersect1d(*pair)) for pair in zip(*best, strict=True)])
        experts = ap >= THRESHOLD, known >= THRESHOLD
        jaccard = (experts[0] & experts[1]).sum(axis=1) / (experts[0] | experts[1]).sum(axis=1)
        sys.stdout.write(
            f"{name}: AP differs by {gap.mean():.1e} on average and {gap.max():.1e} at most; of the {TOP} best units "
            f"of a concept {shared:.1f} stay (mean), and the Jaccard overlap of its experts at AP >= {THRESHOLD} is "
            f"{jaccard.mean():.3f} (mean; least {jaccard.min():.3f}), {len(concepts)} concepts, {ap.shape[1]} units\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
