"""A language model that is trained: tokens to vectors; all of its weights learn, or small parts put in.

Shapes: N texts, B texts of a batch, L tokens, F tokens of all texts one after the other, T width.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motet.config.model import Language
from motet.errors import ConfigError
from motet.language.adapters import attach_or_go_on, save
from motet.language.backbone import longest, pool, texts_as_letters, texts_as_tokens
from motet.language.find import find_model
from motet.language.pooling import pooling_of, write_pooling
from motet.language.transformer import last_layer, load_transformer, quiet
from motet.nn.blockwise import fast_products

ALPHA = 2  # of LoRA, in its ranks
SLAB = 4096  # texts whose tokens are found together
_BLOCK = re.compile(r"(?:^|\.)(?:layer|layers|h|block|blocks)\.(\d+)\.")
_BELOW = re.compile(r"embed|(?:^|\.)w[tp]e\.")


class TunedLanguage(nn.Module):
    """A language model whose weights are learned with everything else.

    Args:
        language: The `model.language` part of a configuration.
        folder: Of the model; None looks for the one that is named.

    Raises:
        ConfigError: The model is not found or cannot be read, or it does not fit what is to be put in.
    """

    def __init__(self, language: Language, folder: Path | None = None) -> None:
        super().__init__()
        folder = find_model(language.name) if folder is None else folder
        self.folder = folder
        self.pooling = pooling_of(language, folder)
        self.model, self.tokenizer = load_transformer(folder, language.name, "cpu")
        self.max_tokens = longest(language.max_tokens, self.pooling, self.tokenizer)
        self.width = int(self.model.config.hidden_size)
        self.settings = language
        self.model.requires_grad_(language.tuning == "full")
        if language.tuning == "lora":
            self.model = _with_lora(self.model, language)
        if language.tuning == "adapter":
            attach_or_go_on(self.model, self.width, language.rank)
        if not language.words:
            self.model.get_input_embeddings().requires_grad_(False)
        if language.checkpointing:
            self.model.activation_checkpointing_enable({"use_reentrant": False})

    def tokens(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Token numbers of texts one after the other ``(F,)``, and where each begins ``(N + 1,)``."""
        id_F, length_N = [np.zeros(0, np.int32)], [0]
        for slab in _slabs(texts):
            ids = texts_as_tokens(self.tokenizer, self.pooling, slab, self.max_tokens)
            length_N += [len(each) for each in ids]
            id_F.append(np.concatenate([np.array(each, np.int32) for each in ids]))
        return np.concatenate(id_F), np.cumsum(length_N, dtype=np.int64)

    def joined(self, texts: Sequence[str], others: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The same of two texts each as one, with the tokenizer's marks between; the longer one is cut."""
        prefix = self.pooling.prefix
        ids = self.tokenizer(
            [prefix + text for text in texts],
            [prefix + text for text in others],
            truncation="longest_first",
            max_length=self.max_tokens,
        )["input_ids"]
        offset_N = np.cumsum([0, *(len(each) for each in ids)])
        return np.fromiter((token for each in ids for token in each), np.int32, int(offset_N[-1])), offset_N

    def letters(self, texts: Sequence[str]) -> np.ndarray:
        """Of each of these tokens its first letter in the text and the letter after its last, ``(F, 2)``.

        Both are 0 where it stands for no letter.

        Raises:
            ConfigError: The tokenizer of the model does not know.
        """
        if not getattr(self.tokenizer, "is_fast", False):
            raise ConfigError(
                f"model.language: the tokenizer of {self.settings.name} does not say where its tokens lie in "
                "a text, which tagging and hidden words ask; name another model."
            )
        letters_F = [np.zeros((0, 2), np.int32)]
        for slab in _slabs(texts):
            found = texts_as_letters(self.tokenizer, self.pooling, slab, self.max_tokens)
            letters_F.append(np.array([pair for each in found for pair in each], np.int32).reshape(-1, 2))
        return np.concatenate(letters_F)

    def embeddings(self, token_BL: Tensor) -> Tensor:
        """Vectors of the words themselves, before any of them knows of another, ``(B, L, T)``."""
        found: Tensor = self.model.get_input_embeddings()(token_BL)
        return found

    def words(self) -> Tensor:
        """Vectors of all words of the tokenizer, ``(V, T)``, of some models narrower; they are its own."""
        found: Tensor = self.model.get_input_embeddings().weight
        return found

    def forward(self, token_BL: Tensor, real_BL: Tensor, word_BLT: Tensor | None = None) -> Tensor:
        """Vectors of the tokens ``(B, L, T)``, float32; those of padding mean nothing.

        Args:
            token_BL: Tokens.
            real_BL: Which are no padding.
            word_BLT: What `embeddings` says of them, or what stands for it.
        """
        read = {"input_ids": token_BL} if word_BLT is None else {"inputs_embeds": word_BLT}
        mask_BL = real_BL.to(torch.int64)
        with self._arithmetic(token_BL.device):
            return last_layer(self.model, mask_BL, **read).float()

    def vectors(self, token_BL: Tensor, real_BL: Tensor, word_BLT: Tensor | None = None) -> Tensor:
        """One vector a text ``(B, T)``, as the model's own files say it is pooled."""
        return pool(self(token_BL, real_BL, word_BLT), real_BL.to(torch.int64), self.pooling)

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Its learned parameters and the learning rate of each, lower the deeper they lie (`layer_decay`).

        Raises:
            ConfigError: A rate is to be lower from block to block, and no blocks were found.
        """
        learned = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        blocks = 1 + max((_block(name) for name, _ in learned), default=-1)
        rate, decay = self.settings.learning_rate, self.settings.layer_decay
        if decay < 1 and not blocks:
            raise ConfigError(
                f"model.language.layer_decay: the blocks of {self.settings.name} are not told apart by the "
                "names of its weights; leave the setting out."
            )
        found: dict[int, list[nn.Parameter]] = {}
        for name, p in learned:
            height = _block(name) + 1 if _block(name) >= 0 else 0 if _BELOW.search(name) else blocks
            found.setdefault(height, []).append(p)
        return [(several, rate * decay ** (blocks - height)) for height, several in sorted(found.items())]

    def save(self, folder: Path) -> None:
        """Write a folder that any reader of such models opens; low-rank additions are added up."""
        model = _merged(self.model) if self.settings.tuning == "lora" else self.model
        adapters = getattr(model, "adapters", None)
        with quiet():
            model.save_pretrained(folder, state_dict=_without_adapters(model) if adapters else None)
            self.tokenizer.save_pretrained(folder)
        if adapters is not None:
            save(adapters, folder)
        write_pooling(folder, self.pooling, self.width)

    @contextmanager
    def _arithmetic(self, device: torch.device) -> Iterator[None]:
        """In the precision that is set for it; where none is, in that of whoever asks."""
        with ExitStack() as ways:
            if self.settings.precision != "auto":
                rounded = self.settings.precision == "bf16"
                ways.enter_context(torch.autocast(device.type, torch.bfloat16, enabled=rounded))
            if not torch.is_grad_enabled():  # a backward pass would not be in here
                ways.enter_context(fast_products(device))
            yield


def _slabs(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Some texts at a time: as objects of Python, tokens take twenty times the memory."""
    for begin in range(0, len(texts), SLAB):
        yield texts[begin : begin + SLAB]


def _without_adapters(model: Any) -> dict[str, Tensor]:
    """Weights of the model that transformers knows of."""
    own = model.state_dict().items()
    return {name: tensor for name, tensor in own if not name.startswith("adapters.")}


def _block(name: str) -> int:
    """Which block a parameter lies in, counted from 0; -1 where in none: embeddings, the last norm."""
    found = _BLOCK.search(name)
    return int(found[1]) if found else -1


def _with_lora(model: Any, language: Language) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ModuleNotFoundError as error:
        raise ConfigError(
            "model.language.tuning: lora needs the package peft. Install it with  "
            "pip install 'motet[lora]' , or write  tuning: full ."
        ) from error
    targets: str | list[str] = language.targets or "all-linear"
    settings = LoraConfig(
        r=language.rank, lora_alpha=ALPHA * language.rank, target_modules=targets, lora_dropout=0.0
    )
    try:
        with warnings.catch_warnings():  # of transformers, about what peft asks it
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(model, settings)
    except ValueError as error:
        names = sorted(
            {name.rpartition(".")[2] for name, part in model.named_modules() if isinstance(part, nn.Linear)}
        )
        raise ConfigError(
            f"model.language.targets: {language.targets} fit no layer ({error}). "
            f"The model has {', '.join(names)}."
        ) from error


def _merged(model: Any) -> Any:
    """A copy in which low-rank additions are part of the weights."""
    import copy

    return copy.deepcopy(model).merge_and_unload()
