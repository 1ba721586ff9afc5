"""Making ensembles: what is refused, snapshots and soups, and the command."""

import json
import re
import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import motet
from motet.cli.app import main
from motet.config.model import Group
from motet.data.timelines import VALID
from motet.derive.chorus import Chorus, voices
from motet.derive.folder import open_ensemble
from motet.derive.make import fit_epochs, refuse_count
from motet.derive.members import (
    member_names,
    open_members,
    open_snapshots,
    refuse_other_questions,
    same_rows,
)
from motet.derive.soup import _difference, mean_weights
from motet.errors import ConfigError
from motet.system.files import read_json
from motet.tasks.calibration import fit_log_odds
from motet.use import TrainedModel, open_run
from tests.derive.pair import ensemble_of, opened, pair, second_run
from tests.trained import TASKS, run_config, trained_run

pytestmark = pytest.mark.usefixtures("members")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data__split__test": "2024-01-08"}, "data.split.test is 2024-01-07 in ONE and 2024-01-08 in TWO."),
        ({"data__repeats": False}, "data.repeats is True in ONE and False in TWO."),
        ({"evaluation__history": "frozen"}, "evaluation.history is rolling in ONE and frozen in TWO."),
        (
            {"tasks": [{"name": "next", "kind": "next_item"}]},
            "tasks.next.positive is ['click', 'rate'] in",
        ),
        ({"tasks": TASKS[:3]}, "tasks.type is in ONE alone."),
        ({"tasks": [*TASKS, TASKS[2] | {"name": "marks"}]}, "tasks.marks is in TWO alone."),
    ],
)
def test_members_that_answer_other_questions_are_refused(change, said, tmp_path):
    here, there = tmp_path / "one", tmp_path / "two"
    said = said.replace("ONE", str(here)).replace("TWO", str(there))
    with pytest.raises(ConfigError, match=re.escape(f"the same questions, and these do not: {said}")):
        refuse_other_questions([here, there], [run_config(), run_config(**change)], [{}, {}])


def test_members_may_differ_in_all_that_makes_a_model(tmp_path):
    other = {
        "model__timeline__kind": "hstu", "training__seed": 5, "data__seed": 0, "evaluation__k": [3],
        "data__counters__enabled": False, "training__balance": {"kind": "pcgrad"},
        "model__item": {"id": False}, "tasks": TASKS[::-1],
    }  # fmt: skip
    refuse_other_questions([tmp_path, tmp_path], [run_config(), run_config(**other)], [{}, {}])


def test_rows_in_another_order_are_other_rows():
    one, two = opened(0).dataset, opened(1).dataset
    assert one.catalogue.ids.equals(two.catalogue.ids)
    assert same_rows(one, two)
    config = opened(1).bundle.config
    moved = config.model_copy(update={"data": config.data.model_copy(update={"seed": 7})})
    bundle = type(opened(1).bundle)(**{**vars(opened(1).bundle), "config": moved})
    assert not same_rows(one, TrainedModel(bundle).dataset)


@pytest.mark.slow
def test_members_with_other_seeds_of_the_data_are_told_what_to_write(tmp_path):
    other = second_run(data__seed=7)
    with pytest.raises(ConfigError, match=r"seeds 0 and 7.*--set data.seed=0 , and as many"):
        motet.ensemble([trained_run(), other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_run_two_ensembles_and_a_folder_that_is_taken_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="at least two members"):
        motet.ensemble([trained_run()], tmp_path / "out")
    with pytest.raises(ConfigError, match="stands there twice"):
        motet.ensemble([trained_run(), trained_run() / "."], tmp_path / "out")
    with pytest.raises(ConfigError, match="is an ensemble itself"):
        motet.ensemble([trained_run(), ensemble_of("vote")], tmp_path / "out")
    with pytest.raises(ConfigError, match="exists already"):
        motet.ensemble(pair(), tmp_path)
    with pytest.raises(ConfigError, match="made of one run, not of 2"):
        motet.ensemble(pair(), tmp_path / "out", "snapshot")
    with pytest.raises(ConfigError, match=r"kept no snapshots.*training.snapshots=5"):
        motet.ensemble([trained_run()], tmp_path / "out", "snapshot")


def test_snapshots_and_soups_may_come_of_one_run():
    assert refuse_count("snapshot", 1)
    assert refuse_count("soup", 1)
    assert not refuse_count("soup", 2)


def test_members_of_one_name_are_told_apart(tmp_path):
    assert member_names([tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "c"]) == [
        "run (1)",
        "run (2)",
        "c",
    ]


def test_the_mean_of_weights_is_their_mean_and_counts_stay():
    one = {"w": torch.tensor([1.0, 3.0]), "n": torch.tensor([4])}
    two = {"w": torch.tensor([3.0, 5.0]), "n": torch.tensor([4])}
    found = mean_weights([one, two])
    assert found["w"].tolist() == [2.0, 4.0]
    assert found["n"].tolist() == [4]


def test_a_soup_of_a_guarded_run_says_what_stands_apart():
    def bundle(*groups: Group) -> Any:
        return SimpleNamespace(config=SimpleNamespace(model=SimpleNamespace(groups=list(groups))))

    said = _difference(bundle(Group(tasks=["click"], backbone="shared")), bundle(), ("a", "b"))
    assert said.startswith("the guard set tasks apart in one of them")
    assert said.endswith("(click (shared) and none)")


def test_a_soup_of_other_architectures_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"one soup: model.timeline.width is 16 in small and 24 in second"):
        motet.ensemble(pair(), tmp_path / "out", "soup")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def snapped():
    """A run that kept two epochs before its best one."""
    return second_run(training__snapshots=2, training__epochs=4, training__monitor="last")


@pytest.mark.slow
def test_snapshots_are_the_epochs_before_the_best(snapped):
    names = sorted(path.name for path in (snapped / "snapshots").iterdir())
    assert names == ["epoch-0002.safetensors", "epoch-0003.safetensors"]
    files = read_json(snapped / "manifest.json")["files"]
    assert "snapshots/epoch-0003.safetensors" in files
    weights, kept = load_file(snapped / "model.safetensors"), load_file(snapped / "snapshots" / names[0])
    assert kept.keys() <= weights.keys()
    assert any(not torch.equal(weights[name], value) for name, value in kept.items())


@pytest.mark.slow
def test_a_snapshot_ensemble_averages_the_epochs_with_equal_weights(snapped, tmp_path):
    done = motet.ensemble([snapped], tmp_path / "out", "snapshot")
    model = open_ensemble(done.folder)
    assert [each["name"] for each in read_json(done.folder / "ensemble.json")["members"]] == [
        "epoch 2", "epoch 3", "best epoch",
    ]  # fmt: skip
    assert all(each.weight_M == pytest.approx([1 / 3] * 3) for each in model.combiners.values())
    assert model.members[2].recommend(k=3).equals(open_run(snapped).recommend(k=3))
    own = read_json(snapped / "metrics.json")["tasks"]["click"]["test"]["auc"]["value"]
    assert done.metrics["members"]["best epoch"]["click"]["test"]["auc"]["value"] == pytest.approx(own)


@pytest.mark.slow
def test_every_epoch_is_calibrated_by_itself(snapped, monkeypatch):
    monkeypatch.setattr("motet.tasks.calibration.ENOUGH", 5)  # rows; the training had too few
    both = voices(open_snapshots(snapped).models)
    heads = [voice.model.bundle.model.row_heads["click"] for voice in both]
    for head in heads:
        head.fitted_2.copy_(torch.tensor([3.0, 2.0]))
    fit_epochs(Chorus(both, {}))
    *earlier, best = (head.fitted_2.tolist() for head in heads)
    assert best == [3, 2]  # it was fitted when it was trained
    heads[0].leave_as_it_is()
    said = both[0].examiner.records(both[0].scorer, VALID)["click"]
    odds_N = np.log(said.prediction_N / (1 - said.prediction_N))
    assert earlier[0] == pytest.approx(fit_log_odds(odds_N, said.label_N) or (1, 0), abs=1e-4)
    assert earlier[0] != earlier[1]


@pytest.mark.slow
def test_a_soup_of_snapshots_is_one_ordinary_run(snapped, tmp_path):
    done = motet.ensemble([snapped], tmp_path / "out", "soup")
    assert not (done.folder / "ensemble.json").exists()
    model = motet.open(done.folder)
    assert isinstance(model, TrainedModel)
    found = load_file(done.folder / "model.safetensors")
    last = load_file(snapped / "model.safetensors")
    kept = [load_file(snapped / "snapshots" / f"epoch-000{epoch}.safetensors") for epoch in (2, 3)]
    for name in kept[0]:
        wanted = (kept[0][name] + kept[1][name] + last[name]) / 3
        torch.testing.assert_close(found[name], wanted, atol=1e-6, rtol=1e-5)
    again = model.evaluate("test")
    for task, parts in done.metrics["tasks"].items():
        for name, measure in parts["test"].items():
            assert again[task]["test"][name]["value"] == pytest.approx(measure["value"], abs=1e-6)


@pytest.mark.slow
def test_the_mean_of_one_model_with_itself_is_that_model(tmp_path):
    again = shutil.copytree(trained_run(), tmp_path / "again")
    done = motet.ensemble([trained_run(), again], tmp_path / "out", "soup")
    assert motet.open(done.folder).recommend(k=3).equals(opened(0).recommend(k=3))
    assert list(done.metrics["members"]) == ["small", "again"]
    assert all(gain["difference"] == pytest.approx(0) for gain in done.metrics["gains"].values())


@pytest.mark.slow
def test_the_command_makes_an_ensemble_that_can_be_measured(tmp_path, capsys):
    out = tmp_path / "both"
    assert main(["ensemble", *map(str, pair()), "--out", str(out), "--kind", "vote"]) == 0
    said = capsys.readouterr().out
    assert "next (valid): ndcg@10" in said
    assert "the best member on validation rows" in said
    assert main(["evaluate", str(out)]) == 0
    assert main(["ensemble", str(pair()[0]), "--out", str(out)]) == 2


def test_the_other_commands_read_an_ensemble(tmp_path, capsys):
    out = str(ensemble_of("vote"))
    assert main(["evaluate", out, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    wanted = read_json(ensemble_of("vote") / "metrics.json")["tasks"]
    assert found["click"]["test"]["auc"]["value"] == pytest.approx(wanted["click"]["test"]["auc"]["value"])
    assert main(["recommend", out, "--users", "all", "--k", "2"]) == 0
    assert capsys.readouterr().out.startswith("user,rank,item,score\n")
    assert main(["report", out, "--out", str(tmp_path / "page.html")]) == 0
    assert "Member second" in (tmp_path / "page.html").read_text()


def test_tables_in_memory_stand_for_the_files_of_all_members(tmp_path):
    import polars as pl

    from tests.trained import world_folder

    frames = {name: pl.read_csv(world_folder() / f"{name}.csv") for name in ("items", "users", "events")}
    given = motet.open(ensemble_of("average"), **frames)
    assert given.recommend(k=2).equals(motet.open(ensemble_of("average")).recommend(k=2))


def test_a_folder_may_be_moved(tmp_path):
    moved = shutil.copytree(ensemble_of("average"), tmp_path / "moved")
    found = motet.open(moved).recommend(k=2)
    assert found.equals(motet.open(ensemble_of("average")).recommend(k=2))


def test_members_are_opened_with_one_reading_of_the_tables(monkeypatch):
    from motet import use

    calls = []
    real = use.read_tables
    monkeypatch.setattr(use, "read_tables", lambda *given, **named: calls.append(1) or real(*given, **named))
    members = open_members(pair())
    assert [len(each.dataset.log) for each in members.models] == [len(opened(0).dataset.log)] * 2
    assert len(calls) == 1
