"""The head of hidden words: what a new one says, and whose it can go on with."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

from motet.language.masked_head import FILE, MaskedHead

WIDTH, WORDS = 8, 30
SIZE = {"vocab_size": WORDS, "num_attention_heads": 2, "max_position_embeddings": 16}
LAYERS = {"hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 1}


def head(word_C: np.ndarray | None = None, count_C: np.ndarray | None = None) -> MaskedHead:
    word_C = np.arange(WORDS) if word_C is None else word_C
    return MaskedHead(WIDTH, (WORDS, WIDTH), word_C, np.ones(len(word_C)) if count_C is None else count_C)


def test_a_new_head_says_how_often_each_word_occurs_whatever_the_text():
    count_C = np.array([1, 2, 5])
    new = head(np.array([3, 7, 29]), count_C)
    logit_HC = new(torch.randn(4, WIDTH), torch.randn(WORDS, WIDTH))
    assert torch.allclose(logit_HC.softmax(1), torch.tensor(count_C / 8).float().expand(4, 3), atol=1e-6)


def test_words_have_their_place_among_those_that_occur():
    place = head(np.array([3, 7, 29])).place(torch.tensor([7, 0, 29, 3]))
    assert place.tolist() == [1, -1, 2, 0]


def models() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    distil = {"dim": WIDTH, "hidden_dim": 16, "n_layers": 1, "n_heads": 2}
    return {
        "bert": BertForMaskedLM(BertConfig(**SIZE, **LAYERS)),
        "roberta": RobertaForMaskedLM(RobertaConfig(**SIZE, **LAYERS)),
        "distilbert": DistilBertForMaskedLM(DistilBertConfig(vocab_size=WORDS, **distil)),
    }


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_it_goes_on_with_the_head_of_a_known_model(kind, tmp_path):
    model = models()[kind].eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    model.save_pretrained(tmp_path)
    own = head()
    assert own.read(tmp_path)
    token_BL = torch.arange(2, 12)[None]
    with torch.no_grad():
        hidden_BLT = model.base_model(token_BL).last_hidden_state
        theirs = model(token_BL).logits[0]
        ours = own(hidden_BLT[0], model.get_input_embeddings().weight)
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_a_model_without_a_head_leaves_it_new(tiny_bert):
    assert not head().read(tiny_bert)


def test_what_was_saved_is_read_again(tmp_path):
    first, second = head(), head()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.normal_()
    first.save(tmp_path)
    assert second.read(tmp_path)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_it_fits_word_vectors_that_are_narrower_than_the_model():
    narrow = MaskedHead(WIDTH, (WORDS, 3), np.arange(WORDS), np.ones(WORDS))
    assert narrow(torch.randn(4, WIDTH), torch.randn(WORDS, 3)).shape == (4, WORDS)


def test_a_norm_under_its_older_names_is_found(tmp_path):
    first, second = head(), head()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.normal_()
    first.save(tmp_path)
    old = load_file(tmp_path / FILE)
    for new, name in (("weight", "gamma"), ("bias", "beta")):
        stem = "cls.predictions.transform.LayerNorm"
        old[f"{stem}.{name}"] = old.pop(f"{stem}.{new}")
    (tmp_path / FILE).unlink()
    save_file(old, tmp_path / "model.safetensors")
    assert second.read(tmp_path)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
