"""Mentions of concepts: whole words, plurals, any letter case, and nothing inside other words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expertneurons.words import Lexicon, forms, split


def found(text: str, **spellings: str) -> list[tuple[str, str]]:
    """Return each mention as concept and the text of its span; underscores in the names stand for spaces."""
    listed = {name.replace("_", " "): forms(name.replace("_", " "), given) for name, given in spellings.items()}
    return [(mention.concept, text[mention.start : mention.end]) for mention in Lexicon(listed).find(text)]


def test_words_are_split_at_everything_that_is_no_letter_or_digit() -> None:
    assert split("The cat's ice-cream_cone, 2nd!") == ["the", "cat", "s", "ice", "cream", "cone", "2nd"]
    assert split("Ångström, CAFÉ") == ["ångström", "café"]
    assert split(" …") == []


@pytest.mark.parametrize(
    ("concept", "plural"),
    [("cat", "cats"), ("box", "boxes"), ("wolf", "wolves"), ("child", "children"), ("city", "cities")],
)
def test_a_concept_is_mentioned_by_its_name_and_noun_plural(concept: str, plural: str) -> None:
    assert forms(concept) == sorted([concept, plural])


def test_a_plural_like_its_singular_is_listed_once() -> None:
    assert forms("sheep") == ["sheep"]


def test_listed_forms_replace_the_default() -> None:
    assert forms("run", " Ran, run ,runs,, run") == ["ran", "run", "runs"]
    assert found("He runs and ran; a runner.", run="run, ran, runs") == [("run", "runs"), ("run", "ran")]
    assert found("Two mice.", mouse="mouse") == []


@pytest.mark.parametrize("text", ["CAT", "Cats!", "the cat's", "a cat-like", "(cat)", "“Cat”", "dog/cat"])
def test_a_whole_word_counts_in_any_case_and_beside_any_mark(text: str) -> None:
    assert len(found(text, cat="")) == 1


@pytest.mark.parametrize("text", ["category", "concatenate", "tomcat", "cat2", "catś", ""])
def test_a_part_of_a_word_does_not_count(text: str) -> None:
    assert found(text, cat="") == []


def test_mentions_come_in_reading_order_with_their_spans() -> None:
    assert found("Dogs chase cats; a Cat flees.", cat="", dog="") == [("dog", "Dogs"), ("cat", "cats"), ("cat", "Cat")]


def test_a_concept_of_several_words_is_found_and_so_are_those_inside() -> None:
    mentions = found("Two ice creams and an ice-cream.", ice_cream="", cream="")
    assert mentions == [
        ("ice cream", "ice creams"),
        ("cream", "creams"),
        ("ice cream", "ice-cream"),
        ("cream", "cream"),
    ]


@pytest.mark.parametrize("text", ["ice", "cream ice", "ice cold cream", "the end of ice"])
def test_a_concept_of_several_words_needs_all_of_them_in_order(text: str) -> None:
    assert found(text, ice_cream="") == []


@pytest.mark.parametrize("text", ["We skate on ice. Cream is white.", "Ice, cream and sugar."])
def test_the_words_of_a_concept_stand_in_one_clause(text: str) -> None:
    assert found(text, ice_cream="") == []


def test_two_spellings_of_the_same_words_are_one_mention() -> None:
    assert found("An ice-cream.", ice_cream="ice cream, ice-cream") == [("ice cream", "ice-cream")]


def test_a_form_that_two_concepts_share_mentions_both() -> None:
    assert {concept for concept, _ in found("She saw it.", see="see, saw", saw="")} == {"see", "saw"}


def test_an_accent_counts_the_same_in_one_character_or_two() -> None:
    assert found("A cafe\u0301 here.", café="") == [("café", "cafe\u0301")]
    assert found("A cafe\u0301 here.", cafe="") == []


def test_a_sharp_s_counts_as_two() -> None:
    assert found("STRASSE", straße="straße") == [("straße", "STRASSE")]


@given(
    st.lists(st.sampled_from(["cat", "cats", "dog", "catalog", "Cat", "the"])),
    st.sampled_from([" ", ", ", " - ", "\n"]),
)
def test_every_mention_is_found_whatever_stands_around(words: list[str], between: str) -> None:
    assert [text for _, text in found(between.join(words), cat="")] == [
        w for w in words if w.casefold() in ("cat", "cats")
    ]
