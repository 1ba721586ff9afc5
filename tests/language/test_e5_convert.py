"""A packed model becomes a folder that transformers opens: at its first use, once, whole or not at all."""

import math
import shutil
import sys
from importlib import invalidate_caches
from pathlib import Path

import numpy as np
import pytest
import torch

from motet.config.model import Language
from motet.errors import ConfigError
from motet.language import conversion, find
from motet.language.backbone import load_language
from motet.language.e5 import convert
from motet.language.find import find_model, find_nearby
from motet.language.known import Package
from motet.language.pooling import Pooling, read_pooling
from tests.language.packed_file import HEADS, HIDDEN, PIECES, Tiny


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packed file of a package that is installed and known as ``tiny``."""
    package = tmp_path / "site" / "brings_tiny"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('the package was imported')\n")
    monkeypatch.syspath_prepend(package.parent)
    invalidate_caches()
    monkeypatch.setitem(
        find.PACKAGES,
        "tiny",
        Package("brings_tiny", "", "tiny", organisation="small", files=("brings_tiny/tiny.bin",)),
    )
    return Tiny().write(package / "tiny.bin")


def by_hand(text_ids: list[int]) -> np.ndarray:
    """BERT in NumPy from the numbers that went into the file: the mean of its tokens, of length 1."""
    number = Tiny().numbers

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)
        return x * number(f"{name}.w") + number(f"{name}.b")

    def line(x: np.ndarray, name: str) -> np.ndarray:
        return x @ number(f"l0.{name}.w").T + number(f"l0.{name}.b")

    words = number("emb.word")[text_ids] + number("emb.pos")[: len(text_ids)] + number("emb.type")[0]
    x = norm(words.astype(np.float64), "emb.ln")
    query, key, value = (np.split(line(x, name), HEADS, axis=1) for name in "qkv")
    mixed = []
    for q, k, v in zip(query, key, value, strict=True):
        weights = np.exp(q @ k.T / math.sqrt(HIDDEN // HEADS))
        mixed.append(weights / weights.sum(1, keepdims=True) @ v)
    x = norm(x + line(np.concatenate(mixed, 1), "ao"), "l0.aln")
    wide = line(x, "fi")
    wide = wide * (1 + np.vectorize(math.erf)(wide / math.sqrt(2))) / 2
    mean = norm(x + line(wide, "fo"), "l0.oln").mean(0)
    return mean / np.linalg.norm(mean)


def test_the_first_use_unpacks_and_tells_and_later_ones_do_neither(file, home, monkeypatch, capsys):
    folder = find_model("tiny")
    assert folder == home / "models" / "tiny"
    assert "unpacking the weights of brings_tiny" in capsys.readouterr().err
    monkeypatch.setattr(convert, "convert", lambda *_: pytest.fail("unpacked again"))
    assert find_model("tiny") == find_model("small/tiny") == folder
    assert capsys.readouterr().err == ""


def test_vectors_are_those_that_the_numbers_of_the_file_give(file):
    encoder = load_language(Language(name="tiny"), precision="fp32")
    passage = [0, *(list(PIECES).index(piece) for piece in ("▁", "passage", ":")), 5, 6, 2]
    assert encoder.tokenizer("passage: red shoe")["input_ids"] == passage
    vectors = encoder.encode(["red shoe", "红鞋 red shoe shoe"])
    np.testing.assert_allclose(vectors[0], by_hand(passage), atol=1e-5)
    assert vectors.shape == (2, HIDDEN)


def test_every_text_is_a_passage_and_the_query_is_there(file):
    folder = find_model("tiny")
    assert read_pooling(folder) == Pooling("mean", True, 16, "passage: ")
    assert '"query": "query: "' in (folder / "config_sentence_transformers.json").read_text()


def test_no_weight_is_left_to_chance(file):
    torch.manual_seed(0)
    first = load_language(Language(name="tiny")).model.state_dict()
    torch.manual_seed(1)
    second = load_language(Language(name="tiny")).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert {value.dtype for value in first.values() if value.is_floating_point()} == {torch.float32}


def test_another_file_in_the_package_is_unpacked_anew(file, capsys):
    before = load_language(Language(name="tiny"), precision="fp32").encode(["red"])
    Tiny(seed=1).write(file)
    after = load_language(Language(name="tiny"), precision="fp32").encode(["red"])
    assert not np.allclose(before, after, atol=0.01)
    assert capsys.readouterr().err.count("unpacking") == 2


def test_the_folder_outlives_the_package(file):
    folder = find_model("tiny")
    shutil.rmtree(file.parent)
    invalidate_caches()
    sys.modules.pop("brings_tiny", None)
    assert find_model("tiny") == folder


def test_looking_unpacks_nothing(file, home):
    assert find_nearby("tiny") is None
    assert not home.exists()
    assert find_model("tiny") == find_nearby("tiny")


def test_a_damaged_file_leaves_no_folder_and_keeps_the_one_before(file, home):
    folder, whole = find_model("tiny"), Tiny(seed=1).bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(ConfigError, match=r"tiny\.bin ends within tensor"):
        find_model("tiny")
    Tiny(scales={"l0.fo.w": float("nan")}).write(file)  # found when the folder is half written
    with pytest.raises(ConfigError, match="not finite"):
        find_model("tiny")
    assert (folder / "model.safetensors").exists()
    assert [path.name for path in (home / "models").iterdir() if path.is_dir()] == ["tiny"]


def test_a_package_without_its_file_is_named(file):
    file.unlink()
    with pytest.raises(ConfigError, match=r"tiny\.bin cannot be read"):
        find_model("tiny")


def test_a_folder_that_is_ready_needs_no_lock(file, monkeypatch):
    """As in an image whose home is read-only."""
    folder = find_model("tiny")
    monkeypatch.setattr(conversion, "FileLock", lambda _: pytest.fail("locked"))
    assert find_model("tiny") == folder


def test_a_folder_that_lost_its_weights_is_made_again(file):
    weights = find_model("tiny") / "model.safetensors"
    weights.unlink()
    assert find_model("tiny") == weights.parent
    assert weights.exists()


def test_a_home_that_cannot_be_written_says_what_to_set(file, home):
    home.write_text("in the way")
    with pytest.raises(ConfigError, match="set MOTET_HOME"):
        find_model("tiny")


def test_without_the_package_the_extra_is_named(home, monkeypatch):
    absent = Package(
        "a_package_that_is_absent",
        "",
        "e9",
        organisation="intfloat",
        files=("a_package_that_is_absent/x.bin",),
    )
    monkeypatch.setitem(find.PACKAGES, "absent", absent)
    with pytest.raises(ConfigError, match=r"pip install 'motet\[e9\]'"):
        find_model("intfloat/absent")


@pytest.mark.parametrize(("name", "prefix"), [("intfloat/multilingual-e5-small", "passage: "), ("mine", "")])
def test_a_known_model_has_its_prefix_where_its_files_name_none(tiny_bert, name, prefix):
    assert read_pooling(tiny_bert, name).prefix == prefix
