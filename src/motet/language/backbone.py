"""The language model as an encoder of texts: one vector a text, from a frozen model.

Shapes: N texts, B texts of a batch, L tokens, D width.
"""

import copy
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from motet.config.model import Language
from motet.errors import ConfigError
from motet.language.find import find_model
from motet.language.pooling import Pooling, pooling_of, read_pooling
from motet.language.transformer import last_layer, load_transformer
from motet.nn.threads import side_by_side
from motet.system.devices import WORTH_BF16
from motet.system.files import sha256_file
from motet.system.log import Bar

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16", "int8"]
TOKENS_OF_A_BATCH = 512  # on a CPU: what a layer says of them stays in the cache of a core
TOKENS_ELSEWHERE = 8192
TEXTS_AT_ONCE = 8192  # are tokenised and sorted together
ARITHMETIC = 1  # raise it when Motet would make other vectors of the same files


def load_language(
    language: Language, *, precision: Precision | None = None, device: "torch.device | str" = "cpu"
) -> "TextEncoder":
    """The encoder that a configuration names.

    Args:
        language: The `model.language` part.
        precision: Of the computation, instead of the one that is set; where neither says, it is measured.
        device: Where to compute.

    Raises:
        ConfigError: The model was not found, cannot be read, or is another than its fingerprint says.
    """
    folder = find_model(language.name)
    if precision is None and language.precision != "auto":
        precision = language.precision
    encoder = TextEncoder(
        folder,
        language.name,
        language.max_tokens,
        pooling=pooling_of(language, folder),
        precision=precision,
        device=device,
    )
    if language.fingerprint not in (None, encoder.fingerprint):
        raise ConfigError(
            f"model.language: {language.name} in {folder} is not the model that the run was trained with: "
            "its files, how it is read, or Motet's own arithmetic are others, and so would be its vectors. "
            "Put that model back, or train again with this one, without  fingerprint:  under model.language."
        )
    return encoder


class TextEncoder:
    """A frozen language model that turns texts into vectors.

    Attributes:
        name: As the configuration names it.
        width: Length of a vector.
        fingerprint: Hash of weights, tokenizer and settings: equal fingerprints give equal vectors.
        precision: Of the computation; None until it is chosen.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        max_tokens: int = 128,
        *,
        pooling: Pooling | None = None,
        precision: Precision | None = None,
        device: "torch.device | str" = "cpu",
    ) -> None:
        import torch

        self.name, self.precision, self._device = name, precision, torch.device(device)
        self.pooling = pooling or read_pooling(folder, name)
        self.model, self.tokenizer = load_transformer(folder, name, self._device.type)
        self.model.requires_grad_(False)
        self.model.to(self._device)
        self.width = int(self.model.config.hidden_size)
        self.max_tokens = longest(max_tokens, self.pooling, self.tokenizer)
        self.fingerprint = _fingerprint(folder, self.pooling, self.max_tokens)
        self._rounded: Precision = "fp32"

    def choose_precision(self) -> Precision:
        """The precision; if open, chosen now: bf16 where a small batch takes at most 1 / 1.3 of the time."""
        if self.precision is None:
            texts = ["a text of some twenty words that stands for what a catalogue says of an item " * 2] * 16
            whole, self.precision = self.model, "fp32"
            slow = self._seconds(texts)
            self.model, self.precision = copy.deepcopy(whole), "bf16"
            if slow < WORTH_BF16 * self._seconds(texts):
                self.model, self.precision, self._rounded = whole, "fp32", "fp32"
        return self.precision

    def encode(self, texts: Sequence[str], progress: Bar | None = None) -> NDArray[np.float32]:
        """Vectors of texts; what is longer than `max_tokens` is cut at its end.

        Args:
            texts: The texts, in any order; an empty one has a vector too.
            progress: Told of the number of texts done.

        Returns:
            ``(N, D)``, in the order of the texts.
        """
        from motet.nn.blockwise import fast_products

        self._computes_in(self.choose_precision())
        vectors_ND = np.empty((len(texts), self.width), np.float32)
        with fast_products(self._device):
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                batches = self._batches(texts[start : start + TEXTS_AT_ONCE])
                read = side_by_side(self._vectors, [tokens for _, tokens in batches], self._device.type)
                for (place_B, _), vectors_BD in zip(batches, read, strict=True):
                    vectors_ND[start + place_B] = vectors_BD
                    if progress is not None:
                        progress.advance(len(place_B))
        return vectors_ND

    def _batches(self, texts: Sequence[str]) -> list[tuple[NDArray[np.int64], list[list[int]]]]:
        """Places and tokens, longest texts first, so that batches hold little padding."""
        tokens = texts_as_tokens(self.tokenizer, self.pooling, texts, self.max_tokens)
        length_N = np.array([len(ids) for ids in tokens])
        order_N = np.argsort(-length_N, kind="stable")
        most = TOKENS_OF_A_BATCH if self._device.type == "cpu" else TOKENS_ELSEWHERE
        batches, start = [], 0
        while start < len(order_N):
            count = max(1, most // int(length_N[order_N[start]]))
            place_B = order_N[start : start + count]
            batches.append((place_B, [tokens[place] for place in place_B]))
            start += count
        return batches

    def _vectors(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """Vectors of the texts of a batch, ``(B, D)``."""
        import torch

        token_BL, mask_BL = _padded(tokens, int(self.tokenizer.pad_token_id), self._device)
        with torch.inference_mode():
            hidden_BLD = last_layer(self.model, mask_BL, input_ids=token_BL).float()
            vectors_BD = pool(hidden_BLD, mask_BL, self.pooling)
        vectors: NDArray[np.float32] = vectors_BD.cpu().numpy()
        return vectors

    def _computes_in(self, precision: Precision) -> None:
        """Round the weights as a precision asks; there is no way back."""
        import torch

        from motet.language.int8 import round_products

        if precision == self._rounded:
            return
        assert self._rounded == "fp32", "rounded weights give no other precision"
        if precision == "bf16":
            self.model = self.model.to(torch.bfloat16)
        else:
            round_products(self.model, self.name)
        self._rounded = precision

    def _seconds(self, texts: list[str]) -> float:
        """The best of three times."""
        tries = []
        for _ in range(4):
            start = time.perf_counter()
            self.encode(texts)
            tries.append(time.perf_counter() - start)
        return min(tries[1:])


def pool(hidden_BLD: "torch.Tensor", mask_BL: "torch.Tensor", pooling: Pooling) -> "torch.Tensor":
    """One vector a text from the vectors of its tokens; padding has no part in it.

    Args:
        hidden_BLD: The last layer, ``(B, L, D)``.
        mask_BL: 1 for a token, 0 for padding, ``(B, L)``.
        pooling: Mode and length.

    Returns:
        ``(B, D)``.
    """
    import torch

    mask_BL1 = mask_BL[:, :, None].to(hidden_BLD.dtype)
    match pooling.mode:
        case "mean":
            vector_BD = (hidden_BLD * mask_BL1).sum(1) / mask_BL1.sum(1).clamp_min(1)
        case "max":
            vector_BD = hidden_BLD.masked_fill(mask_BL1 == 0, -torch.inf).amax(1)
        case "cls" | "lasttoken":
            number_L = torch.arange(mask_BL.shape[1], device=mask_BL.device)
            place_BL = torch.where(
                mask_BL > 0, number_L, -1 if pooling.mode == "lasttoken" else mask_BL.shape[1]
            )
            place_B = place_BL.amax(1) if pooling.mode == "lasttoken" else place_BL.amin(1)
            vector_BD = hidden_BLD[torch.arange(len(mask_BL), device=mask_BL.device), place_B]
    return torch.nn.functional.normalize(vector_BD, dim=1) if pooling.normalise else vector_BD


def _padded(
    tokens: list[list[int]], padding: int, device: "torch.device"
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Tokens ``(B, L)``, padded at the end, and 1 where there is one, else 0."""
    import torch

    length_B = np.array([len(ids) for ids in tokens])
    real_BL = np.arange(length_B.max()) < length_B[:, None]
    token_BL = np.full(real_BL.shape, padding, np.int64)
    token_BL[real_BL] = np.concatenate(tokens)
    return torch.from_numpy(token_BL).to(device), torch.from_numpy(real_BL.astype(np.int64)).to(device)


def longest(max_tokens: int, pooling: Pooling, tokenizer: Any) -> int:
    """The most tokens of a text: as asked, but no more than the model was made for."""
    return int(min(max_tokens, pooling.max_tokens or max_tokens, tokenizer.model_max_length))


def texts_as_tokens(
    tokenizer: Any, pooling: Pooling, texts: Sequence[str], max_tokens: int
) -> list[list[int]]:
    """Token numbers of texts with their prefix, at least one each; what is longer is cut at its end."""
    prefixed = [pooling.prefix + text for text in texts]
    found: list[list[int]] = tokenizer(prefixed, truncation=True, max_length=max_tokens)["input_ids"]
    return [ids or _nothing(tokenizer) for ids in found]


def texts_as_letters(
    tokenizer: Any, pooling: Pooling, texts: Sequence[str], max_tokens: int
) -> list[list[tuple[int, int]]]:
    """Of each of these tokens the letters of the text, without the prefix, that it stands for."""
    begin = len(pooling.prefix)
    found = tokenizer(
        [pooling.prefix + text for text in texts],
        truncation=True,
        max_length=max_tokens,
        return_offsets_mapping=True,
    )["offset_mapping"]
    return [
        [(max(first - begin, 0), max(after - begin, 0)) for first, after in each] or [(0, 0)]
        for each in found
    ]


def _nothing(tokenizer: Any) -> list[int]:
    """What stands for a text without a token: the mark that begins or ends texts."""
    marks = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    return [next(mark for mark in marks if mark is not None)]


def _fingerprint(folder: Path, pooling: Pooling, max_tokens: int) -> str:
    """Hash of everything that decides on a vector."""
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "merges.txt")
    files = [*sorted(folder.glob("*.safetensors")), *(folder / name for name in names)]
    files += sorted(folder.glob("*.model"))
    hashes = {path.name: sha256_file(path) for path in files if path.exists()}
    settings = {"files": hashes, "pooling": asdict(pooling), "max_tokens": max_tokens}
    settings |= {"arithmetic": ARITHMETIC}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
