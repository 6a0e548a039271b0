"""Spelling: every way to write a word is counted once, and a word is said only when it ends."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import forced
import tiny
from expertneurons import heads, passes, spelling
from expertneurons.errors import StudyError
from expertneurons.forcing import NOTHING, Forcing
from expertneurons.spelling import Question, Row


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = forced.write_causal(tmp_path_factory.mktemp("causal"), scale=20)
    tokenizer, network, _ = heads.load(folder, "causal", "trained", 0, "float32")
    return tokenizer, network


def answered(network: Any, question: Question, ends: torch.Tensor | None, causal: bool = True) -> float:
    runs = passes.Passes(network, torch.device("cpu"), Forcing([1]), causal, 64, 1)
    read = runs.spelled(question.rows, [NOTHING] * len(question.rows), ends, "")
    return question.answer([own.tokens for own in read], [own.ends for own in read])


def chain(network: Any, ids: list[int]) -> torch.Tensor:
    """Probabilities of every next token, one pass, no tricks."""
    with torch.no_grad():
        return torch.softmax(network(input_ids=torch.tensor([ids])).logits[0, -1].double(), -1)


def byte_pair() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with a few merges by hand."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("c", "a"), ("ca", "t"), ("Ġ", "cat"), ("Ġ", "t"), ("Ġt", "h"), ("Ġth", "e"), ("s", "!")]
    pieces = ["<end>", *letters, *("".join(pair) for pair in merges)]
    coder = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, merges))
    coder.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    coder.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=coder, eos_token="<end>")


def test_a_word_ends_before_what_is_no_letter_or_digit() -> None:
    tokenizer = byte_pair()
    found = spelling.ends(tokenizer, len(tokenizer) + 5)
    word = {token: bool(found[number]) for token, number in tokenizer.get_vocab().items()}
    assert {name: word[name] for name in ("Ġ", "Ġcat", "Ġthe", ".", "'", "-", "!", "<end>")} == dict.fromkeys(
        ("Ġ", "Ġcat", "Ġthe", ".", "'", "-", "!", "<end>"), True
    )
    assert not any(word[name] for name in ("s", "cat", "t", "7", "s!"))
    assert not found[len(tokenizer) :].any()


def test_word_pieces_that_go_on_are_no_end(loaded: tuple[Any, Any]) -> None:
    tokenizer, network = loaded
    found = spelling.ends(tokenizer, network.config.vocab_size)
    pieces = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    letters = {piece: bool(own) for piece, own in zip(pieces, found.tolist(), strict=True)}
    assert not any(own for piece, own in letters.items() if piece.startswith("##") and piece[2:].isalnum())
    assert all(own for piece, own in letters.items() if not piece.startswith("##"))


def test_probability_of_a_word_is_the_sum_over_forms_and_capitals_each_ended(loaded: tuple[Any, Any]) -> None:
    tokenizer, network = loaded
    ends = spelling.ends(tokenizer, network.config.vocab_size)
    for context, written in (
        ("The cat sat on the", ["cat", "cats", "Cat", "Cats"]),
        ("a dog ran to the", ["cat", "cats"]),
    ):
        total = 0.0
        for word in written:
            ids = tokenizer(context)["input_ids"]
            probability = 1.0
            for token in tokenizer(word, add_special_tokens=False)["input_ids"]:
                probability *= float(chain(network, ids)[token])
                ids = [*ids, token]
            total += probability * float(chain(network, ids)[ends].sum())
        question = spelling.ask(tokenizer, context, ["cat", "cats"])
        assert answered(network, question, ends) == pytest.approx(np.log(total), abs=1e-4)


def test_a_word_and_what_goes_on_from_it_share_the_probability_of_its_tokens() -> None:
    # "cat" ended, and "cat" gone on: together all of "cat", whatever the model.
    tokens, end = np.log(np.array([0.4, 0.5])), np.log(np.array([0.3, 0.2]))
    word = Question([Row((1, 2, 3), 1, (2, 3))], [(0, 1)]).answer([tokens], [end])
    plural = Question([Row((1, 2, 3), 1, (2, 3))], [(0, 2)]).answer([tokens], [end])
    both = Question([Row((1, 2, 3), 1, (2, 3))], [(0, 1), (0, 2)]).answer([tokens], [end])
    assert np.exp(word) == pytest.approx(0.4 * 0.3)
    assert np.exp(plural) == pytest.approx(0.4 * 0.5 * 0.2)
    assert np.exp(both) == pytest.approx(0.4 * 0.3 + 0.4 * 0.5 * 0.2)


def test_one_row_serves_a_spelling_and_those_that_begin_with_it() -> None:
    question = spelling.ask(byte_pair(), "the", ["cat", "cats"])
    assert len(question.rows) == 1
    assert sorted(length for _, length in question.spellings) == [1, 2]
    assert question.rows[0].ids[question.rows[0].start :] == question.rows[0].tokens


def test_capitals_count_only_where_the_context_has_some() -> None:
    assert spelling.spelled(["ice cream"], "we ate the") == ["ice cream"]
    assert spelling.spelled(["ice cream"], "We ate the") == ["Ice cream", "ice cream"]


def test_context_whose_tokens_change_is_refused(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny.write_model(tmp_path / "bert", "bert", forced.TEXTS))
    with pytest.raises(StudyError, match=r"the tokens of 'on the' change when 'cat' follows"):
        spelling.ask(tokenizer, "on the", ["cat"])  # the closing [SEP] is in the way


def test_masked_word_is_read_at_its_masks(tmp_path: Path) -> None:
    folder = forced.write_masked(tmp_path / "bert")
    tokenizer, network, kind = heads.load(folder, "bert", "trained", 0, "float32")
    assert kind == "masked"
    question = spelling.ask_masked(tokenizer, "the cat sat on the", " .", ["mat", "matter"])
    [row] = question.rows  # the longer form takes another number of masks
    ids = list(row.ids)
    place = ids.index(tokenizer.mask_token_id)
    with torch.no_grad():
        logp = torch.log_softmax(network(input_ids=torch.tensor([ids])).logits[0, place], -1)
    mat = tokenizer.convert_tokens_to_ids("mat")
    assert answered(network, question, None, causal=False) == pytest.approx(float(logp[mat]), abs=1e-5)


def test_words_of_several_masks_are_products_over_them(tmp_path: Path) -> None:
    folder = forced.write_masked(tmp_path / "bert")
    tokenizer, network, _ = heads.load(folder, "bert", "trained", 0, "float32")
    question = spelling.ask_masked(tokenizer, "it was about the", " ?", ["cattle"])
    parts = tokenizer("cattle", add_special_tokens=False)["input_ids"]
    assert len(parts) > 1
    [row] = question.rows
    with torch.no_grad():
        logp = torch.log_softmax(network(input_ids=torch.tensor([row.ids])).logits[0], -1)
    expected = sum(float(logp[row.start + n, part]) for n, part in itertools.islice(enumerate(parts), None))
    assert answered(network, question, None, causal=False) == pytest.approx(expected, abs=1e-4)
