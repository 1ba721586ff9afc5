"""Products in 8 bits: exact where nothing is lost, near elsewhere, and the same in whatever company."""

import numpy as np
import pytest
import torch
from torch import nn

from motet.config.model import Language
from motet.config.read import config_from_dict
from motet.errors import ConfigError
from motet.language.backbone import TextEncoder, load_language
from motet.language.cache import TextVectors
from motet.language.int8 import Int8Linear, round_products

TEXTS = ["red shoe", "a small dog with very long ears who runs in the rain", "", "shampoo for dry hair"]


def test_whole_numbers_that_fit_are_multiplied_exactly():
    layer = nn.Linear(6, 3)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.weight.copy_(torch.randint(-126, 127, (3, 6), generator=random).float())
        layer.weight[:, 0] = 127
        given = torch.randint(-126, 127, (2, 4, 6), generator=random).float()
        given[..., 1] = -127
        torch.testing.assert_close(Int8Linear(layer)(given), layer(given), rtol=1e-6, atol=1e-3)
        torch.testing.assert_close(Int8Linear(layer)(given / 1000), layer(given / 1000), rtol=1e-5, atol=1e-4)


def test_an_error_is_at_most_half_a_step_of_each_factor():
    torch.manual_seed(0)
    layer, given = nn.Linear(64, 16), torch.randn(50, 64)
    with torch.no_grad():
        apart = (Int8Linear(layer)(given) - layer(given)).abs()
        weight, step = layer.weight.abs(), given.abs().amax(1, keepdim=True) / 254
        bound = step * weight.sum(1) + (given.abs().sum(1, keepdim=True) + 64 * step) * weight.amax(1) / 254
    assert (apart <= bound + 1e-5).all()
    assert apart.max() > 0


def test_zeros_stay_zeros_and_a_layer_may_have_no_bias():
    layer = nn.Linear(4, 2, bias=False)
    assert not Int8Linear(layer)(torch.zeros(3, 4)).any()
    nn.init.zeros_(layer.weight)
    assert not Int8Linear(layer)(torch.randn(3, 4)).any()


@pytest.mark.parametrize("which", ["tiny_bert", "tiny_decoder"])
def test_a_text_reads_nearly_as_in_fp32_and_the_same_in_any_company(which, request):
    folder = request.getfixturevalue(which)
    rounded = TextEncoder(folder, "tiny", precision="int8")
    together = rounded.encode(TEXTS)
    whole = TextEncoder(folder, "tiny", precision="fp32").encode(TEXTS)
    assert ((together * whole).sum(1) > 0.99).all()
    assert not np.allclose(together, whole, atol=1e-6)
    np.testing.assert_allclose([rounded.encode([text])[0] for text in TEXTS], together, atol=1e-6)
    assert not any(isinstance(part, nn.Linear) for part in rounded.model.modules())


def test_a_model_without_linear_layers_is_refused():
    with pytest.raises(ConfigError, match="tiny has no linear layers"):
        round_products(nn.Embedding(3, 4), "tiny")


def test_vectors_of_each_precision_are_kept_apart(tiny_bert, tmp_path):
    found = {}
    for precision in ("fp32", "int8"):
        encoder = load_language(Language(name=str(tiny_bert), precision=precision))
        found[precision] = np.array(TextVectors(tmp_path).lookup_or_encode(TEXTS, encoder))
        again = TextVectors(tmp_path).lookup_or_encode(TEXTS, encoder)
        np.testing.assert_array_equal(found[precision], again)
    assert not np.array_equal(found["fp32"], found["int8"])


def test_a_model_that_is_tuned_cannot_be_int8():
    raw = {
        "name": "x",
        "tasks": [{"name": "t", "kind": "multiclass", "label": "c", "texts": {"path": "a.csv"}}],
        "model": {"language": {"tuning": "lora", "precision": "int8"}},
    }
    with pytest.raises(ConfigError, match="int8 is for tuning: frozen"):
        config_from_dict(raw)
    raw["model"]["language"]["tuning"] = "frozen"
    assert config_from_dict(raw).model.language.precision == "int8"
