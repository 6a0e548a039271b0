"""What reading a model costs beside a bare forward pass, and what scoring its units costs, on the device that is there.

Run `PYTHONPATH=workflow/src python tests/benchmarks/bench_model.py --shape 70m --sentences 20000` where there is a GPU,
or with `--shape small --sentences 600` on a CPU. The model has random weights and the shape of a Pythia model; the
sentences are random tokens. All is timed in turn in one run: the device's matrix product in the same number format,
the bare pass of the base model over the batches of the study, the pass that reads and stores the responses of all units
and the embeddings, and the pass by layers. Then AP and AUROC of one layer's units, on the device and by the compiled
walk, and the projection to all units and to the published study. With `--check` responses and AP on the device are
compared with those on the CPU in float32.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel, GPTNeoXConfig

from expertneurons import sites
from expertneurons.batches import Batch, chunks
from expertneurons.design import Design
from expertneurons.device_scores import score_on_device
from expertneurons.expertise import score
from expertneurons.files import let_go, new_array
from expertneurons.reading import Averages, Reader, in_order
from expertneurons.streaming import Stream
from expertneurons.turns import blocks_in_turn

SITES = Path(__file__).parents[2] / "config/sites.tsv"
WANTED = ["attn.qkv", "attn.out", "mlp.up", "mlp.down"]
# Width, layers, heads.
SHAPES = {
    "small": (256, 4, 4),
    "70m": (512, 6, 8),
    "410m": (1024, 24, 16),
    "1b": (2048, 16, 8),
    "12b": (5120, 36, 40),
}
VOCABULARY = 50_304
CONCEPTS, POSITIVES = 200, 100
# The published study: words, sentences each, and checkpoints of each of three sizes.
PUBLISHED = (751, 400, 8)
MEMBERSHIPS = 3.5


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def build(shape: str, dtype: torch.dtype, device: torch.device) -> Any:
    """Make a model with random weights, without a language-modelling head."""
    width, layers, heads = SHAPES[shape]
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=512,
        use_cache=False,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModel.from_config(config, dtype=dtype)
    return model.eval().requires_grad_(requires_grad=False)


def draw(sentences: int, budget: int) -> list[Batch]:
    """Batches of random sentences of 8 to 36 tokens, longest first, cut and padded as `batches.plan` does."""
    rng = np.random.default_rng(0)
    lengths = np.sort(rng.integers(8, 37, sentences))[::-1]
    batches = []
    for rows in chunks(np.arange(sentences), lengths, budget):
        own = lengths[rows]
        ids = torch.from_numpy(rng.integers(0, VOCABULARY, (len(own), int(own[0]))))
        real = torch.arange(int(own[0]))[None] < torch.from_numpy(own.copy())[:, None]
        batches.append(Batch(rows, ids, real, real, real))
    return batches


class Clock:
    """Seconds on a device."""

    def __init__(self, device: torch.device) -> None:
        self._gpu = device.type == "cuda"

    def __call__(self, work: Callable[[], Any]) -> float:
        """Time some work, the device's own included."""
        if self._gpu:
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if self._gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - start


def ceiling(dtype: torch.dtype, device: torch.device, clock: Clock) -> float:
    """Floating-point operations a second of one large matrix product."""
    size = 8192 if device.type == "cuda" else 1024
    a = torch.randn(size, size, device=device).to(dtype)
    for _ in range(3):
        a @ a
    spent = [clock(lambda: a @ a) for _ in range(7)]
    return 2 * size**3 / float(np.median(spent))


def read_all(model: Any, batches: list[Batch], taps: list[sites.Tap], device: torch.device, path: Path) -> None:
    """Read and store as `extract_responses` does."""
    units = sum(sites.widths(model, taps, device))
    rows = sum(len(batch.rows) for batch in batches)
    reader = Reader(model, [taps], ("max",), device, include_padding=False)
    averages = Averages(model, np.arange(rows) % CONCEPTS)
    dtype = np.float32 if model.dtype == torch.float32 else np.float16
    with (
        new_array(path, (rows, units), dtype) as array,
        sites.tapped(model, taps, reader.sink),
        ThreadPoolExecutor(1) as pool,
    ):
        for batch, (pooled, means) in zip(batches, in_order(pool, reader.read, batches), strict=True):
            array[batch.rows] = pooled[0]
            let_go(array)
            averages.add(batch.rows, means)


def stream_all(model: Any, batches: list[Batch], taps: list[sites.Tap], device: torch.device) -> None:
    """Go layer by layer as `stream_expertise` does, without scoring."""
    rows = sum(len(batch.rows) for batch in batches)
    averages = Averages(model, np.arange(rows) % CONCEPTS)
    with blocks_in_turn(model, taps) as turn, ThreadPoolExecutor(1) as pool:
        stream = Stream(turn, Reader(model, [[]], ("max",), device, include_padding=False), batches, averages, pool)
        stream.check()
        for number in range(len(turn.blocks)):
            for _ in stream.layer(number, [tap for tap in taps if tap.layer == number]):
                pass


def passes(model: Any, batches: list[Batch], taps: list[sites.Tap], device: torch.device, repeats: int) -> float:
    """Time the bare pass and ours in turn; returns the seconds of the bare one."""
    clock = Clock(device)

    def bare() -> None:
        torch.set_num_threads(1)
        with torch.inference_mode():
            for batch in batches:
                model(input_ids=batch.ids.to(device), attention_mask=batch.real.to(device).long())

    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], Any]] = {
            "bare": bare,
            "read and stored": lambda: read_all(model, batches, taps, device, Path(folder) / "max.npy"),
            "layer by layer": lambda: stream_all(model, batches, taps, device),
        }
        for way in ways.values():
            way()
        spent = {name: [] for name in ways}  # type: dict[str, list[float]]
        for _ in range(repeats):
            for name, way in ways.items():
                spent[name].append(clock(way))
    for name in list(ways)[1:]:
        ratios = np.array(spent[name]) / np.array(spent["bare"])
        say(f"{name:16} {np.median(ratios):.2f} times a bare pass ({ratios.min():.2f} to {ratios.max():.2f})")
    return float(np.median(spent["bare"]))


def one_concept_at_a_time(model: Any, batches: list[Batch], device: torch.device, bare: float) -> None:
    """Compare with the oldest recipe: each concept's own sentences, padded to 128 tokens, through the whole model."""
    clock = Clock(device)
    ids = torch.zeros((30, 128), dtype=torch.long, device=device)
    width = model.config.hidden_size
    head = torch.zeros((width, VOCABULARY), dtype=model.dtype, device=device)

    def padded() -> None:
        with torch.inference_mode():
            model(input_ids=ids).last_hidden_state @ head

    padded()
    each = float(np.median([clock(padded) for _ in range(3)])) / len(ids)
    own = bare / sum(len(batch.rows) for batch in batches)
    say(
        f"padded to 128 tokens, with the language-modelling head: {each / own:.1f} times a bare pass a sentence, "
        f"{MEMBERSHIPS * each / own:.0f} times where a sentence serves {MEMBERSHIPS} concepts, as published"
    )


def scores(sentences: int, units: int, device: torch.device, dtype: Any) -> tuple[float, float]:
    """Seconds of AP and AUROC of so many units on the device and by the compiled walk on all cores."""
    rng = np.random.default_rng(1)
    values = rng.standard_normal((sentences, units), dtype=np.float32).astype(dtype)
    most = min(POSITIVES, sentences // 4)
    design = Design([rng.permutation(sentences)[:most] for _ in range(CONCEPTS)], None, None, 2 / 7)
    threads = torch.get_num_threads()
    score(values[:, :16].copy(), design)
    score_on_device(values[:, :16].copy(), design, device=device)
    clock = Clock(device)
    found: list[Any] = []
    walked = clock(lambda: found.append(score(values, design, threads)))
    placed = clock(lambda: found.append(score_on_device(values, design, device=device)))
    worst = max(float(np.abs(a - b).max()) for a, b in zip(*found, strict=True))
    say(
        f"scoring {sentences} x {units} x {CONCEPTS}: device {placed:.2f} s, compiled walk on {threads} threads "
        f"{walked:.2f} s, largest difference {worst:.1e}"
    )
    return placed, walked


def check(device: torch.device) -> None:
    """Compare the device with the CPU in float32."""
    batches, found = draw(200, 512), []
    for place in (device, torch.device("cpu")):
        model = build("small", torch.float32, torch.device("cpu")).to(place)
        taps = sites.resolve(model, "gpt_neox", SITES, WANTED)
        reader = Reader(model, [taps], ("max",), place, include_padding=False)
        with sites.tapped(model, taps, reader.sink):
            found.append(np.concatenate([reader.read(batch)[0][0] for batch in batches]))
    design = Design([np.arange(10 * c, 10 * c + 10) for c in range(20)], None, None, 2 / 7)
    both: list[npt.NDArray[np.float32]] = [score(values, design)[0] for values in found]
    say(
        f"against the CPU in float32: responses differ by at most {np.abs(found[0] - found[1]).max():.1e}, "
        f"AP by {np.abs(both[0] - both[1]).max():.1e}"
    )


def main() -> None:
    """Measure and project."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--sentences", type=int, default=600)
    parser.add_argument("--tokens-per-batch", type=int, default=2048)
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = getattr(torch, given.dtype)
    say(f"{torch.cuda.get_device_name() if device.type == 'cuda' else 'CPU'}, {given.shape}, {given.dtype}")
    if given.check:
        check(device)
    torch.set_num_threads(1)
    rate = ceiling(dtype, device, Clock(device))
    model = build(given.shape, dtype, device)
    taps = sites.resolve(model, "gpt_neox", SITES, WANTED)
    units = sum(sites.widths(model, taps, device))
    batches = draw(given.sentences, given.tokens_per_batch)
    bare = passes(model, batches, taps, device, given.repeats)
    real = sum(int(batch.real.sum()) for batch in batches)
    computed = sum(batch.ids.numel() for batch in batches)
    inside = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name)
    say(
        f"bare pass {bare:.2f} s: {real / bare:,.0f} tokens a second, {2 * inside * computed / bare / rate:.0%} of the "
        f"matrix product's {rate / 1e12:.2f} TFLOP/s; {computed / real:.2f} tokens computed for each real one"
    )
    one_concept_at_a_time(model, batches, device, bare)
    if device.type == "cuda":
        say(f"peak device memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
    half = np.float32 if given.dtype == "float32" else np.float16
    placed, walked = scores(given.sentences, min(units, 9 * SHAPES[given.shape][0]), device, half)
    share = units / min(units, 9 * SHAPES[given.shape][0])
    words, each, steps = PUBLISHED
    scale = words * each / given.sentences
    say(
        f"published study ({words} words, {each} sentences each, {steps} checkpoints, this size): "
        f"{scale * bare * steps / 3600:.2f} h of passes, {scale * share * min(placed, walked) * steps / 3600:.2f} h of "
        f"scoring, {words * each * units * np.dtype(half).itemsize / 1e9:,.0f} GB of responses a checkpoint if stored"
    )


if __name__ == "__main__":
    main()
