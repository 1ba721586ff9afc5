"""Decoders as readers of texts: the last token, padding that nobody sees, files that go on with a text."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from motet.config.model import Language
from motet.errors import ConfigError
from motet.language.backbone import TextEncoder, load_language
from motet.language.pooling import Pooling, read_pooling, write_pooling
from motet.language.transformer import load_transformer, reads_forward
from motet.language.tuned import TunedLanguage
from tests.language.test_tuned import batch, step

TEXTS = ["red shoe", "a small dog with very long ears", "", "shampoo for dry hair"]
MODES = ["mean", "max", "lasttoken"]


def tuned(folder: Path, **settings: object) -> TunedLanguage:
    return TunedLanguage(Language(name=str(folder), **settings))


def alone(folder: Path, text: str) -> torch.Tensor:
    """The last layer of one text without padding, ``(L, T)``."""
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        return model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]


def test_a_decoder_is_told_by_its_configuration(tiny_bert, tiny_decoder, tmp_path):
    def of(**config: object) -> bool:
        (tmp_path / "config.json").write_text(json.dumps(config))
        return reads_forward(tmp_path)

    assert reads_forward(tiny_decoder)
    assert not reads_forward(tiny_bert)
    assert all(of(model_type=kind) for kind in ("gpt2", "qwen3", "gemma3_text", "mistral"))
    assert not any(of(model_type=kind) for kind in ("bert", "modernbert", "xlm-roberta", "t5", "unheard-of"))
    assert of(model_type="bert", is_decoder=True)
    assert not of(model_type="gemma3_text", use_bidirectional_attention=True)


def test_the_last_token_of_a_decoder_is_its_vector_where_no_file_says(tiny_decoder, tiny_bert):
    assert read_pooling(tiny_decoder) == Pooling("lasttoken")
    assert read_pooling(tiny_bert) == Pooling("mean")
    vectors = TextEncoder(tiny_decoder, "tiny", precision="fp32").encode(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        last = alone(tiny_decoder, text or "<|im_start|>")[-1]
        np.testing.assert_allclose(vector, last / last.norm(), atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_text_reads_the_same_alone_and_beside_longer_ones(tiny_decoder, mode):
    encoder = load_language(Language(name=str(tiny_decoder), pooling=mode), precision="fp32")
    together = encoder.encode(TEXTS)
    np.testing.assert_allclose(together, [encoder.encode([text])[0] for text in TEXTS], atol=1e-5)
    made = tuned(tiny_decoder, tuning="full", pooling=mode).eval()
    token_BL, real_BL = batch(made, TEXTS)
    assert not real_BL[0].all()
    with torch.no_grad():
        padded = made.vectors(token_BL, real_BL)
        single = [made.vectors(*batch(made, [text]))[0] for text in TEXTS]
        other = made.vectors(torch.where(real_BL, token_BL, 7), real_BL)  # whatever stands in the padding
    torch.testing.assert_close(padded, torch.stack(single), atol=1e-5, rtol=0)
    torch.testing.assert_close(padded, other, atol=0, rtol=0)
    np.testing.assert_allclose(padded.numpy(), together, atol=1e-5)


def test_the_tokenizer_pads_at_the_end_though_its_files_say_the_beginning(tiny_decoder):
    settings = json.loads((tiny_decoder / "tokenizer_config.json").read_text())
    assert settings["padding_side"] == "left"
    _, tokenizer = load_transformer(tiny_decoder, "tiny", "cpu")
    padded = tokenizer(["red", "red shoe"], padding=True)
    assert padded["attention_mask"] == [[1, 0], [1, 1]]


@pytest.mark.parametrize("mode", MODES)
def test_pooling_that_is_set_is_taken_whatever_the_files_say(tiny_decoder, tmp_path, mode):
    copy = Path(shutil.copytree(tiny_decoder, tmp_path / "copy"))
    write_pooling(copy, Pooling("cls", normalise=False, max_tokens=5, prefix="red "), 16)
    assert read_pooling(copy) == Pooling("cls", normalise=False, max_tokens=5, prefix="red ")
    encoder = load_language(Language(name=str(copy), pooling=mode, prefix=""), precision="fp32")
    assert encoder.pooling == Pooling(mode, normalise=False, max_tokens=5)
    hidden = alone(copy, "shoe")
    found = {"mean": hidden.mean(0), "max": hidden.amax(0), "lasttoken": hidden[-1]}
    np.testing.assert_allclose(encoder.encode(["shoe"])[0], found[mode], atol=1e-5)


def test_the_first_token_of_a_decoder_is_refused(tiny_decoder, tiny_bert):
    with pytest.raises(ConfigError, match="is a decoder, whose first token knows nothing"):
        load_language(Language(name=str(tiny_decoder), pooling="cls"))
    assert load_language(Language(name=str(tiny_bert), pooling="cls")).pooling.mode == "cls"


def test_a_prefix_that_is_set_stands_before_every_text(tiny_decoder):
    prefixed = load_language(Language(name=str(tiny_decoder), prefix="query: "), precision="fp32")
    plain = load_language(Language(name=str(tiny_decoder)), precision="fp32")
    np.testing.assert_allclose(prefixed.encode(["shoe"]), plain.encode(["query: shoe"]), atol=1e-6)
    assert prefixed.fingerprint != plain.fingerprint


def test_a_text_without_a_token_has_one(tiny_decoder):
    made = tuned(tiny_decoder)
    assert made.tokenizer("")["input_ids"] == []
    id_F, offset_N = made.tokens(["red", "", "red"])
    assert offset_N.tolist() == [0, 1, 2, 3]
    assert id_F[1] == made.tokenizer.bos_token_id
    assert made.letters(["red", "", "red"]).tolist() == [[0, 3], [0, 0], [0, 3]]


def test_an_encoder_and_decoder_in_one_is_refused(tiny_decoder, tmp_path):
    from transformers import T5Config, T5Model

    for path in tiny_decoder.glob("tokenizer*"):
        shutil.copyfile(path, tmp_path / path.name)
    T5Model(T5Config(vocab_size=40, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)).save_pretrained(
        tmp_path
    )
    with pytest.raises(ConfigError, match=r"an encoder and a decoder in one \(t5\)"):
        load_transformer(tmp_path, "tiny", "cpu")


@pytest.mark.parametrize("tuning", ["full", "lora", "adapter"])
def test_a_tuned_decoder_is_saved_with_its_pooling_and_reads_as_it_did(tiny_decoder, tmp_path, tuning):
    if tuning == "lora":
        pytest.importorskip("peft")
    made = tuned(tiny_decoder, tuning=tuning, pooling="mean", prefix="red ")
    untouched = made.eval().vectors(*batch(made, TEXTS)).detach()
    step(made.train())
    before = made.eval().vectors(*batch(made, TEXTS)).detach()
    assert not torch.allclose(before, untouched, atol=1e-3)
    made.save(tmp_path)
    assert read_pooling(tmp_path) == Pooling("mean", prefix="red ")
    encoder = TextEncoder(tmp_path, "saved", precision="fp32")
    np.testing.assert_allclose(encoder.encode(TEXTS), before.numpy(), atol=1e-5)
    assert json.loads((tmp_path / "config.json").read_text())["use_cache"]


def test_what_is_saved_goes_on_with_texts_in_other_programs(tiny_decoder, tmp_path):
    from transformers import AutoModelForCausalLM

    made = tuned(tiny_decoder, tuning="full")
    step(made)
    made.save(tmp_path)
    asked = made.tokenizer("red shoe", return_tensors="pt")
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    with torch.no_grad():
        hidden = made.eval().model(**asked).last_hidden_state
        expected = hidden @ made.embeddings(torch.arange(len(made.tokenizer))).T
        torch.testing.assert_close(model(**asked).logits, expected, atol=1e-4, rtol=0)


def test_blocks_of_a_decoder_learn_the_slower_the_deeper_they_lie(tiny_decoder):
    made = tuned(tiny_decoder, tuning="full", learning_rate=0.01, layer_decay=0.5)
    rate_of = {id(p): rate for several, rate in made.rates() for p in several}
    names = dict(made.model.named_parameters())
    assert rate_of[id(names["norm.weight"])] == 0.01
    assert rate_of[id(names["layers.1.mlp.up_proj.weight"])] == 0.01
    assert rate_of[id(names["layers.0.mlp.up_proj.weight"])] == 0.005
    assert rate_of[id(names["embed_tokens.weight"])] == 0.0025


def test_blocks_of_a_decoder_that_are_worked_out_again_have_the_same_gradients(tiny_decoder):
    found = []
    for checkpointing in (False, True):
        made = tuned(tiny_decoder, tuning="full", checkpointing=checkpointing).train()
        runs: list[int] = []
        made.model.layers[0].self_attn.register_forward_hook(lambda *_, runs=runs: runs.append(1))
        made.vectors(*batch(made, TEXTS))[:, 0].sum().backward()
        assert len(runs) == 1 + checkpointing
        found.append({name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name])
