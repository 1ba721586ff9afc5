"""A language model that is tuned: what learns, how fast, and that what is saved reads as it did."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from motet.config.model import Language
from motet.errors import ConfigError
from motet.language import tuned as module
from motet.language.backbone import TextEncoder
from motet.language.pooling import read_pooling
from motet.language.tuned import TunedLanguage, _block
from tests.language.conftest import write_modules

TEXTS = ["red shoe", "a small dog with very long ears", "shampoo for dry hair", ""]


def tuned(folder: Path, **settings: object) -> TunedLanguage:
    return TunedLanguage(Language(name=str(folder), **settings))


def batch(made: TunedLanguage, texts: Sequence[str] = TEXTS) -> tuple[torch.Tensor, torch.Tensor]:
    id_F, offset_N = made.tokens(texts)
    length_N = np.diff(offset_N)
    real_BL = torch.arange(length_N.max())[None] < torch.from_numpy(length_N)[:, None]
    token_BL = torch.zeros(real_BL.shape, dtype=torch.int64)
    token_BL[real_BL] = torch.from_numpy(id_F.astype(np.int64))
    return token_BL, real_BL


def step(made: TunedLanguage) -> None:
    """A step down the sum of all vectors, as any training would make one."""
    optimizer = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], 0.5)
    for _ in range(2):  # low-rank additions begin at zero, and move the vectors from the second step on
        optimizer.zero_grad()
        made.vectors(*batch(made))[:, 0].sum().backward()
        optimizer.step()


@pytest.mark.parametrize("tuning", ["frozen", "full", "adapter"])
def test_untouched_it_reads_as_the_frozen_encoder_does(tiny_bert, tuning):
    made = tuned(tiny_bert, tuning=tuning).eval()
    found = made.vectors(*batch(made)).detach().numpy()
    encoder = TextEncoder(tiny_bert, str(tiny_bert), precision="fp32")
    np.testing.assert_allclose(found, encoder.encode(TEXTS), atol=1e-5)


def test_full_tuning_trains_every_weight_that_a_text_goes_through(tiny_bert):
    made = tuned(tiny_bert, tuning="full")
    made.vectors(*batch(made))[:, 0].sum().backward()
    without = [name for name, p in made.named_parameters() if p.grad is None or not p.grad.any()]
    assert all("pooler" in name or name.endswith("key.bias") for name in without), without


def test_a_frozen_one_trains_none(tiny_bert):
    assert not any(p.requires_grad for p in tuned(tiny_bert).parameters())


def test_low_rank_additions_alone_are_trained(tiny_bert):
    pytest.importorskip("peft")
    made = tuned(tiny_bert, tuning="lora", rank=2)
    learned = [name for name, p in made.named_parameters() if p.requires_grad]
    assert learned
    assert all("lora_" in name for name in learned)
    before = {name: p.clone() for name, p in made.named_parameters() if not p.requires_grad}
    step(made)
    assert all(torch.equal(p, before[name]) for name, p in made.named_parameters() if name in before)


def test_layers_that_have_additions_are_named(tiny_bert):
    pytest.importorskip("peft")
    made = tuned(tiny_bert, tuning="lora", targets=["query"])
    assert all(".query." in name for name, p in made.named_parameters() if p.requires_grad)
    with pytest.raises(ConfigError, match=r"targets: \['qury'\] fit no layer.*The model has .*query"):
        tuned(tiny_bert, tuning="lora", targets=["qury"])


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_what_is_saved_reads_as_it_did(tiny_bert, tmp_path, tuning):
    if tuning == "lora":
        pytest.importorskip("peft")
    made = tuned(tiny_bert, tuning=tuning)
    untouched = made.eval().vectors(*batch(made)).detach()
    step(made.train())
    before = made.eval().vectors(*batch(made)).detach()
    assert not torch.allclose(before, untouched, atol=1e-3)
    made.save(tmp_path)
    assert not any("lora" in name for name in load_file(tmp_path / "model.safetensors"))
    again = tuned(tmp_path).eval()
    torch.testing.assert_close(again.vectors(*batch(again)), before, atol=1e-5, rtol=0)
    torch.testing.assert_close(made.vectors(*batch(made)), before, atol=0, rtol=0)  # saving changes nothing


def test_pooling_and_prefix_are_saved(tiny_bert, tmp_path):
    (tmp_path / "own").mkdir()
    write_modules(tmp_path / "own", "Transformer", "Pooling", pooling_mode_cls_token=True)
    for path in tiny_bert.iterdir():
        (tmp_path / "own" / path.name).write_bytes(path.read_bytes())
    made = tuned(tmp_path / "own")
    made.pooling = type(made.pooling)(made.pooling.mode, made.pooling.normalise, prefix="passage: ")
    made.save(tmp_path / "saved")
    found = read_pooling(tmp_path / "saved", "any name")
    assert (found.mode, found.normalise, found.prefix) == ("cls", False, "passage: ")


def test_the_deeper_a_layer_the_slower_it_learns(tiny_bert):
    made = tuned(tiny_bert, tuning="full", learning_rate=0.01, layer_decay=0.5)
    rate_of = {id(p): rate for several, rate in made.rates() for p in several}
    names = dict(made.model.named_parameters())
    assert rate_of[id(names["encoder.layer.1.output.dense.weight"])] == 0.01
    assert rate_of[id(names["encoder.layer.0.output.dense.weight"])] == 0.005
    assert rate_of[id(names["embeddings.word_embeddings.weight"])] == 0.0025
    assert set(rate_of) == {id(p) for p in made.parameters()}


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("encoder.layer.3.output.dense.weight", 3),
        ("layers.0.mlp.Wo.weight", 0),
        ("h.11.attn.c_attn.weight", 11),
        ("base_model.model.encoder.layer.2.query.lora_A.default.weight", 2),
        ("embeddings.word_embeddings.weight", -1),
        ("final_norm.weight", -1),
    ],
)
def test_blocks_are_told_apart_by_the_names_of_their_weights(name, block):
    assert _block(name) == block


def test_what_lies_above_all_blocks_learns_at_the_full_rate(tiny_bert):
    made = tuned(tiny_bert, tuning="full", learning_rate=0.01, layer_decay=0.5)
    rate_of = {id(p): rate for several, rate in made.rates() for p in several}
    assert rate_of[id(dict(made.model.named_parameters())["pooler.dense.weight"])] == 0.01


def test_no_text_is_no_token(tiny_bert):
    id_F, offset_N = tuned(tiny_bert).tokens([])
    assert (len(id_F), offset_N.tolist()) == (0, [0])


def test_tokens_of_many_texts_are_found_some_texts_at_a_time(tiny_bert, monkeypatch):
    made, seen = tuned(tiny_bert), list[int]()
    (id_F, offset_N), letters_F = made.tokens(TEXTS), made.letters(TEXTS)

    def watched(whole: Callable[..., Any]) -> Callable[..., Any]:
        return lambda tokenizer, pooling, texts, most: (
            seen.append(len(texts)) or whole(tokenizer, pooling, texts, most)
        )

    monkeypatch.setattr(module, "SLAB", 3)
    for name in ("texts_as_tokens", "texts_as_letters"):
        monkeypatch.setattr(module, name, watched(getattr(module, name)))
    again_F, offset_again_N = made.tokens(TEXTS)
    assert (again_F.tolist(), offset_again_N.tolist()) == (id_F.tolist(), offset_N.tolist())
    assert made.letters(TEXTS).tolist() == letters_F.tolist()
    assert seen == [3, 1, 3, 1]


def test_adapters_alone_are_trained_and_lie_beside_the_model(tiny_bert, tmp_path):
    from transformers import AutoModel

    made = tuned(tiny_bert, tuning="adapter", rank=4).eval()
    learned = {name for name, p in made.named_parameters() if p.requires_grad}
    assert learned == {
        f"model.adapters.{at}.{part}.{kind}"
        for at in (0, 1)
        for part in ("down", "up")
        for kind in ("weight", "bias")
    }
    first = made.vectors(*batch(made)).detach()
    step(made)
    moved = made.vectors(*batch(made)).detach()
    assert not torch.allclose(first, moved)
    made.save(tmp_path / "saved")
    again = tuned(tmp_path / "saved").eval()
    assert torch.equal(again.vectors(*batch(again)), moved)
    encoder = TextEncoder(tmp_path / "saved", "saved", precision="fp32")
    np.testing.assert_allclose(encoder.encode(TEXTS), moved.numpy(), atol=1e-5)
    bare = AutoModel.from_pretrained(tmp_path / "saved").state_dict()
    original = AutoModel.from_pretrained(tiny_bert).state_dict()
    assert all(torch.equal(bare[name], original[name]) for name in original)


def test_adapters_of_a_folder_go_on_learning(tiny_bert, tmp_path):
    first = tuned(tiny_bert, tuning="adapter", rank=4)
    step(first)
    first.save(tmp_path / "first")
    second = tuned(tmp_path / "first", tuning="adapter", rank=4).eval()
    learned = {name for name, p in second.named_parameters() if p.requires_grad}
    assert learned == {name for name, _ in second.named_parameters() if "adapters" in name}
    step(second)
    before = second.vectors(*batch(second)).detach()
    second.save(tmp_path / "second")
    again = tuned(tmp_path / "second").eval()
    assert torch.equal(again.vectors(*batch(again)), before)
    with pytest.raises(ConfigError, match=r"found 8, but .* adapters of rank 4.* write {2}rank: 4"):
        tuned(tmp_path / "first", tuning="adapter", rank=8)


def test_words_may_stay_as_they_are(tiny_bert):
    made = tuned(tiny_bert, tuning="full", words=False)
    still = [name for name, p in made.named_parameters() if not p.requires_grad]
    assert still == ["model.embeddings.word_embeddings.weight"]


@pytest.mark.parametrize("tuning", ["full", "lora", "adapter"])
def test_blocks_that_are_worked_out_again_have_the_same_gradients(tiny_bert, tuning):
    if tuning == "lora":
        pytest.importorskip("peft")
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        made = tuned(tiny_bert, tuning=tuning, checkpointing=checkpointing)
        step(made)
        made.zero_grad()
        block = next(part for name, part in made.named_modules() if name.endswith("layer.0"))
        runs: list[int] = []
        block.attention.register_forward_hook(lambda *_, runs=runs: runs.append(1))
        torch.manual_seed(1)
        made.train().vectors(*batch(made))[:, 0].sum().backward()
        assert len(runs) == 1 + checkpointing
        found.append({name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name])
