"""Where a language model lies: a folder, an installed package, the hub's cache, or the hub itself."""

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from motet.errors import ConfigError
from motet.language.known import KNOWN, PACKAGES, Package, listed_name

HUB_SECONDS = 5.0  # a hub that cannot be reached must not hold up a run
FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]

_SMALL = "all-MiniLM-L6-v2"
_ORGANISATION = "sentence-transformers"  # whose models are often named without it


def find_model(name: str) -> Path:
    """Folder of a model with its configuration, weights and tokenizer.

    Args:
        name: A folder, a name of `PACKAGES`, or a name on the Hugging Face hub.

    Raises:
        ConfigError: It was found nowhere; says how to get it.
    """
    if _is_path(name):
        return _whole(Path(name).expanduser(), name)
    listed = listed_name(name)
    for place in (_from_package, _from_cache):
        if (folder := place(listed)) is not None:
            return _whole(folder, name)
    folder, trouble = _from_hub(listed)
    if folder is None:
        raise ConfigError(_not_found(name, trouble))
    return _whole(folder, name)


def hidden_size(folder: Path) -> int:
    """Width of a model's layers, as its configuration says it."""
    from transformers import AutoConfig

    return int(AutoConfig.from_pretrained(folder, local_files_only=True).hidden_size)


def refuse_decoder(folder: Path, name: str) -> None:
    """Refuse a model that reads from left to right alone.

    Raises:
        ConfigError: It is one.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise ConfigError(
            f"model.language: {name!r} is a decoder ({kind}), which reads a text from left to right alone; "
            "pretraining is for models that read it whole. Name an encoder, for example all-MiniLM-L6-v2."
        )


def find_nearby(name: str) -> Path | None:
    """Folder of a listed model that is ready on this machine; nothing is converted and no hub is asked."""
    package = PACKAGES.get(name)
    if package is not None and package.files:
        from motet.language.conversion import folder_ready

        if (folder := folder_ready(name)) is not None:
            return folder
    elif package is not None and (folder := _folder_in(package)) is not None:
        return folder
    return _from_cache(name)


def _is_path(name: str) -> bool:
    return Path(name).expanduser().is_dir() or name.startswith(("/", "./", "../", "~", ".\\"))


def _whole(folder: Path, name: str) -> Path:
    """The folder, if it holds a model."""
    if not folder.is_dir():
        raise ConfigError(
            f"model.language: the folder {name!r} does not exist. Name another, or a model's name."
        )
    weights = list(folder.glob("*.safetensors"))
    if (folder / "config.json").exists() and weights:
        return folder
    lacking = "no weights (*.safetensors)" if not weights else "no config.json"
    raise ConfigError(
        f"model.language: {name!r} has {lacking} in {folder}. Save the model there with save_pretrained(), "
        "or write  language: none."
    )


def _from_package(name: str) -> Path | None:
    package = PACKAGES.get(name)
    if package is None:
        return None
    if package.files:
        from motet.language.conversion import converted

        return converted(name, package)
    return _folder_in(package)


def _folder_in(package: Package) -> Path | None:
    try:
        module = import_module(package.module)
    except ModuleNotFoundError:
        return None
    return Path(getattr(module, package.function)())


def _hub_names(name: str) -> Iterator[str]:
    if "/" not in name:
        package = PACKAGES.get(name)
        yield f"{package.organisation if package else _ORGANISATION}/{name}"
    yield name


def _from_cache(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for repository in _hub_names(name):
        try:
            found = try_to_load_from_cache(repository, "config.json")
        except ValueError:  # not a name that the hub could have
            continue
        if isinstance(found, str) and list(Path(found).parent.glob("*.safetensors")):
            return Path(found).parent
    return None


def _from_hub(name: str) -> tuple[Path | None, str]:
    """Folder of the downloaded model, or why there is none."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "0").upper() in {
        "1",
        "ON",
        "YES",
        "TRUE",
    }:
        return None, "HF_HUB_OFFLINE is set, so the hub was not asked"
    trouble = "the hub has no such model"
    for repository in _hub_names(name):
        try:
            return Path(snapshot_download(repository, allow_patterns=FILES, etag_timeout=HUB_SECONDS)), ""
        except (RepositoryNotFoundError, ValueError):
            continue
        except Exception as error:  # what a network can do has no common class
            return None, f"the hub could not be reached: {type(error).__name__}"
    return None, trouble


def _not_found(name: str, trouble: str) -> str:
    listed = listed_name(name)
    known = next((model for model in KNOWN if model.name == listed), None)
    package = PACKAGES.get(listed)
    if known is not None and known.package.form == "gguf":
        get = f"Install it with  pip install {known.install}"
    else:
        install = f"pip install 'motet[{(package or PACKAGES[_SMALL]).extra}]'"
        get = f"Install it with  {install}" if package else f"Check its name, or use {_SMALL} ({install})"
    return (
        f"model.language: {name!r} is not a folder, not in an installed package and not in the hub's cache; "
        f"{trouble}. {get}, or name the folder of a saved model, or write  language: none  to do without."
    )
