"""Sites: what the sheet says is found in the model, in order, and nothing stays behind in it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel

import tiny
from expertneurons.errors import StudyError
from expertneurons.sites import Tap, resolve, tapped, unit_table, widths

SHEET = Path(__file__).parents[2] / "config" / "sites.tsv"
SITES = ["attn.qkv", "attn.out", "mlp.up", "mlp.act", "mlp.down"]


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return AutoModel.from_pretrained(tiny.write_model(tmp_path_factory.mktemp("gpt2"), "gpt2", ["a dog"])).eval()


def sheet(folder: Path, modules: str, site: str = "mlp.down") -> Path:
    path = folder / "sites.tsv"
    path.write_text(f"architectures\tsite\tmodules\ngpt2\t{site}\t{modules}\n", encoding="utf-8")
    return path


def hooks(model: Any) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def run(model: Any) -> None:
    model(input_ids=torch.zeros((1, 3), dtype=torch.long))


def test_taps_are_ordered_by_layer_then_as_asked(gpt2: Any) -> None:
    assert resolve(gpt2, "gpt2", SHEET, ["mlp.act", "attn.qkv"]) == [
        Tap(0, "mlp.act", "h.0.mlp.c_proj", True),
        Tap(0, "attn.qkv", "h.0.attn.c_attn", False),
        Tap(1, "mlp.act", "h.1.mlp.c_proj", True),
        Tap(1, "attn.qkv", "h.1.attn.c_attn", False),
    ]


def test_several_modules_form_one_site_in_the_order_of_the_sheet(gpt2: Any, tmp_path: Path) -> None:
    taps = resolve(gpt2, "gpt2", sheet(tmp_path, "h.*.mlp.c_proj h.*.attn.c_proj"), ["mlp.down"])
    assert [tap.module for tap in taps] == ["h.0.mlp.c_proj", "h.0.attn.c_proj", "h.1.mlp.c_proj", "h.1.attn.c_proj"]


def test_layers_from_ten_on_come_after_those_below() -> None:
    model = torch.nn.ModuleDict(
        {
            "h": torch.nn.ModuleList(
                torch.nn.ModuleDict({"attn": torch.nn.ModuleDict({"c_proj": torch.nn.Linear(2, 2)})}) for _ in range(12)
            )
        }
    )
    assert [tap.layer for tap in resolve(model, "gpt2", SHEET, ["attn.out"])] == list(range(12))


def test_a_tap_on_an_input_sees_what_goes_in(gpt2: Any) -> None:
    seen: dict[int, Any] = {}
    taps = [Tap(0, "mlp.act", "h.0.mlp.c_proj", True), Tap(0, "mlp.down", "h.0.mlp.c_proj", False)]
    with tapped(gpt2, taps, seen.__setitem__), torch.no_grad():
        run(gpt2)
    assert torch.equal(gpt2.h[0].mlp.c_proj(seen[0]), seen[1])


def test_widths_are_those_of_the_modules(gpt2: Any) -> None:
    taps = resolve(gpt2, "gpt2", SHEET, SITES)
    assert widths(gpt2, taps) == [48, 16, 64, 64, 16] * tiny.LAYERS
    assert hooks(gpt2) == 0


def test_hooks_are_gone_after_the_block(gpt2: Any) -> None:
    taps = resolve(gpt2, "gpt2", SHEET, SITES)
    with tapped(gpt2, taps, lambda _number, _values: None):
        assert hooks(gpt2) == len(taps)
    assert hooks(gpt2) == 0


def test_hooks_are_gone_after_an_error_in_the_pass(gpt2: Any) -> None:
    def full(_number: int, _values: Any) -> None:
        raise MemoryError

    with pytest.raises(MemoryError), tapped(gpt2, resolve(gpt2, "gpt2", SHEET, SITES), full):
        run(gpt2)
    assert hooks(gpt2) == 0


def test_hooks_are_gone_after_an_error_while_they_are_set(gpt2: Any) -> None:
    taps = [Tap(0, "mlp.down", "h.0.mlp.c_proj", False), Tap(0, "mlp.up", "h.0.mlp.missing", False)]
    with pytest.raises(AttributeError), tapped(gpt2, taps, lambda _number, _values: None):
        run(gpt2)
    assert hooks(gpt2) == 0


def test_units_are_numbered_within_layer_and_site() -> None:
    taps = [
        Tap(0, "attn.qkv", "q", False),
        Tap(0, "attn.qkv", "k", False),
        Tap(0, "mlp.up", "u", False),
        Tap(1, "attn.qkv", "q", False),
    ]
    table = unit_table(taps, [2, 3, 2, 1])
    assert list(table.columns) == ["unit", "layer", "site", "index"]
    assert table["unit"].tolist() == list(range(8))
    assert table["layer"].tolist() == [0] * 7 + [1]
    assert table["site"].tolist() == ["attn.qkv"] * 5 + ["mlp.up"] * 2 + ["attn.qkv"]
    assert table["index"].tolist() == [0, 1, 2, 3, 4, 0, 1, 0]


def test_unknown_architecture_names_sheet_and_modules(gpt2: Any) -> None:
    with pytest.raises(StudyError, match=rf"{SHEET}: no sites for the architecture 'mamba'; add rows .*h\.\*\.mlp"):
        resolve(gpt2, "mamba", SHEET, SITES)


def test_architecture_is_matched_as_a_whole_word(gpt2: Any) -> None:
    with pytest.raises(StudyError, match="no sites for the architecture 'gpt'"):
        resolve(gpt2, "gpt", SHEET, SITES)


def test_unknown_site_names_those_there_are(gpt2: Any) -> None:
    with pytest.raises(StudyError, match=rf"{SHEET}: 'gpt2' has no site 'mlp\.gate'; choose from attn\.qkv"):
        resolve(gpt2, "gpt2", SHEET, ["mlp.gate"])


def test_module_that_the_model_lacks_is_named(gpt2: Any, tmp_path: Path) -> None:
    path = sheet(tmp_path, "h.*.mlp.down_proj")
    with pytest.raises(StudyError, match=rf"{path}: .* no module 'h\.\*\.mlp\.down_proj' for 'mlp\.down'.*h\.\*\.mlp"):
        resolve(gpt2, "gpt2", path, ["mlp.down"])


@pytest.mark.parametrize("modules", ["h.*.mlp.c_proj wte", "wte h.*.mlp.c_proj"])
def test_module_without_a_layer_number_is_refused(gpt2: Any, tmp_path: Path, modules: str) -> None:
    path = sheet(tmp_path, modules)
    with pytest.raises(StudyError, match=rf"{path}: .*wte"):
        resolve(gpt2, "gpt2", path, ["mlp.down"])


def test_module_whose_output_is_not_one_tensor_is_refused_by_name(gpt2: Any, tmp_path: Path) -> None:
    taps = resolve(gpt2, "gpt2", sheet(tmp_path, "h.*.attn"), ["mlp.down"])
    with pytest.raises(StudyError, match=r"h\.0\.attn"):
        widths(gpt2, taps)
    assert hooks(gpt2) == 0


def test_two_rows_for_one_site_of_an_architecture_are_refused(gpt2: Any, tmp_path: Path) -> None:
    path = sheet(tmp_path, "h.*.mlp.c_proj")
    path.write_text(path.read_text(encoding="utf-8") + "gpt2 other\tmlp.down\th.*.mlp.c_fc\n", encoding="utf-8")
    with pytest.raises(StudyError, match=rf"{path}: .*gpt2.*mlp\.down"):
        resolve(gpt2, "gpt2", path, ["mlp.down"])
