"""Every metric has an example in its docstring; the examples themselves run as doctests."""

import importlib
import inspect
import pkgutil

import pytest

import motet.metrics

MODULES = sorted(module.name for module in pkgutil.iter_modules(motet.metrics.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_shows_an_example(name):
    module = importlib.import_module(f"motet.metrics.{name}")
    functions = [
        one for _, one in inspect.getmembers(module, inspect.isfunction) if one.__module__ == module.__name__
    ]
    bare = [
        one.__name__
        for one in functions
        if not one.__name__.startswith("_") and ">>>" not in (one.__doc__ or "")
    ]
    assert not bare


def test_metrics_import_nothing_but_numpy_and_the_errors():
    for name in MODULES:
        source = inspect.getsource(importlib.import_module(f"motet.metrics.{name}"))
        for line in source.splitlines():
            if line.startswith(("import ", "from ")):
                assert line.split()[1].split(".")[0] in {"numpy", "typing", "collections"} or line.split()[
                    1
                ].startswith(("motet.metrics.", "motet.errors")), f"{name}: {line}"
