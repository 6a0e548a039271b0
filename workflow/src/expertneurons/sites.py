"""Sites: which outputs of which modules are units, for each architecture a table of data, not a branch in code."""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from expertneurons import sheets
from expertneurons.errors import StudyError

# Takes what a tap sees: its number and the tensor (batch, tokens, units). A tensor that it gives back goes on instead.
Sink = Callable[[int, Any], None]


class Tap(NamedTuple):
    """One place in a model where responses are read: a module's output, or its first input."""

    layer: int
    site: str
    module: str
    of_input: bool


def resolve(model: Any, architecture: str, sheet: Path, wanted: list[str]) -> list[Tap]:
    """Find the taps of a model, ordered by layer and then as `wanted` lists the sites.

    A row of the sheet names the modules of one site, `*` standing for the layer's number and `:input` for what goes
    into the module instead of what comes out. Several modules (separated by spaces) form one site together.

    Raises:
        StudyError: an architecture or site that the sheet does not describe, or modules that the model lacks.

    """
    rows = [row for row in sheets.read(sheet, "sites") if architecture in row["architectures"].split()]
    if not rows:
        raise StudyError(
            f"{sheet}: no sites for the architecture {architecture!r}; add rows with its name, a site "
            f"({', '.join(wanted)}) and the path of the module, * for the layer number, for instance {_example(model)}"
        )
    patterns = {row["site"]: row["modules"].split() for row in rows}
    if len(patterns) < len(rows):
        sites = sorted(row["site"] for row in rows)
        twice = next(first for first, second in itertools.pairwise(sites) if first == second)
        raise StudyError(f"{sheet}: {architecture!r} has two rows for {twice!r}; keep one")
    names = [name for name, _ in model.named_modules()]
    found: list[Tap] = []
    for site in wanted:
        if site not in patterns:
            raise StudyError(f"{sheet}: {architecture!r} has no site {site!r}; choose from {', '.join(patterns)}")
        for pattern in patterns[site]:
            path, _, side = pattern.partition(":")
            if "*" not in path:
                raise StudyError(f"{sheet}: {path!r} for {site!r} has no * for the layer number; add it")
            matched = [(int(match[1]), name) for name in names if (match := _matcher(path).fullmatch(name))]
            if not matched:
                raise StudyError(
                    f"{sheet}: the model has no module {path!r} for {site!r}, but {_example(model)}; correct it"
                )
            found += [Tap(layer, site, name, side == "input") for layer, name in matched]
    return sorted(found, key=lambda tap: (tap.layer, wanted.index(tap.site)))


def _matcher(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\*", r"(\d+)", 1))


def _example(model: Any) -> str:
    numbered = [
        re.sub(r"\.\d+\.", ".*.", name, count=1) for name, _ in model.named_modules() if re.search(r"\.\d+\.", name)
    ]
    return ", ".join(list(dict.fromkeys(numbered))[-3:]) or "no numbered layers"


@contextmanager
def tapped(model: Any, taps: list[Tap], sink: Sink) -> Iterator[None]:
    """Pass what every tap sees to the sink during the block; the hooks are gone afterwards, even on error.

    A sink that gives back a tensor puts it in the place of what the tap saw; one that gives back None changes nothing.
    """

    def after(number: int) -> Any:
        return lambda _module, _inputs, output: sink(number, output)

    def before(number: int) -> Any:
        return lambda _module, inputs: sink(number, inputs[0])

    handles = []
    try:
        for number, tap in enumerate(taps):
            module = model.get_submodule(tap.module)
            register = module.register_forward_pre_hook if tap.of_input else module.register_forward_hook
            handles.append(register((before if tap.of_input else after)(number)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def widths(model: Any, taps: list[Tap], device: Any = None) -> list[int]:
    """Count the units that each tap sees, by one pass over a single token on the device that takes the inputs."""
    import torch

    seen: dict[int, int] = {}

    def note(tap: int, values: Any) -> None:
        if not isinstance(values, torch.Tensor) or values.ndim != 3:
            raise StudyError(
                f"the module {taps[tap].module!r} gives no single (batch, tokens, units) tensor; name another"
            )
        seen[tap] = values.shape[-1]

    with tapped(model, taps, note), torch.inference_mode():
        model(input_ids=torch.zeros((1, 1), dtype=torch.long, device=device or model.device))
    return [seen[number] for number in range(len(taps))]


def unit_table(taps: list[Tap], sizes: list[int]) -> pd.DataFrame:
    """One row per unit in the order of the response arrays: unit, layer, site, index (within layer and site)."""
    units = pd.DataFrame(
        [(tap.layer, tap.site) for tap, size in zip(taps, sizes, strict=True) for _ in range(size)],
        columns=["layer", "site"],
    )
    units["index"] = units.groupby(["layer", "site"]).cumcount()
    units.insert(0, "unit", range(len(units)))
    return units
