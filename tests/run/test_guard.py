"""The guard: tasks that sharing hurts are set apart, the others stay as they are, and the story is told."""

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import motet
from motet import run
from motet.config import Config
from motet.config.read import config_from_dict
from motet.data.timelines import TEST
from motet.errors import ConfigError
from motet.evaluation.evaluate import Examiner
from motet.guard import course, guard, refuse_without_twins, ward
from motet.guard import found as guarding
from motet.guard.back import Back
from motet.judge import UNGUARDED, _guard, examiner_of, variants
from motet.model import BACKBONE
from motet.run import train
from motet.training.fit import Start, Trained
from tests.run.guard_world import TASKS, fit_one, gathered, groups, guarded, models, pretend, records
from tests.trained import run_config, world_folder
from tests.worlds import tiny_settings


def test_where_nothing_is_hurt_nothing_is_done(monkeypatch):
    found = guarded(monkeypatch)
    assert found.joint is models()["joint"]
    assert found.config == gathered().config
    assert found.story == [
        "The guard: no task lies below its twin on the validation rows; nothing was set apart."
    ]


def test_a_task_that_is_hurt_gets_experts_of_its_own_and_the_others_stay(monkeypatch):
    found = guarded(monkeypatch, "click")
    assert groups(found) == [(["click"], "shared")]
    before, after = records(models()["joint"], gathered().config), records(found.joint, found.config)
    assert not np.array_equal(before["click"], after["click"])
    for name in ("next", "stars"):
        np.testing.assert_array_equal(before[name], after[name])
    assert found.joint.cost["cpu_seconds"] > models()["joint"].cost["cpu_seconds"]
    (said,) = found.story
    assert said.startswith("The guard: click lay below its twin on the validation rows (auc 0.")
    assert "was given experts of its own on the shared timeline: 0." in said
    assert found.cases["click"]["cure"] == "experts"
    assert found.cases["click"]["before"]["difference"] == -0.2
    assert found.cases["click"]["after"]["difference"] == 0.1


def test_own_experts_read_the_backbone_as_it_is(monkeypatch):
    found = guarded(monkeypatch, "click", "next")
    held, joint = found.joint.model.state_dict(), models()["joint"].model.state_dict()
    assert not any(name.startswith(("apart.0.items", "apart.1.timeline")) for name in held)
    for name, value in joint.items():
        if name.split(".")[0] in ("items", "events", "users", "timeline"):
            np.testing.assert_array_equal(held[name], value, err_msg=name)


@pytest.mark.parametrize("frozen", [True, False])
def test_training_on_begins_at_the_joint_weights(frozen):
    """On a frozen backbone what lies behind it begins anew for rows, and is trained on for rankings."""
    of = gathered()
    joint = models()["joint"].model.state_dict()
    slow = of.config.training.model_copy(update={"learning_rate": 1e-6, "epochs": 1})
    for task in ("stars", "next"):
        config = variants(of)[f"twin of {task}"][0].model_copy(update={"training": slow})
        found = fit_one("x", config, Start(joint, frozen=frozen)).model.state_dict()
        far = {
            name: float((value - joint[name]).abs().max()) for name, value in found.items() if name in joint
        }
        backbone = max(far[name] for name in far if name.split(".")[0] in BACKBONE)
        head = max(far[name] for name in far if name.startswith(f"heads.of_{task}.") and "weight" in name)
        assert backbone == 0 if frozen else 0 < backbone < 1e-4
        assert head > 1e-3 if frozen and task == "stars" else 0 < head < 1e-4


def test_the_guard_goes_by_the_intervals_of_the_report():
    wide = gathered().config.evaluation.model_copy(update={"confidence": 0.999})
    config = gathered().config.model_copy(update={"evaluation": wide})
    said = {
        name: examiner_of(gathered(), config, gathered().prepared).examine(trained.model, TEST)["click"]
        for name, trained in models().items()
        if name in ("joint", "twin of click")
    }
    ours, twins = ({"click": said[name]} for name in ("joint", "twin of click"))
    narrow = guarding.compare(gathered().config, ours, twins)["click"]
    broad = guarding.compare(config, ours, twins)["click"]
    assert broad["high"] - broad["low"] > narrow["high"] - narrow["low"]


def test_a_task_that_stays_below_gets_its_twin(monkeypatch):
    found = guarded(monkeypatch, "stars", after=(-0.1,))
    twin = records(models()["twin of stars"], gathered().config)
    np.testing.assert_array_equal(records(found.joint, found.config)["stars"], twin["stars"])
    assert found.story[-1] == "The guard: that was not enough for stars; its twin itself was put in."
    after = found.cases["stars"]["after"]
    assert [after[name] for name in ("difference", "low", "high", "verdict")] == [0, 0, 0, "same"]


@pytest.mark.parametrize(
    ("hurt", "after", "kind"),
    [
        (["click"], (0.1,), "experts"),
        (["click"], (-0.1, 0.1), "exit"),
        (["click", "stars"], (-0.1, -0.1, 0.1), "model"),
    ],
)
def test_what_is_put_in_answers_as_what_was_judged(monkeypatch, hurt, after, kind):
    kept, real = [], course.joined
    monkeypatch.setattr(course, "joined", lambda *of: kept.extend(of[2]) or real(*of))
    monkeypatch.setattr(ward.Ward, "companies", lambda his, groups: [hurt] if groups else [])
    found = guarded(monkeypatch, *hurt, after=after)
    (cure,) = kept
    assert cure.kind == kind
    his = ward.Ward(gathered(), models()["joint"], {}, fit_one)
    judged, now = (his.records(each, hurt) for each in (cure.trained, found.joint))
    for name in hurt:
        np.testing.assert_allclose(now[name].prediction_N, judged[name].prediction_N, rtol=1e-6)


@pytest.mark.parametrize(("after", "more"), [(-0.3, False), (-0.1, True)])
def test_a_model_for_several_is_trained_only_where_experts_came_nearer_to_the_twin(monkeypatch, after, more):
    trained: list[str] = []

    def noted(name: str, *args: Any, **other: Any) -> Trained:
        trained.append(name)
        return fit_one(name, *args, **other)

    pretend(monkeypatch, "click", "stars", after=(after,))
    monkeypatch.setattr(ward.Ward, "fits", lambda *_: False)
    found = guard(gathered(), models(), noted)
    assert trained[0] == "guard of click, stars"  # experts of both in one pass
    assert ("guard, looking ahead" in trained[1:]) is more
    assert {name: case["cure"] for name, case in found.cases.items()} == {"click": "twin", "stars": "twin"}


def test_what_was_fitted_is_told_of_the_heads_that_answer(monkeypatch):
    def fitted(name: str, *args: Any, **more: Any) -> Trained:
        return replace(fit_one(name, *args, **more), fitted=["click: of its own"])

    of = dict(models())
    of["joint"] = replace(of["joint"], fitted=["click: of the joint one", "next: of the joint one"])
    pretend(monkeypatch, "click")
    assert guard(gathered(), of, fitted).joint.fitted == ["next: of the joint one", "click: of its own"]


def test_what_the_guard_trained_is_counted_and_a_twin_is_not_counted_twice(monkeypatch):
    found = guarded(monkeypatch, "stars", after=(-0.1,))
    models_of = models()
    spent = found.joint.cost["examples"] - models_of["joint"].cost["examples"]
    tries = 2  # experts, then experts behind the lower layer, of as many epochs as the twin at most
    assert 0 < spent <= tries * models_of["twin of stars"].cost["examples"]


def test_hurt_tasks_that_help_each_other_get_a_model_together(monkeypatch):
    monkeypatch.setattr(ward, "best_groups", lambda matrix, most, after: [["next", "stars"], ["click"]])
    monkeypatch.setattr(ward, "LOOKS", 1)
    found = guarded(monkeypatch, *TASKS, after=(-0.1, -0.1, 0.1))
    assert groups(found) == [(["next", "stars"], "own"), (["click"], "own")]
    assert [found.cases[name]["cure"] for name in TASKS] == ["model", "twin", "model"]
    assert "was given a model of its own, with stars: " in found.story[6]


@pytest.mark.parametrize(("room", "cure"), [(2.0, "twin"), (0.5, "model")])
def test_twins_are_put_in_as_they_are_where_that_leaves_the_model_small_enough(monkeypatch, room, cure):
    monkeypatch.setattr(ward, "ROOM", room)
    monkeypatch.setattr(ward, "LOOKS", 1)
    monkeypatch.setattr(ward, "best_groups", lambda matrix, most, after: [["click", "stars"]])
    found = guarded(monkeypatch, "click", "stars", after=(-0.1, -0.1, 0.1))
    assert [found.cases[name]["cure"] for name in ("click", "stars")] == [cure, cure]


@pytest.mark.parametrize(("patience", "wanted"), [(16, 1), (0, 0)])
def test_a_cure_stops_after_a_few_epochs_that_bring_nothing(patience, wanted):
    training = gathered().config.training.model_copy(update={"patience": patience})
    config = gathered().config.model_copy(update={"training": training})
    assert ward.impatient(config).training.patience == wanted


def test_the_look_ahead_gives_every_pair_of_hurt_tasks_a_number(monkeypatch):
    seen = []

    def best(matrix, most, after):
        seen.append(matrix)
        return [[name] for name in matrix]

    monkeypatch.setattr(ward, "best_groups", best)
    monkeypatch.setattr(ward, "LOOKS", 1)
    guarded(monkeypatch, "click", "stars", after=(-0.1, -0.1, 0.1))
    (matrix,) = seen
    assert {(a, b) for a, row in matrix.items() for b, share in row.items() if share is not None} == {
        (a, b) for a in ("click", "stars") for b in ("click", "stars")
    }


def test_hurt_tasks_stay_alone_where_an_epoch_is_too_short_to_look_ahead(monkeypatch):
    monkeypatch.setattr(ward, "LOOKS", 10**9)
    found = guarded(monkeypatch, "click", "stars", after=(-0.1, -0.1, 0.1))
    assert sorted(groups(found)) == [(["click"], "own"), (["stars"], "own")]


def test_where_nothing_helps_each_task_has_its_twin(monkeypatch):
    found = guarded(monkeypatch, *TASKS, after=(-0.1,))
    assert sorted(groups(found)) == sorted([([name], "own") for name in TASKS])
    after = records(found.joint, found.config)
    for name in TASKS:
        np.testing.assert_array_equal(
            after[name], records(models()[f"twin of {name}"], gathered().config)[name]
        )


def test_a_guard_that_was_stopped_by_hand_says_what_it_left(monkeypatch):
    def stop_at_click(name: str, *args: Any, **more: Any) -> Trained:
        return replace(fit_one(name, *args, **more), stopped=name == "guard of click, stars")

    pretend(monkeypatch, "click", "stars")
    found = guard(gathered(), models(), stop_at_click)
    assert [found.cases[name].get("stopped") for name in ("click", "stars")] == [True, True]
    assert found.story[-1].endswith("below their twins on validation rows stay click, stars.")
    assert groups(found) == []


def test_tasks_that_follow_one_another_go_together():
    config = config_from_dict(tiny_settings(tasks=CHAIN))
    assert ward.chains_of(config, ["stay", "stars"]) == [["click", "stay"], ["stars"]]
    assert ward.chains_of(config, ["click"]) == [["click", "stay"]]


CHAIN = [dict(task) for task in tiny_settings()["tasks"]] + [
    {"name": "stay", "kind": "binary", "label": "dwell >= 20", "types": ["impression"], "after": "click"}
]


@pytest.mark.parametrize(
    ("after", "cure", "said"),
    [
        ((-0.3,), None, "alone they did no better"),
        ((-0.1, -0.15), "experts", "alone they are better, yet below their twins"),
    ],
)
def test_a_chain_keeps_what_helped_it_most_and_else_stays(monkeypatch, after, cure, said):
    of = gathered(tasks=CHAIN)
    wanted = variants(of)
    names = ("joint", "twin of click", "twin of stay")
    made = {name: fit_one(name, wanted[name][0], None, of=of) for name in names}
    pretend(monkeypatch, "stay", after=after)
    found = guard(of, made, functools.partial(fit_one, of=of))
    assert found.cases["stay"]["cure"] == cure
    assert found.cases["stay"]["gave_up"].endswith(said)
    assert ("click" in found.cases) is (cure is not None)  # it is set apart too, though nothing hurt it
    assert found.story[-1].startswith("The guard gave up on click, stay")
    assert said in found.story[-1]


def test_a_task_on_which_the_guard_gave_up_has_its_figures_all_the_same():
    of = replace(gathered(), guard={"click": {"before": {}, "after": None, "cure": None}})
    joint = examiner_of(of, of.config, of.prepared).examine(models()["joint"].model, TEST)
    found = _guard(of, of.config, {"joint": joint})["click"]["unguarded"]
    assert (
        found["auc"]["value"]
        == joint["click"].metrics([10], 0, 0.95, np.random.default_rng(0))["auc"]["value"]
    )


ONE = [{"name": "next", "kind": "next_item"}]
IDLE = [*ONE, {"name": "click", "kind": "binary", "label": "dwell >= 20", "weight": 0}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"tasks": IDLE}, "a weight above 0"),
     ({"report__twins": "none"}, "write  report"), ({"tasks": ONE}, "two or more"),
     ({"evaluation__bootstrap": 0}, "there are no intervals: write"),
     ({"model__groups": [["click"]]}, "take  model.groups  out")],
)  # fmt: skip
def test_without_twins_there_is_no_guard(changes, said):
    with pytest.raises(ConfigError, match=said):
        refuse_without_twins(config_from_dict(tiny_settings(**({"report__twins": "all"} | changes))))


@pytest.mark.parametrize(
    ("cure", "hurt"),
    [
        ("whole", ["click"]),
        pytest.param("epoch", ["click", "stars"], marks=pytest.mark.slow),
        pytest.param("experts", ["click"], marks=pytest.mark.slow),
        pytest.param("exit", ["click"], marks=pytest.mark.slow),
        pytest.param("twin", ["click"], marks=pytest.mark.slow),
    ],
)
def test_a_guarded_run_is_a_run_like_any_other(monkeypatch, tmp_path, capsys, cure, hurt):
    pretend(monkeypatch, *hurt, after={"twin": (-0.1,), "exit": (-0.1, 0.1)}.get(cure, (0.1,)))
    if cure != "whole":
        monkeypatch.setattr(Back, "whole", lambda back: None)
    if cure in ("experts", "exit", "twin"):
        monkeypatch.setattr(Back, "beside", lambda back, groups: ([], groups))
    config = run_config(report__ablations=[], report__baselines=["popularity"])
    done = train(config, world_folder(), tmp_path / "run", guarded=True)
    case = done.metrics["guard"]["click"]
    assert case["cure"] == cure
    assert any("The guard: click" in line for line in done.metrics["statements"])
    assert "The guard: click" in capsys.readouterr().err
    assert UNGUARDED not in {point["model"] for point in done.metrics["plots"]["curves"]}
    opened = motet.open(done.folder)
    apart = [] if cure == "whole" else [hurt]
    assert [each.tasks for each in opened.bundle.config.model.groups] == apart
    assert case.get("epochs") == {"whole": [1], "epoch": [1]}.get(cure)
    again = opened.evaluate("test")
    for task, parts in done.metrics["tasks"].items():
        for name, measure in parts["test"].items():
            assert again[task]["test"][name]["value"] == pytest.approx(measure["value"], abs=1e-6), (
                task,
                name,
            )
    test = done.metrics["tasks"]["click"]["test"]["auc"]
    assert (test == done.metrics["twins"]["click"]["test"]["auc"]) is (cure == "twin")
    assert case["unguarded"]["auc"] != test
    assert "joint before the guard" not in {point["model"] for point in done.metrics["plots"]["curves"]}
    assert len(opened.recommend(k=3)) > 0
    assert opened.similar(opened.bundle.catalogue.ids[0], k=2).height == 2
    rows = opened.tables.events.select(user="@user", item="@item").head(3).collect()
    assert opened.predict(rows, "click")["prediction"].is_between(0, 1).all()


@pytest.mark.parametrize(
    "sharing",
    [{"kind": "cross_stitch"}, {"kind": "ple", "levels": 2, "experts": 2}, {"own_ids": True}, {"adapter": 4}],
)
@pytest.mark.parametrize(
    ("after", "backbone"),
    [
        ((0.1,), "shared"),
        pytest.param((-0.1, 0.1), "shared", marks=pytest.mark.slow),
        pytest.param((-0.1, -0.1, 0.1), "own", marks=pytest.mark.slow),
    ],
)
def test_the_others_stay_whatever_is_shared(monkeypatch, sharing, after, backbone):
    of = gathered(model__sharing={"layers": [16]} | sharing, model__fold_in=2)
    wanted = variants(of)
    made = {name: fit_one(name, wanted[name][0], None, of=of) for name in ("joint", "twin of click")}
    pretend(monkeypatch, "click", after=after)
    found = guard(of, made, functools.partial(fit_one, of=of))
    assert groups(found) == [(["click"], backbone)]
    before, after = (
        Examiner(config, of.prepared.dataset, of.views).examine(trained.model, TEST)
        for config, trained in ((of.config, made["joint"]), (found.config, found.joint))
    )
    np.testing.assert_array_equal(before["next"].rank_T, after["next"].rank_T)
    np.testing.assert_allclose(before["stars"].prediction_N, after["stars"].prediction_N, rtol=1e-6)
    assert not np.array_equal(before["click"].prediction_N, after["click"].prediction_N)


@pytest.mark.parametrize("kind", ["mgda", "stackelberg"])
def test_gradient_methods_and_leaders_are_refused_before_anything_is_trained(kind):
    config = config_from_dict(tiny_settings(report__twins="all", training__balance=kind))
    with pytest.raises(ConfigError, match=f"balance {kind} is for those that share"):
        refuse_without_twins(config)


def test_a_run_that_goes_on_says_too_that_its_snapshots_are_gone(monkeypatch, tmp_path):
    pretend(monkeypatch, "click")
    training = gathered().config.training.model_copy(update={"snapshots": 2})
    of = replace(gathered(), config=gathered().config.model_copy(update={"training": training}))

    def fit_again(name: str, config: Config, _: object, *args: Any) -> Trained:
        return fit_one(name, config, *args)

    found = run._guard(of, dict(models()), fit_again, tmp_path, stopped=False)  # an earlier try removed them
    assert any("so its snapshots are gone" in line for line in found.statements)


@pytest.mark.slow
def test_a_guarded_training_goes_on_guarded_alone(monkeypatch, tmp_path):
    config = run_config(training__epochs=1, report__ablations=[], report__baselines=[])

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("motet.run.judge", stop)
        with pytest.raises(KeyboardInterrupt):
            train(config, world_folder(), tmp_path / "run", guarded=True)
    with pytest.raises(ConfigError, match=r"was begun with --guard\. Give the same command"):
        train(config, world_folder(), tmp_path / "run")
    assert train(config, world_folder(), tmp_path / "run", guarded=True).folder.exists()
