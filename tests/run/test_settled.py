"""What a run keeps of the frozen language model that read its texts: the precision, and which it was."""

import functools
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import motet
from motet.config.model import Language
from motet.config.read import config_from_dict, read_config
from motet.errors import ConfigError
from motet.gather import gather, with_language_settled
from motet.language import backbone
from motet.language.backbone import load_language
from motet.run import settle
from motet.system.home import home
from tests.run.test_texts import folder, run_of, settings


@functools.cache
def trained() -> Path:
    """A run whose language model has a folder of its own, in rounded arithmetic that was measured."""
    place = folder() / "settled"
    shutil.copytree(folder() / "bert", place / "bert")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTET_HOME", str(place / "home"))
        patch.setattr(backbone, "WORTH_BF16", 0.0)  # always worth it
        raw = settings("side", tuning="frozen", training__epochs=1)
        raw["model"]["language"]["name"] = str(place / "bert")
        return motet.train(raw, place / "run").folder


def test_the_precision_that_was_measured_is_that_of_the_run_elsewhere_too(tmp_path, monkeypatch):
    run = trained()
    found = read_config(run / "motet.yaml").model.language
    assert found is not None
    assert found.precision == "bf16"
    assert found.fingerprint == load_language(Language(name=found.name)).fingerprint
    monkeypatch.setenv("MOTET_HOME", str(tmp_path))  # another machine, where rounding is not worth it
    monkeypatch.setattr(backbone, "WORTH_BF16", float("inf"))
    opened = motet.open(run)
    assert opened.bundle.language is not None
    assert load_language(opened.bundle.language).precision == "bf16"
    opened.classify(["red shoe"])
    assert not list(home().rglob("precision.json"))


def test_another_model_in_the_place_of_a_runs_is_refused(tmp_path, monkeypatch):
    run = shutil.copytree(trained(), tmp_path / "run")
    path = trained().parent / "bert" / "model.safetensors"
    before = path.read_bytes()
    try:
        save_file({name: weight * 1.1 for name, weight in load_file(path).items()}, path, {"format": "pt"})
        with pytest.raises(
            ConfigError, match=r"bert is not the model that the run was trained with.*train again"
        ):
            motet.open(run).classify(["red shoe"])
    finally:
        path.write_bytes(before)


def test_an_unfinished_training_goes_on_with_the_model_that_it_began_with(tmp_path, monkeypatch):
    asked = settings("side", tuning="frozen", training__epochs=1)
    monkeypatch.setattr(motet.run, "judge", lambda *_: pytest.fail("stopped here"))
    with pytest.raises(pytest.fail.Exception):
        motet.train(asked, tmp_path / "run")
    settled = read_config(tmp_path / "run.partial" / "motet.yaml").model.language
    assert settled is not None
    assert settled.precision in ("fp32", "bf16")
    assert settled.fingerprint is not None


@pytest.mark.slow
def test_a_tuned_one_reads_in_fp32_where_nothing_else_is_set():
    language = motet.open(run_of("side")).bundle.language
    assert language is not None
    assert language.precision == "fp32"


def test_folders_of_models_begin_where_the_configuration_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = settings("side")
    raw["model"] |= {"language": raw["model"]["language"] | {"name": "bert"}, "vision": "./vit"}
    found = settle(config_from_dict(raw), folder(), width=16).model
    assert found.language is not None
    assert found.vision is not None
    assert [found.language.name, found.vision.name] == [str(folder() / each) for each in ("bert", "vit")]
    assert settle(config_from_dict(raw), folder()).model == found  # the width too is that of this folder


def test_where_no_text_is_read_nothing_is_settled():
    raw = settings("click", tuning="frozen")
    raw["data"]["items"]["text"] = []
    raw["model"]["language"]["name"] = "nobody/nothing"
    config = config_from_dict(raw)
    assert with_language_settled(gather(config, Path())).config == config


def test_the_arithmetic_is_a_part_of_the_fingerprint(monkeypatch):
    language = Language(name=str(folder() / "bert"))
    before = load_language(language).fingerprint
    monkeypatch.setattr(backbone, "ARITHMETIC", backbone.ARITHMETIC + 1)
    assert load_language(language).fingerprint != before
