"""The head that names hidden words: tied to the word vectors, beside a model in a file of its own.

Shapes: H hidden words, T width, E width of a word's vector, V words of the tokenizer, C words that occur.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

FILE = "masked_head.safetensors"
HEAD_NAMES = (
    (
        "cls.predictions.transform.dense.weight",
        "cls.predictions.transform.dense.bias",
        "cls.predictions.transform.LayerNorm.weight",
        "cls.predictions.transform.LayerNorm.bias",
        "cls.predictions.bias",
    ),  # BERT
    (
        "lm_head.dense.weight",
        "lm_head.dense.bias",
        "lm_head.layer_norm.weight",
        "lm_head.layer_norm.bias",
        "lm_head.bias",
    ),  # RoBERTa
    (
        "vocab_transform.weight",
        "vocab_transform.bias",
        "vocab_layer_norm.weight",
        "vocab_layer_norm.bias",
        "vocab_projector.bias",
    ),  # DistilBERT
)
EPSILON = 1e-12  # as BERT has it
OWN_NAMES = ("dense.weight", "dense.bias", "norm.weight", "norm.bias", "bias")


class MaskedHead(nn.Module):
    """A layer, a norm, and the product with the word vectors (Devlin et al., NAACL 2019, arXiv:1810.04805).

    A new one says at first how often each word occurs, whatever the text: its norm begins at zero.

    Args:
        width: Of the language model.
        words: How many words its tokenizer has, and the width of their vectors, which may be a smaller one.
        word_C: Words that may be the answer, ascending.
        count_C: How often each occurs.
    """

    def __init__(self, width: int, words: tuple[int, ...], word_C: np.ndarray, count_C: np.ndarray) -> None:
        super().__init__()
        many, narrow = words
        self.dense, self.norm = nn.Linear(width, narrow), nn.LayerNorm(narrow, eps=EPSILON)
        self.bias = nn.Parameter(torch.full((many,), -np.log(count_C.sum() + 1.0)))
        self.register_buffer("word_C", torch.from_numpy(word_C), persistent=False)
        place_V = torch.full((many,), -1)
        place_V[self.get_buffer("word_C")] = torch.arange(len(word_C))
        self.register_buffer("place_V", place_V, persistent=False)
        nn.init.normal_(self.dense.weight, std=0.02)
        nn.init.zeros_(self.dense.bias)
        nn.init.zeros_(self.norm.weight)
        with torch.no_grad():
            self.bias[self.get_buffer("word_C")] = torch.from_numpy(np.log(count_C / count_C.sum())).float()

    def forward(self, hidden_HT: Tensor, vector_VE: Tensor) -> Tensor:
        """Logits of the words that may be the answer, ``(H, C)``, in fp32.

        Args:
            hidden_HT: Vectors of the hidden words.
            vector_VE: Vectors of all words.
        """
        word_C = self.get_buffer("word_C")
        read_HE = self.norm(nn.functional.gelu(self.dense(hidden_HT)))
        return torch.addmm(self.bias[word_C], read_HE, vector_VE[word_C].T).float()

    def place(self, word_H: Tensor) -> Tensor:
        """Where words stand among the possible answers, ``(H,)``; -1: nowhere."""
        found: Tensor = self.get_buffer("place_V")[word_H]
        return found

    def read(self, folder: Path) -> bool:
        """Go on with the head that the files of a model have; False where they have none that fits."""
        found = _tensors_of(folder)
        own = dict(self.named_parameters())
        for names in HEAD_NAMES:
            several = [found.get(name) for name in names]
            if all(
                each is not None and each.shape == own[name].shape
                for each, name in zip(several, OWN_NAMES, strict=True)
            ):
                self.load_state_dict(dict(zip(OWN_NAMES, several, strict=True)))
                return True
        return False

    def save(self, folder: Path) -> None:
        """Write it beside the model, under the names that BERT gives it."""
        own = dict(self.named_parameters())
        pairs = zip(HEAD_NAMES[0], OWN_NAMES, strict=True)
        save_file({name: own[mine].detach().contiguous() for name, mine in pairs}, folder / FILE)


def _tensors_of(folder: Path) -> Mapping[str, Tensor]:
    """Those tensors of a folder that belong to such a head; old files call those of a norm gamma and beta."""
    wanted = {name for names in HEAD_NAMES for name in names}
    found: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            named = {_newer(name): name for name in file.keys()}  # noqa: SIM118
            found |= {name: file.get_tensor(named[name]).float() for name in wanted & set(named)}
    return found


def _newer(name: str) -> str:
    """What a weight of a norm is called today.

    >>> _newer("cls.predictions.transform.LayerNorm.gamma")
    'cls.predictions.transform.LayerNorm.weight'
    """
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name
