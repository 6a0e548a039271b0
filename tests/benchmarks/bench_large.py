"""Whether scoring 100,000 sentences by 300,000 units fits into 4 GiB: responses made on the spot, scored as they come.

Run `PYTHONPATH=workflow/src python tests/benchmarks/bench_large.py` (minutes; `--units` for less). The responses would
be 60 GB in float16; they are drawn for a span of units at a time, as a layer of a streamed model gives them, and
scored, kept in parts and put together by the code of the study. Peak memory is that of this process, mapped files
included.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from expertneurons import tables
from expertneurons.scoring import Scorer

SENTENCES, CONCEPTS, POSITIVES, SPAN = 100_000, 200, 100, 2048


def main() -> None:
    """Score and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=300_000)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    numbers = range(given.units)
    index = pd.DataFrame({"unit": numbers, "layer": 0, "site": "mlp.up", "index": numbers})
    concepts = pd.DataFrame({"concept_number": range(CONCEPTS), "concept": [f"c{n}" for n in range(CONCEPTS)]})
    own = np.concatenate([rng.permutation(SENTENCES)[:POSITIVES] for _ in range(CONCEPTS)])
    labels = pd.DataFrame(
        {"concept_number": np.repeat(range(CONCEPTS), POSITIVES), "sentence": own, "label": "positive"}
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        tables.write(labels, out / "labels.parquet")
        scorer = Scorer(
            *(index, concepts, out / "labels.parquet", SENTENCES),
            prevalence=2 / 7,
            permutations=1,
            seed=1,
            model="synthetic",
            threads=given.threads,
        )
        parts = scorer.parts(out / "ap.npy", "synthetic")
        drawn = rng.standard_normal((SENTENCES, SPAN), dtype=np.float32).astype(np.float16)
        spent, start = 0.0, time.perf_counter()
        for first in range(0, given.units, SPAN):
            # Another order of the same sentences is another unit, and cheaper than new numbers.
            answers = np.roll(drawn, int(rng.integers(SENTENCES)), axis=0)[:, : min(SPAN, given.units - first)]
            before = time.process_time()
            scorer.add(answers, first, parts)
            spent += time.process_time() - before
        scorer.write(parts, *(out / name for name in ("ap.npy", "auroc.npy", "design.parquet", "distribution.parquet")))
        took = time.perf_counter() - start
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(float(line.split()[1]) / 2**20 for line in status.splitlines() if line.startswith("VmHWM"))
    values = SENTENCES * given.units
    sys.stdout.write(
        f"{SENTENCES} sentences, {given.units} units, {CONCEPTS} concepts and as many shuffled ones: {took:.0f} s in "
        f"all, {spent:.0f} CPU s of scoring, {1e9 * spent / values:.1f} ns a response; peak memory {peak:.2f} GiB\n"
    )


if __name__ == "__main__":
    main()
