"""Ready runs as data: one YAML file a recipe, and the reader of them."""

from importlib.resources import files

from motet.errors import ConfigError


def recipe(name: str) -> str:
    """The text of a ready configuration.

    Raises:
        ConfigError: There is no recipe of that name.
    """
    folder = files("motet.recipes")
    known = sorted(
        each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml")
    )
    if name not in known:
        raise ConfigError(f"there is no recipe {name!r}. The recipes are {', '.join(known)}.")
    return (folder / f"{name}.yaml").read_text(encoding="utf-8")
