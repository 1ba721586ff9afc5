"""Adapters: small bottlenecks behind the blocks of a language model, which alone are trained.

Houlsby et al., ICML 2019, arXiv:1902.00751; one behind each block (Pfeiffer et al., EACL 2021). They are no
part of what transformers writes, so they lie beside it in a file of their own. Shapes: B texts, L tokens, T
width of the language model, A width of the bottleneck.
"""

import re
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from motet.errors import ConfigError

FILE = "adapters.safetensors"
_BLOCK = re.compile(r"(?:^|\.)(?:layer|layers|h|block|blocks)\.\d+$")


class Adapter(nn.Module):
    """A bottleneck beside the way: what it adds is 0 until it has learned.

    Args:
        width: Of the language model.
        inner: Of the bottleneck.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, inner), nn.Linear(inner, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden_BLT: Tensor) -> Tensor:
        """The same with what it adds, ``(B, L, T)``."""
        out: Tensor = hidden_BLT + self.up(F.gelu(self.down(hidden_BLT)))
        return out


def attach(model: Any, width: int, inner: int) -> nn.ModuleList:
    """Put an adapter behind every block of a model; they become a part of it, named `adapters`.

    Raises:
        ConfigError: No blocks were found.
    """
    blocks = [part for name, part in model.named_modules() if _BLOCK.search(name)]
    if not blocks:
        raise ConfigError(
            "model.language.tuning: the blocks of this language model are not told apart by their names, so "
            "no adapter can stand behind each; write  tuning: full ."
        )
    made = [Adapter(width, inner) for _ in blocks]
    for block, adapter in zip(blocks, made, strict=True):
        block.register_forward_hook(_Behind(adapter))
    model.adapters = nn.ModuleList(made)
    found: nn.ModuleList = model.adapters
    return found


def attach_or_go_on(model: Any, width: int, inner: int) -> nn.ModuleList:
    """Adapters to train: those that came with the model, or new ones behind every block.

    Args:
        model: As `attach_saved` left it.
        width: Of the language model.
        inner: Of the bottlenecks.

    Raises:
        ConfigError: Its adapters are of another width, or it has none and no blocks were found.
    """
    saved: nn.ModuleList | None = getattr(model, "adapters", None)
    if saved is None:
        return attach(model, width, inner)
    rank = next(each.down.out_features for each in saved if isinstance(each, Adapter))
    if rank != inner:
        raise ConfigError(
            f"model.language.rank: found {inner}, but the model's folder holds adapters of rank {rank}, "
            f"which go on learning; write  rank: {rank} , or name a model without adapters."
        )
    return saved.requires_grad_(True)


def attach_saved(model: Any, folder: Path) -> None:
    """Put adapters back that lie in the folder of a model, if there are some."""
    if not (folder / FILE).exists():
        return
    state = load_file(folder / FILE)
    inner, width = state["0.down.weight"].shape
    attach(model, int(width), int(inner)).load_state_dict(state)


def save(adapters: nn.ModuleList, folder: Path) -> None:
    """Write adapters beside their model."""
    save_file({name: each.contiguous() for name, each in adapters.state_dict().items()}, folder / FILE)


class _Behind:
    """What a block says goes through its adapter; a tuple's first part is what it says."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter

    def __call__(self, block: nn.Module, given: Any, said: Any) -> Any:
        del block, given
        if isinstance(said, torch.Tensor):
            return self.adapter(said)
        return (self.adapter(said[0]), *said[1:])
