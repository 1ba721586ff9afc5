"""Where a language model lies: a folder, an installed package, the hub's cache, or the hub itself."""

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from motet.config.nearest import nearest
from motet.errors import ConfigError
from motet.language.known import KNOWN, OWN_VISION, PACKAGES, Package, listed_name
from motet.system.log import warn

HUB_SECONDS = 5.0  # a hub that cannot be reached must not hold up a run
SMALL_FILES = ["*.json", "*.txt", "*.model"]
FILES = [*SMALL_FILES, "*.safetensors"]
MODULES = "modules.json"  # in which sentence-transformers says how vectors are pooled
OFFLINE = "HF_HUB_OFFLINE is set, so the hub was not asked"

LANGUAGE, VISION = "model.language", "model.vision"  # settings that name a model
_SMALL = "all-MiniLM-L6-v2"
_ORGANISATION = "sentence-transformers"  # whose models are often named without it


def find_model(name: str, key: str = LANGUAGE) -> Path:
    """Folder of a model with its configuration, weights and tokenizer.

    Args:
        name: A folder, a name of `PACKAGES`, or a name on the Hugging Face hub.
        key: The setting that names it, for messages.

    Raises:
        ConfigError: It was found nowhere, or may not be read; says how to get it.
    """
    if _is_path(name):
        return _whole(Path(name).expanduser(), name, key)
    listed = listed_name(name)
    if (folder := _from_package(listed)) is not None:
        return _whole(folder, name, key)
    if (cached := _cached(listed)) is not None:
        if key == LANGUAGE:
            _complete(*cached)
        return _whole(cached[1], name, key)
    folder, trouble = _from_hub(listed, key)
    if folder is None:
        raise ConfigError(_not_found(name, trouble, key))
    return _whole(folder, name, key)


def placed(name: str, folder: Path) -> str:
    """A model's name where a configuration writes it: of a folder, its absolute path; else as it is.

    Args:
        name: As it is written.
        folder: Of the configuration, where relative paths begin; then the working directory is looked into.
    """
    path = Path(name).expanduser()
    found = next((place / path for place in (folder, Path()) if (place / path).is_dir()), None)
    if name == OWN_VISION or (found is None and not _is_path(name)):
        return name
    return os.path.abspath(found or folder / path)


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
    cached = _cached(name)
    return None if cached is None else cached[1]


def _is_path(name: str) -> bool:
    return Path(name).expanduser().is_dir() or name.startswith(("/", "./", "../", "~", ".\\"))


def _whole(folder: Path, name: str, key: str) -> Path:
    """The folder, if it holds a model."""
    if not folder.is_dir():
        raise ConfigError(f"{key}: the folder {name!r} does not exist. Name another, or a model's name.")
    weights = list(folder.glob("*.safetensors"))
    if (folder / "config.json").exists() and weights:
        return folder
    lacking = "no weights (*.safetensors)" if not weights else "no config.json"
    raise ConfigError(
        f"{key}: {name!r} has {lacking} in {folder}. Save the model there with save_pretrained(), "
        f"or write  {_none(key)}."
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


def _cached(name: str) -> tuple[str, Path] | None:
    """A model in the hub's cache: its name there, and its folder."""
    from huggingface_hub import try_to_load_from_cache

    for repository in _hub_names(name):
        try:
            found = try_to_load_from_cache(repository, "config.json")
        except ValueError:  # not a name that the hub could have
            continue
        if isinstance(found, str) and list(Path(found).parent.glob("*.safetensors")):
            return repository, Path(found).parent
    return None


@cache
def _complete(repository: str, folder: Path) -> None:
    """Get what the cache may lack of a model that another program put there: how its vectors are pooled.

    Such a program asks for weights and tokenizer alone. The hub is asked for the same version, once a
    process; that it has no more than the cache is written there by its client.
    """
    from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    version = folder.name
    if try_to_load_from_cache(repository, MODULES, revision=version) is not None:
        return
    trouble = OFFLINE if _offline() else ""
    try:
        if not trouble:
            asked: Any = {"revision": version, "etag_timeout": HUB_SECONDS}
            snapshot_download(repository, allow_patterns=SMALL_FILES, ignore_patterns=[MODULES], **asked)
            hf_hub_download(repository, MODULES, **asked)  # last: where it lies, the others do
    except LocalEntryNotFoundError as error:  # that it could not be asked
        trouble = _out_of_reach(error)
    except EntryNotFoundError:  # it has none
        pass
    except Exception as error:  # what a network can do has no common class
        trouble = _out_of_reach(error)
    if trouble:
        warn(
            f"model.language: the hub's cache holds {repository} without {MODULES}, in which a model says "
            f"how its vectors are pooled, and {trouble}. The usual pooling is taken: the mean of an "
            "encoder's tokens, the last of a decoder's. Write  pooling:  under model.language if you know it."
        )


def _offline() -> bool:
    from huggingface_hub import constants

    said = os.environ.get("HF_HUB_OFFLINE", "0").upper()
    return bool(constants.HF_HUB_OFFLINE) or said in {"1", "ON", "YES", "TRUE"}


def _out_of_reach(error: Exception) -> str:
    return f"the hub could not be reached: {type(error).__name__}"


def _from_hub(name: str, key: str) -> tuple[Path | None, str]:
    """Folder of the downloaded model, or why there is none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if _offline():
        return None, OFFLINE
    for repository in _hub_names(name):
        try:
            return Path(snapshot_download(repository, allow_patterns=FILES, etag_timeout=HUB_SECONDS)), ""
        except GatedRepoError as error:
            raise ConfigError(
                f"{key}: {repository} is on the hub for those alone who accept its terms. Accept them on "
                f"https://huggingface.co/{repository} and log in (set HF_TOKEN to a token of yours), or name "
                f"another model, or write  {_none(key)}."
            ) from error
        except (RepositoryNotFoundError, ValueError):
            continue
        except Exception as error:  # what a network can do has no common class
            return None, _out_of_reach(error)
    return None, "the hub has no such model, or one that you may not read"


def _none(key: str) -> str:
    """What leaves a model out."""
    return f"{key.rpartition('.')[2]}: none"


def _not_found(name: str, trouble: str, key: str) -> str:
    return (
        f"{key}: {name!r} is not a folder, not in an installed package and not in the hub's cache; "
        f"{trouble}. {_get(name, key)}, or name the folder of a saved model, or write  {_none(key)}  to do "
        "without."
    )


def _get(name: str, key: str) -> str:
    """How a model is got that was not found, or another one."""
    listed = listed_name(name)
    known = next((model for model in KNOWN if model.name == listed), None)
    package = PACKAGES.get(listed)
    if known is not None and known.package.form == "gguf":
        return f"Install it with  pip install {known.install}"
    if package is not None:
        return f"Install it with  pip install 'motet[{package.extra}]'"
    names = [*PACKAGES, *(alias for model in KNOWN for alias in model.aliases)]
    close = nearest(name.rpartition("/")[2], names if key == LANGUAGE else [OWN_VISION])
    if close is not None:
        return f"Did you mean {close!r}? Write that"
    usual, extra = (_SMALL, PACKAGES[_SMALL].extra) if key == LANGUAGE else (OWN_VISION, "images")
    return f"Check its name, or use {usual} (pip install 'motet[{extra}]')"
