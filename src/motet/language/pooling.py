"""How a model's token vectors become one vector for a text: as its own files say, or a configuration."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from motet.config.model import Language, PoolingMode
from motet.errors import ConfigError
from motet.language.known import PACKAGES, listed_name
from motet.language.transformer import reads_forward
from motet.system.files import write_json

PROMPTS = "config_sentence_transformers.json"


@dataclass(frozen=True)
class Pooling:
    """Pooling of the last layer.

    Args:
        mode: Mean or maximum over the tokens, the first token, or the last.
        normalise: Whether the vector gets length 1.
        max_tokens: The longest text the model was made for; None when its files do not say.
        prefix: What stands before every text.
    """

    mode: PoolingMode = "mean"
    normalise: bool = True
    max_tokens: int | None = None
    prefix: str = ""


def pooling_of(language: Language, folder: Path) -> Pooling:
    """Pooling as a configuration sets it, and where it sets nothing, as the model's own files say.

    Args:
        language: The `model.language` part of the configuration.
        folder: Of the model.

    Raises:
        ConfigError: The model needs a part that Motet does not have, or the first token of a decoder is
            asked for.
    """
    if language.pooling == "cls" and reads_forward(folder):
        raise ConfigError(
            f"model.language.pooling: {language.name} is a decoder, whose first token knows nothing of the "
            "others. Write  pooling: lasttoken  or  pooling: mean."
        )
    read = read_pooling(folder, language.name, language.pooling)
    return read if language.prefix is None else replace(read, prefix=language.prefix)


def read_pooling(folder: Path, name: str = "", mode: PoolingMode | None = None) -> Pooling:
    """Pooling as sentence-transformers writes it beside a model.

    Where nothing is written, vectors get length 1 and are the mean of an encoder's tokens, and the last token
    of a decoder, which alone knows all others.

    Args:
        folder: Of the model.
        name: Of the model; a known one has its prefix even where its files name none.
        mode: Instead of the one that is written.

    Raises:
        ConfigError: The model needs a part that Motet does not have.
    """
    usual: PoolingMode = "lasttoken" if reads_forward(folder) else "mean"
    if not (folder / "modules.json").exists():
        return Pooling(mode or usual, prefix=_prefix(folder, name))
    modules = {module["type"].rsplit(".", 1)[-1]: module["path"] for module in _read(folder / "modules.json")}
    unknown = set(modules) - {"Transformer", "Pooling", "Normalize"}
    if unknown:
        raise ConfigError(
            f"model.language: {folder} has a module {sorted(unknown)[0]!r}, which Motet does not have. "
            "Name a model of Transformer, Pooling and Normalize alone."
        )
    if mode is None and "Pooling" in modules:
        mode = _mode(_read(folder / modules["Pooling"] / "config.json"), folder)
    longest = _read(folder / "sentence_bert_config.json").get("max_seq_length")
    return Pooling(mode or usual, "Normalize" in modules, longest, _prefix(folder, name))


def write_pooling(folder: Path, pooling: Pooling, width: int) -> None:
    """Write pooling beside a model as sentence-transformers does, which `read_pooling` reads.

    Args:
        folder: Of the model.
        pooling: How it is pooled.
        width: Of its vectors.
    """
    parts = {"Transformer": "", "Pooling": "1_Pooling"} | (
        {"Normalize": "2_Normalize"} if pooling.normalise else {}
    )
    write_json(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (kind, path) in enumerate(parts.items())
        ],
    )
    flags = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens", "lasttoken": "lasttoken"}
    write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": width}
        | {f"pooling_mode_{flag}": mode == pooling.mode for mode, flag in flags.items()},
    )
    if pooling.max_tokens is not None:
        longest = {"max_seq_length": pooling.max_tokens, "do_lower_case": False}
        write_json(folder / "sentence_bert_config.json", longest)
    if pooling.prefix:
        prompts = {"prompts": {"all": pooling.prefix}, "default_prompt_name": "all"}
        write_json(folder / PROMPTS, prompts)


def _mode(config: dict[str, Any], folder: Path) -> PoolingMode:
    """The mode, from the newer name or the older flags."""
    flags = {
        name.removeprefix("pooling_mode_").removesuffix("_token").removesuffix("_tokens")
        for name, on in config.items()
        if name.startswith("pooling_mode_") and on
    }
    modes = [config["pooling_mode"]] if isinstance(config.get("pooling_mode"), str) else sorted(flags)
    known: tuple[PoolingMode, ...] = get_args(PoolingMode)
    if len(modes) != 1 or modes[0] not in known:
        raise ConfigError(
            f"model.language: {folder} is pooled by {' and '.join(modes) or 'nothing'}; "
            f"Motet knows {', '.join(known)}. Name another model."
        )
    return next(mode for mode in known if mode == modes[0])


def _prefix(folder: Path, name: str) -> str:
    config = _read(folder / PROMPTS)
    if config.get("default_prompt_name"):
        return str((config.get("prompts") or {}).get(config["default_prompt_name"], ""))
    package = PACKAGES.get(listed_name(name))
    return package.prefix if package else ""


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
