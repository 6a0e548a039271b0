"""Forcing: a held unit changes exactly what it must, in its own row, and nothing stays behind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import forced
from expertneurons import heads, sites
from expertneurons.errors import StudyError
from expertneurons.forcing import NOTHING, UnitSet, forcible
from expertneurons.sites import Tap
from tiny import ROOT

OUT, IN = Tap(0, "pass", "h.0.pass", False), Tap(0, "entry", "h.0.pass", True)
VALUES = torch.arange(12, dtype=torch.float32).reshape(2, 2, 3)  # rows, tokens, units
SITES = ["attn.qkv", "attn.out", "mlp.up", "mlp.act", "mlp.down"]


def held(units: list[int], values: list[float], capped: bool = False) -> UnitSet:
    return UnitSet(np.array(units, np.intp), np.array(values, np.float32), capped)


def _run(model: Any, forcing: Any) -> None:
    """Run a tensor of the wrong width."""
    with forcing.rows([held([0], [1])]):
        model(torch.zeros(1, 2, 7))


def hooks(model: Any) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = forced.write_causal(tmp_path_factory.mktemp("causal"))
    return heads.load(folder, "causal", "trained", 0, "float32")[1]


def test_a_held_unit_has_its_value_at_every_token_of_its_row_only() -> None:
    model = forced.Doubling()
    with torch.no_grad(), forcible(model, [OUT], [3]) as forcing, forcing.rows([NOTHING, held([1], [50])]):
        out = model(VALUES)
    assert torch.equal(out[0], 2 * VALUES[0])
    assert torch.equal(out[1, :, [0, 2]], 2 * VALUES[1, :, [0, 2]])
    assert out[1, :, 1].tolist() == [100, 100]


def test_rows_hold_their_own_units_at_their_own_values() -> None:
    model = forced.Doubling()
    with (
        torch.no_grad(),
        forcible(model, [OUT], [3]) as forcing,
        forcing.rows([held([0, 2], [-1, -2]), held([2], [9])]),
    ):
        out = model(VALUES)
    assert out[0].tolist() == [[-2, 2, -4], [-2, 8, -4]]
    assert out[1, :, 2].tolist() == [18, 18]
    assert torch.equal(out[1, :, :2], 2 * VALUES[1, :, :2])


def test_a_capped_unit_is_only_kept_from_rising() -> None:
    model = forced.Doubling()
    with torch.no_grad(), forcible(model, [OUT], [3]) as forcing, forcing.rows([held([1], [2], capped=True), NOTHING]):
        out = model(VALUES)
    assert out[0, :, 1].tolist() == [2, 4]  # it was 1 and 4 at the two tokens
    assert torch.equal(out[1], 2 * VALUES[1])


def test_units_at_an_input_are_held_before_the_module_and_the_input_itself_is_left_alone() -> None:
    model = forced.Doubling()
    torch.nn.init.constant_(model.h[0]["pass"].weight, 1.0)  # type: ignore[index]
    before = VALUES.clone()
    # Units 0 to 2 belong to the output, 3 to 5 to the input.
    with torch.no_grad(), forcible(model, [OUT, IN], [3, 3]) as forcing, forcing.rows([held([4], [100]), NOTHING]):
        out = model(VALUES)
    assert out[0].tolist() == [[204] * 3, [216] * 3]
    assert torch.equal(VALUES, before)


def test_in_a_transformer_exactly_the_held_unit_changes_at_its_site(model: Any) -> None:
    base = model.base_model
    taps = sites.resolve(base, "gpt_neox", ROOT / "config/sites.tsv", SITES)
    sizes = sites.widths(base, taps)
    table = sites.unit_table(taps, sizes)
    ids = torch.randint(4, 20, (1, 5), generator=torch.Generator().manual_seed(0))
    for site in SITES:
        unit = int(table[(table["layer"] == 1) & (table["site"] == site)]["unit"].iloc[2])
        seen: list[dict[int, torch.Tensor]] = []
        for own in (NOTHING, held([unit], [3.5])):
            kept: dict[int, torch.Tensor] = {}
            with (
                torch.inference_mode(),
                forcible(base, taps, sizes) as forcing,
                forcing.rows([own]),
                sites.tapped(base, taps, kept.__setitem__),
            ):
                base(input_ids=ids)
            seen.append(kept)
        place = next(number for number, tap in enumerate(taps) if (tap.layer, tap.site) == (1, site))
        changed = (seen[0][place] != seen[1][place]).any(dim=1)[0]
        assert changed.nonzero().flatten().tolist() == [2]
        assert (seen[1][place][0, :, 2] == 3.5).all()
        upstream = [number for number, tap in enumerate(taps) if tap.layer == 0]
        assert all(torch.equal(seen[0][number], seen[1][number]) for number in upstream)


def test_no_unit_is_the_unforced_model_to_the_bit(model: Any) -> None:
    taps = sites.resolve(model.base_model, "gpt_neox", ROOT / "config/sites.tsv", SITES)
    sizes = sites.widths(model.base_model, taps)
    ids = torch.arange(12).reshape(2, 6)
    with torch.inference_mode():
        plain = model(input_ids=ids).logits
        with forcible(model.base_model, taps, sizes) as forcing:
            with forcing.rows([NOTHING, NOTHING]):
                assert torch.equal(model(input_ids=ids).logits, plain)
            with forcing.rows([NOTHING, held([0, 40, 100], [5, 5, 5])]):
                mixed = model(input_ids=ids).logits
    assert torch.equal(mixed[0], plain[0])
    assert not torch.equal(mixed[1], plain[1])


def test_hooks_are_gone_after_an_error() -> None:
    model = forced.Doubling()
    with forcible(model, [OUT], [3]):
        assert hooks(model) == 1
    with pytest.raises(RuntimeError, match="mat1 and mat2"), forcible(model, [OUT], [3]) as forcing:
        _run(model, forcing)
    assert hooks(model) == 0
    assert torch.equal(model(VALUES), 2 * VALUES)


def test_nothing_is_held_after_an_error_in_a_batch() -> None:
    model = forced.Doubling()
    with torch.no_grad(), forcible(model, [OUT], [3]) as forcing:
        with pytest.raises(MemoryError), forcing.rows([held([0], [1])]):
            raise MemoryError
        assert torch.equal(model(VALUES), 2 * VALUES)


def test_folder_without_a_head_is_refused_with_a_remedy(tmp_path: Path) -> None:
    import tiny

    folder = tiny.write_model(tmp_path / "bare", "bert", forced.TEXTS)
    with pytest.raises(StudyError, match=r"sentences: its checkpoint \(BertModel\) has no head .* steering.models"):
        heads.load(folder, "sentences", "trained", 0, "float32")
