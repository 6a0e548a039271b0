"""How much faster AP and AUROC of all concepts are than one scikit-learn call per unit and concept.

Run `OMP_NUM_THREADS=1 PYTHONPATH=workflow/src python tests/benchmarks/bench_expertise.py`. Both sides are timed in
the same run, in turn, on one thread, in CPU seconds; scikit-learn on a sample of units and concepts. AUROC rides
along on our side and not on the other. Extra memory is the peak of the process above what it held with input and
output in place.
"""

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

from expertneurons.design import Design
from expertneurons.expertise import score

REPEATS = 5
CALLS = 30


class Case(NamedTuple):
    """Shape of a benchmark; `negatives` of 0 takes all other sentences at the reference prevalence."""

    name: str
    sentences: int
    units: int
    concepts: int
    positives: int
    negatives: int


CASES = (
    Case("all others", 4000, 20_000, 100, 40, 0),
    Case("balanced", 4000, 20_000, 100, 40, 40),
    Case("1,000 sampled", 4000, 20_000, 100, 40, 1000),
    Case("one concept", 1700, 27_648, 1, 700, 1000),
    Case("study", 20_000, 2048, 200, 100, 0),
    Case("published", 20_000, 2048, 50, 400, 1000),
    Case("published, all others", 20_000, 2048, 50, 400, 0),
    Case("large", 100_000, 256, 1000, 100, 0),
)


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def draw(case: Case, rng: np.random.Generator) -> Design:
    """Random labels of a case's sizes; a sentence is a positive of one concept only, where there are enough of them."""
    order = rng.permutation(case.sentences)
    each = [rng.permutation(case.sentences) for _ in range(case.concepts)]
    if case.positives * case.concepts <= case.sentences:
        positives = [order[c * case.positives : (c + 1) * case.positives] for c in range(case.concepts)]
    else:
        positives = [own[: case.positives] for own in each]
    if not case.negatives:
        return Design(positives, None, None, 2 / 7)
    others = [own[~np.isin(own, chosen)] for own, chosen in zip(each, positives, strict=True)]
    return Design(positives, [own[: case.negatives] for own in others])


def one_call_each(values: npt.NDArray[Any], design: Design, rng: np.random.Generator) -> tuple[float, float]:
    """CPU seconds of scikit-learn for one unit and concept, and its largest difference to ours."""
    worst, spent = 0.0, 0.0
    weights = design.weights(len(values))
    units = rng.integers(values.shape[1], size=CALLS)
    ours = score(np.ascontiguousarray(values[:, units]), design)[0].astype(np.float64)
    for place, unit in enumerate(units):
        concept = int(rng.integers(len(design.positives)))
        positives = design.positives[concept]
        if design.negatives is None:
            labels = np.zeros(len(values), int)
            labels[positives] = 1
            own = values[:, unit]
        else:
            labels = np.repeat([1, 0], [len(positives), len(design.negatives[concept])])
            own = values[np.concatenate([positives, design.negatives[concept]]), unit]
        weight = np.where(labels == 1, 1.0, weights[concept])
        start = time.process_time()
        found = average_precision_score(labels, own, sample_weight=weight)
        spent += time.process_time() - start
        worst = max(worst, abs(found - ours[concept, place]))
    return spent / CALLS, worst


def peak_mib() -> float:
    """Peak memory of this process since the last reset, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(float(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def measure(case: Case, dtype: Any) -> str:
    """One line of the table."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((case.sentences, case.units), dtype=np.float32).astype(dtype)
    design = draw(case, rng)
    score(values[:, :32].copy(), design)  # compile
    ours, theirs, worst = [], [], 0.0
    for _ in range(REPEATS):
        start = time.process_time()
        score(values, design)
        ours.append(time.process_time() - start)
        seconds, difference = one_call_each(values, design, rng)
        theirs.append(seconds * case.units * case.concepts)
        worst = max(worst, difference)
    output = 2 * 4 * case.units * case.concepts / 2**20
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = peak_mib()
    score(values, design)
    extra = peak_mib() - before - output
    ratios = np.array(theirs) / np.array(ours)
    nanoseconds = 1e9 * np.median(ours) / values.size
    return (
        f"{case.name:22} {np.dtype(dtype).name}  {np.median(ratios):8,.0f} times ({ratios.min():,.0f} to "
        f"{ratios.max():,.0f})  {nanoseconds:6.1f} ns a value  {extra:5.0f} MiB extra  {worst:.1e} largest difference"
    )


def differences() -> str:
    """Largest difference to scikit-learn on responses that tie much."""
    rng = np.random.default_rng(1)
    case = Case("ties", 4000, 256, 100, 40, 0)
    normal = rng.standard_normal((case.sentences, case.units), dtype=np.float32)
    kinds = {"rectified": np.maximum(normal - 0.67, 0), "bfloat16": normal.view(np.uint32) & np.uint32(0xFFFF0000)}
    kinds["bfloat16"] = kinds["bfloat16"].view(np.float32)
    designs = [draw(case, rng), draw(case._replace(negatives=40), rng), draw(case._replace(negatives=1000), rng)]
    worst = {
        name: max(one_call_each(values, design, rng)[1] for design in designs for _ in range(REPEATS))
        for name, values in kinds.items()
    }
    return ", ".join(f"{name} responses: {value:.1e} largest difference" for name, value in worst.items())


def wall(work: Any) -> float:
    """Wall seconds of some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def threads() -> str:
    """How much faster two threads are than one, in turn."""
    rng = np.random.default_rng(2)
    values = rng.standard_normal((4000, 20_000), dtype=np.float32)
    design = draw(CASES[0], rng)
    pairs = [[wall(lambda n=n: score(values, design, n)) for n in (1, 2)] for _ in range(REPEATS)]
    ratios = np.array([one / two for one, two in pairs])
    return f"two threads: {np.median(ratios):.2f} times one ({ratios.min():.2f} to {ratios.max():.2f})"


def concepts() -> str:
    """How much longer 1,000 concepts take than 10, over the same sentences."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal((20_000, 1024), dtype=np.float32)
    few, many = (draw(Case("", 20_000, 1024, n, 20, 0), rng) for n in (10, 1000))
    pairs = [[wall(lambda d=d: score(values, d)) for d in (few, many)] for _ in range(REPEATS)]
    ratios = np.array([more / fewer for fewer, more in pairs])
    return f"1,000 concepts: {np.median(ratios):.2f} times 10 ({ratios.min():.2f} to {ratios.max():.2f})"


def main() -> None:
    """Write the table, line by line."""
    for case in CASES:
        for dtype in (np.float32, np.float16):
            say(measure(case, dtype))
    for line in (differences, threads, concepts):
        say(line())


if __name__ == "__main__":
    main()
