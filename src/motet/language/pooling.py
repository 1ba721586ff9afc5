"""How a model's token vectors become one vector for a text: read from the model's own files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from motet.errors import ConfigError
from motet.language.known import PACKAGES, without_organisation

Mode = Literal["mean", "cls", "max", "lasttoken"]
PROMPTS = "config_sentence_transformers.json"
POOLING_FILES = ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json", PROMPTS)


@dataclass(frozen=True)
class Pooling:
    """Pooling of the last layer.

    Args:
        mode: Mean or maximum over the tokens, the first token, or the last.
        normalise: Whether the vector gets length 1.
        max_tokens: The longest text the model was made for; None when its files do not say.
        prefix: What stands before every text.
    """

    mode: Mode = "mean"
    normalise: bool = True
    max_tokens: int | None = None
    prefix: str = ""


def read_pooling(folder: Path, name: str = "") -> Pooling:
    """Pooling as sentence-transformers writes it beside a model; mean and length 1 when nothing is written.

    Args:
        folder: Of the model.
        name: Of the model; a known one has its prefix even where its files name none.

    Raises:
        ConfigError: The model needs a part that Motet does not have.
    """
    if not (folder / "modules.json").exists():
        return Pooling(prefix=_prefix(folder, name))
    modules = {module["type"].rsplit(".", 1)[-1]: module["path"] for module in _read(folder / "modules.json")}
    unknown = set(modules) - {"Transformer", "Pooling", "Normalize"}
    if unknown:
        raise ConfigError(
            f"model.language: {folder} has a module {sorted(unknown)[0]!r}, which Motet does not have. "
            "Name a model of Transformer, Pooling and Normalize alone."
        )
    mode = (
        _mode(_read(folder / modules["Pooling"] / "config.json"), folder) if "Pooling" in modules else "mean"
    )
    longest = _read(folder / "sentence_bert_config.json").get("max_seq_length")
    return Pooling(mode, "Normalize" in modules, longest, _prefix(folder, name))


def _mode(config: dict[str, Any], folder: Path) -> Mode:
    """The mode, from the newer name or the older flags."""
    flags = {
        name.removeprefix("pooling_mode_").removesuffix("_token").removesuffix("_tokens")
        for name, on in config.items()
        if name.startswith("pooling_mode_") and on
    }
    modes = [config["pooling_mode"]] if isinstance(config.get("pooling_mode"), str) else sorted(flags)
    known: tuple[Mode, ...] = get_args(Mode)
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
    package = PACKAGES.get(without_organisation(name))
    return package.prefix if package else ""


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
