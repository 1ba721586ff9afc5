"""The tokenizer of a packed model: rules for signs, marks of words, the most probable pieces."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from motet.language.e5.charsmap import compile_rules
from motet.language.e5.packed import Packed
from motet.language.e5.tokenizer import build_tokenizer, write_tokenizer
from tests.language.packed_file import PIECES, RULES, Tiny

NUMBER = {text: number for number, text in enumerate(PIECES)}
ANY_SIGN = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return Packed(Tiny().write(tmp_path_factory.mktemp("packed") / "tiny.bin"))


@pytest.fixture(scope="module")
def opened(packed: Packed, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tokenizer as transformers opens its files."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, packed)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("red shoes", ["▁red", "▁shoe", "s"]),  # -2 beats ▁sh + oe with -8
        ("Red\tshoe", ["▁red", "▁shoe"]),
        ("  red    shoe", ["▁red", "▁shoe"]),
        ("re\u200bd", ["▁red"]),
        ("shoeⓈ", ["▁shoe", "s"]),
        ("红鞋", ["▁", "红鞋"]),  # -6 beats 红 + 鞋 with -10
        ("鞋红", ["▁", "鞋", "红"]),
        ("红鞋\u3000", ["▁", "红鞋", "▁"]),
        ("", []),
        ("red 走走 red", ["▁red", "▁", "<unk>", "▁red"]),  # unknown signs in a row are one token
    ],
)
def test_a_text_becomes_the_pieces_that_are_known_by_hand(packed: Packed, text: str, pieces: list[str]):
    found = build_tokenizer(packed).encode(text).ids
    assert found == [0, *(NUMBER[piece] for piece in pieces), 2]


def test_transformers_opens_the_files_and_finds_the_same(packed: Packed, opened: Any):
    texts = ["red shoes", "红鞋\u3000R", "", "nothing known"]
    assert opened(texts)["input_ids"] == [each.ids for each in build_tokenizer(packed).encode_batch(texts)]
    assert opened("red", "shoe")["input_ids"] == [0, NUMBER["▁red"], 2, 2, NUMBER["▁shoe"], 2]
    assert opened.model_max_length == 16
    assert (opened.pad_token_id, opened.unk_token_id, opened.mask_token_id) == (1, 3, NUMBER["<mask>"])
    assert sorted(opened("red")) == ["attention_mask", "input_ids"]
    assert opened.decode(opened("red shoe")["input_ids"], skip_special_tokens=True) == "red shoe"


def test_without_rules_signs_stay_as_they_are(tmp_path: Path):
    bare = build_tokenizer(Packed(Tiny(rules=()).write(tmp_path / "bare.bin")))
    assert bare.normalizer.normalize_str("R  Ⓢ") == "R Ⓢ"


def test_a_rule_may_put_several_signs_or_none():
    rules = normalizers.Precompiled(compile_rules(RULES))
    assert rules.normalize_str("a①b\u200bc") == "a1 2bc"


@given(st.dictionaries(ANY_SIGN, st.text(ANY_SIGN, max_size=4), min_size=1, max_size=80), ANY_SIGN)
def test_compiled_rules_replace_their_signs_and_no_others(rules: dict[str, str], other: str):
    compiled = normalizers.Precompiled(compile_rules(rules))
    for sign in [*rules, other]:
        assert compiled.normalize_str(sign) == rules.get(sign, sign)


def test_rules_for_many_signs_are_compiled_at_once():
    rules = {chr(sign): f"{sign % 97}" for sign in range(0x3000, 0x5000)}
    compiled = compile_rules(rules)
    assert normalizers.Precompiled(compiled).normalize_str("\u3001\u4fff\u5000") == (
        f"{0x3001 % 97}{0x4FFF % 97}\u5000"
    )
    assert math.log2(len(compiled)) < 18  # the array has few holes
