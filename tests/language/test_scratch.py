"""A language model from nothing: its tokenizer reads any language, and its folder is a plain one."""

import numpy as np
import pytest

from motet.config.model import Language
from motet.config.pretraining import Scratch
from motet.errors import DataError
from motet.language.backbone import load_language
from motet.language.scratch import MASK, SPECIAL, learn_tokenizer, write_scratch
from motet.language.tuned import TunedLanguage

TEXTS = ["红色的鞋子很好看", "蓝色的鞋子很便宜", "红色的帽子", "red shoes for small dogs", "blue shoes"] * 5
KINDS = ["bpe", "unigram", "wordpiece"]


def small(kind: str) -> Scratch:
    return Scratch(tokenizer=kind, vocabulary=400, width=16, layers=1, heads=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_reads_chinese_and_english_that_it_has_learned(kind):
    learned = learn_tokenizer(small(kind), TEXTS)
    for text in ("蓝色的帽子", "small red shoes"):
        tokens = learned.encode(text).tokens
        assert tokens[0] == "[CLS]"
        assert tokens[-1] == "[SEP]"
        assert "[UNK]" not in tokens
        assert learned.decode(learned.encode(text).ids).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])  # unigram asks for more texts than these
def test_words_that_come_often_are_one_piece(kind):
    assert len(learn_tokenizer(small(kind), TEXTS).encode("red shoes").tokens) == 4


def test_bpe_has_a_piece_for_every_sign():
    assert "[UNK]" not in learn_tokenizer(small("bpe"), TEXTS).encode("龘 ñ 🙂").tokens


def test_the_same_texts_give_the_same_pairs_of_bytes():
    one, other = (learn_tokenizer(small("bpe"), TEXTS).to_str() for _ in range(2))
    assert one == other


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_is_read_as_any_other_model(kind, tmp_path):
    write_scratch(small(kind), TEXTS, 12, 0, tmp_path / "new")
    language = TunedLanguage(Language(name=str(tmp_path / "new"), tuning="full", max_tokens=64))
    assert language.max_tokens == 12
    assert language.width == 16
    assert language.tokenizer.mask_token == MASK
    assert sorted(language.tokenizer.all_special_ids) == list(range(len(SPECIAL)))
    vectors = load_language(Language(name=str(tmp_path / "new")), precision="fp32").encode(["红色", "blue"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_seed_says_which_weights_it_begins_with(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_scratch(small("bpe"), TEXTS, 12, seed, tmp_path / name)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_texts_without_letters_are_refused(tmp_path):
    with pytest.raises(DataError, match="no letters"):
        write_scratch(small("wordpiece"), ["  ", ""], 12, 0, tmp_path / "new")
