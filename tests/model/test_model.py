"""The whole model: encode -> timeline -> experts -> heads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from motet.batch import Batch
from motet.data.requests import histories, plan_requests
from motet.errors import ConfigError
from motet.gather import Material, gather
from motet.model import Motet
from motet.tasks.build import TaskFacts
from motet.training.fit import learn_facts, new_model
from tests.model.world import LENGTH, changed, material, model, training_batch, with_seen_once
from tests.worlds import tiny_settings, tiny_tables, tiny_world

NAN = float("nan")


def losses(made: Motet, batch) -> dict[str, float]:
    with torch.no_grad():
        return {name: loss.item() for name, loss in made(batch).items()}


def test_an_untrained_model_has_losses_of_about_one():
    config = material().config
    fresh = new_model(config, material().prepared, learn_facts(config, material().prepared)).eval()
    found = losses(fresh, training_batch())
    assert list(found) == ["next", "click", "stars"]
    assert all(0.5 < loss < 2.5 for loss in found.values()), found


def test_the_same_seed_gives_the_same_weights():
    config, prepared = material().config, material().prepared
    facts = learn_facts(config, prepared)
    one, two = new_model(config, prepared, facts), new_model(config, prepared, facts)
    other = new_model(changed(training__seed=1), prepared, facts)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.items.ids.weight, other.items.ids.weight)


def test_a_twin_starts_from_the_weights_of_the_joint_model_where_both_have_them():
    config, prepared = material().config, material().prepared
    twin = config.model_copy(update={"tasks": config.tasks[1:2]})
    joint = new_model(config, prepared, learn_facts(config, prepared))
    alone = new_model(twin, prepared, learn_facts(twin, prepared))
    for part in ("items", "events", "users", "requests", "timeline", "experts"):
        for a, b in zip(getattr(joint, part).parameters(), getattr(alone, part).parameters(), strict=True):
            assert torch.equal(a, b), part


def test_a_label_of_one_task_moves_that_task_alone():
    made, batch = model(), training_batch()
    labelled = ~batch.label["click"].isnan()
    turned = replace(batch, label=batch.label | {"click": 1 - batch.label["click"]})
    before, after = losses(made, batch), losses(made, turned)
    assert labelled.any()
    assert before["click"] != after["click"]
    assert before | {"click": 0} == pytest.approx(after | {"click": 0}, rel=1e-6)


def test_rows_without_a_label_do_not_count_for_the_task():
    made, batch = model(), training_batch()
    few = batch.label["click"].clone()
    row, place = torch.nonzero(~few.isnan())[0].tolist()
    few[:] = NAN
    few[row, place] = batch.label["click"][row, place]
    found = losses(made, replace(batch, label=batch.label | {"click": few}))["click"]
    with torch.no_grad():
        encoded = made.encode(batch)
        keep_BP = ~few.isnan()
        head = made.row_heads["click"]
        alone = head.loss(head(made.shared(made.rows(batch, encoded, keep_BP))["click"]), few[keep_BP])
    assert found == pytest.approx(alone.item(), rel=1e-5)


def without(batch: Batch, *tasks: str) -> Batch:
    """The batch without a row of some tasks."""
    return replace(
        batch,
        label={name: torch.full_like(y, NAN) if name in tasks else y for name, y in batch.label.items()},
        positive={
            name: torch.zeros_like(mask) if name in tasks else mask for name, mask in batch.positive.items()
        },
    )


@pytest.mark.parametrize("task", ["next", "click", "stars"])
def test_a_task_without_a_row_in_the_batch_has_no_loss_and_the_others_have_theirs(task):
    made, batch = model(), training_batch()
    whole, found = made(batch), made(without(batch, task))
    assert set(found) == set(whole) - {task}
    for name, loss in found.items():
        assert loss.item() == pytest.approx(whole[name].item(), rel=1e-5)


def test_a_batch_without_a_row_of_any_task_has_no_loss_at_all():
    assert model()(without(training_batch(), "next", "click", "stars")) == {}


def test_a_task_whose_targets_all_stand_outside_the_softmax_has_no_loss():
    made = model()
    head = made.next_heads["next"]
    head.set_catalogue(head.get_buffer("allowed_I"), torch.zeros_like(head.get_buffer("allowed_I")))
    assert set(made(training_batch())) == {"click", "stars"}


def test_every_task_moves_the_backbone():
    made, batch = model(), training_batch()
    for task in ("next", "click", "stars"):
        made.zero_grad()
        made(batch)[task].backward()
        assert made.items.columns.embedding.weight.grad.abs().sum() > 0, task
        assert made.timeline.blocks[0].attention.qkv.weight.grad.abs().sum() > 0, task


def test_the_first_state_has_seen_the_user_alone():
    made, batch = model(), training_batch()
    other = replace(batch, item_BL=torch.zeros_like(batch.item_BL), code_BLJ=torch.zeros_like(batch.code_BLJ))
    assert torch.equal(made.encode(batch).state_BSD[:, 0], made.encode(other).state_BSD[:, 0])
    assert not torch.equal(made.encode(batch).state_BSD[:, 1], made.encode(other).state_BSD[:, 1])


def test_ids_are_hidden_on_the_input_and_the_output_side_alike(monkeypatch):
    made = model(changed(model__item={"id_dropout": 0.5, "dropout": 0.0})).train()
    batch, read, asked = training_batch(), [], []
    monkeypatch.setattr(made.events, "forward", lambda of, item_BLD: read.append(item_BLD) or item_BLD)
    head = made.next_heads["next"]
    monkeypatch.setattr(
        head, "loss", lambda state, item_ID, target, seen: asked.append(item_ID) or item_ID.sum() * 0
    )
    made(batch)
    assert torch.equal(read[0], asked[0][batch.item_BL])
    with torch.no_grad():
        shown = made.eval().items()
    hidden = (asked[0] - shown).abs().sum(1) > 1e-6
    assert 0 < hidden.sum() < len(hidden) - 1


def left_out(of: Material, monkeypatch: pytest.MonkeyPatch) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Targets of a batch, and the pairs of rows and seen items that its softmax leaves out."""
    made, found = model(of=of), []
    monkeypatch.setattr(
        made.next_heads["next"], "loss", lambda *given: found.append(given[2:]) or torch.zeros(())
    )
    made(training_batch(of))
    return found[0]


def test_what_a_user_has_is_left_out_of_the_softmax_where_items_do_not_come_again(monkeypatch):
    """Positives alone, as in an evaluation: what was shown and passed over may still be taken."""
    of = with_seen_once(material())
    targets, seen_2N = left_out(of, monkeypatch)
    log, batch = of.prepared.dataset.log, training_batch()
    timeline_R, place_R = torch.nonzero(batch.positive["next"] & (batch.ask_BP >= 0), as_tuple=True)
    shown = 0
    for row in range(len(targets.row)):
        ask = int(batch.ask_BP[timeline_R[row], place_R[row]])
        place = int(batch.row_BP[timeline_R[row], place_R[row]])
        past = np.arange(log.offset_U[log.user_N[place]], log.ask_N[place])[-ask:] if ask else []
        past = np.array([each for each in past if log.train_N[each]], int)
        taken = log.item_N[past][log.positive["next"][past]]
        assert seen_2N[1][seen_2N[0] == row].tolist() == taken.tolist()
        shown += len(past) - len(taken)
    assert shown > 0


def test_training_and_evaluation_leave_the_same_items_out(monkeypatch):
    """For each row that both ask about, seen from the same events."""
    of = with_seen_once(material())
    _, seen_2N = left_out(of, monkeypatch)
    log, batch = of.prepared.dataset.log, training_batch()
    has = batch.positive["next"] & (batch.ask_BP >= 0)
    plan = plan_requests(log, log.train_N, log.train_N & log.positive["next"], LENGTH, asking=True)
    for row, place in enumerate(batch.row_BP[has].tolist()):
        query = int(np.flatnonzero(plan.row_Q == place)[0])
        _, places = histories(plan, np.array([query]), log.positive["next"])
        wanted = set(log.item_N[places].tolist())
        found = set(seen_2N[1][seen_2N[0] == row].tolist())
        if int(log.ask_N[place] - log.offset_U[log.user_N[place]]) <= LENGTH:  # the window holds all of it
            assert found == wanted
        assert found <= wanted


def test_nothing_is_left_out_of_the_softmax_where_items_come_again(monkeypatch):
    assert left_out(material(), monkeypatch)[1] is None


def test_predictions_come_in_the_order_of_the_rows():
    made, batch = model(), training_batch()
    with torch.no_grad():
        item_ID = made.items()
    together = made.predict(batch, item_ID)["click"]
    rows = batch.row_BP[batch.row_BP >= 0]
    for window in range(len(batch.length_B)):
        alone = training_batch(windows=slice(window, window + 1))
        found = made.predict(alone, item_ID)["click"]
        mine = torch.isin(rows, alone.row_BP[alone.row_BP >= 0])
        assert torch.allclose(together[mine], found, atol=1e-6)


def test_states_are_asked_for_rows_with_one_in_their_window():
    made, batch = model(), training_batch()
    with torch.no_grad():
        state_RD, encoded = made.ask(batch, made.items(), "next"), made.encode(batch)
    row, place = torch.nonzero(batch.ask_BP >= 0, as_tuple=True)
    assert torch.equal(state_RD, encoded.state_BSD[row, batch.ask_BP[row, place]])


def test_only_target_attention_looks_from_a_candidate_over_the_timeline():
    batch = training_batch()
    turned = replace(batch, code_BLJ=batch.code_BLJ.flip(1))  # the same events with other columns
    for wanted in (True, False):
        made = model(changed(model__target_attention=wanted))
        with torch.no_grad():
            before, after = made.encode(batch), made.encode(turned)
            after = replace(after, state_BSD=before.state_BSD)
            keep_BP = batch.state_BP > 1
            moved = made.rows(batch, before, keep_BP).request_RD - made.rows(batch, after, keep_BP).request_RD
        assert (moved.abs().max() > 1e-6) == wanted


def test_cross_attention_reads_states_and_not_those_of_later_events():
    made, batch = model(changed(model__target_attention="cross")), training_batch()
    with torch.no_grad():
        before = made.predict(batch, made.items())["click"]
        item_BL = batch.item_BL.clone()
        item_BL[:, -1] = 1 + item_BL[:, -1] % 3  # seen by no row but those after all events
        after = made.predict(replace(batch, item_BL=item_BL), made.items())["click"]
    row_R = batch.row_BP >= 0
    sees_all_R = (batch.state_BP == batch.item_BL.shape[1])[row_R]
    torch.testing.assert_close(before[~sees_all_R], after[~sees_all_R])


def test_only_fold_in_reads_the_labels_of_earlier_events():
    batch = training_batch()
    turned = replace(batch, told={name: 1 - label for name, label in batch.told.items()})
    row = batch.row_BP >= 0
    for factors in (0, 2):
        made = model(changed(model__fold_in=factors))
        with torch.no_grad():
            before, after = (made.predict(each, made.items())["click"] for each in (batch, turned))
        moved = before != after
        assert moved.any() == bool(factors)
        assert not moved[batch.state_BP[row] == 0].any()


def test_labels_that_are_classes_or_look_ahead_are_not_folded_in():
    kinds = [
        {"name": "kind", "kind": "multiclass", "label": "did"},
        {"name": "soon", "kind": "binary", "label": {"of": "impression", "event": "rate", "within": "1d"}},
    ]
    tasks = [*tiny_settings()["tasks"], *kinds]
    config = changed(tasks=tasks, model__fold_in=2)
    of = gather(config, Path(), tiny_tables(tiny_world(), config))
    assert list(of.prepared.dataset.log.told) == ["click", "stars"]
    assert model(config, of).folds.tasks == ["click", "stars"]


def test_a_model_without_row_tasks_has_no_experts_and_one_without_ranking_no_softmax():
    next_, click, _ = material().config.tasks
    config = material().config
    assert model(config.model_copy(update={"tasks": [next_]})).experts is None
    rows = model(config.model_copy(update={"tasks": [click]}))
    assert rows.next_heads == {}
    assert list(losses(rows, training_batch())) == ["click"]


def test_a_task_may_bear_any_name():
    settings = {"tasks": [{"name": "items", "kind": "next_item"}]}
    of = material()
    config = changed(**settings)
    log = replace(of.prepared.dataset.log, positive={"items": of.prepared.dataset.log.positive["next"]})
    prepared = replace(of.prepared, dataset=replace(of.prepared.dataset, log=log))
    made = new_model(config, prepared, {"items": TaskFacts()})
    assert list(made.next_heads) == ["items"]
    assert any(name.startswith("heads.of_items.") for name in made.state_dict())


def test_a_kind_that_no_item_has_is_refused_with_those_there_are():
    config = changed(tasks=[{"name": "next", "kind": "next_item", "items": "adverts"}])
    with pytest.raises(
        ConfigError, match=r"tasks: next: no item is of kind 'adverts'. The catalogue has item"
    ):
        model(config)


def test_a_task_ranks_known_items_and_never_number_zero():
    allowed_I = model().next_heads["next"].get_buffer("allowed_I")
    assert not allowed_I[0]
    assert allowed_I[1:].all()


@pytest.mark.parametrize("kind", ["transformer", "hstu"])
def test_half_precision_gives_about_the_same_losses(kind):
    made, batch = model(changed(model__timeline__kind=kind)), training_batch()
    exact = losses(made, batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = losses(made, batch)
    assert half == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("kind", ["shared_bottom", "mmoe", "cgc", "ple", "cross_stitch"])
def test_every_kind_of_sharing_trains_all_of_its_weights(kind):
    experts = {"experts": 2} if kind in ("mmoe", "cgc", "ple") else {}
    made = model(changed(model__sharing={"kind": kind, "layers": [8], "towers": [4]} | experts))
    found = made(training_batch())
    assert list(found) == ["next", "click", "stars"]
    torch.stack(list(found.values())).sum().backward()
    assert made.experts is not None
    assert all(p.grad is not None for p in made.experts.parameters())


@pytest.mark.parametrize("changes", [{}, {"model__fold_in": 2}, {"training__balance__kind": "pcgrad"}])
def test_without_a_task_that_ranks_the_items_of_a_batch_are_enough(changes: dict[str, object]):
    config = changed(**{name: value for name, value in changes.items() if "balance" not in name})
    rows_only = config.model_copy(update={"tasks": [task for task in config.tasks if task.name != "next"]})
    of = gather(rows_only, Path(), tiny_tables(tiny_world(), rows_only))
    made, batch = model(of=of), training_batch(of)
    encoded = made.encode(batch)
    everything = made.encode(batch, made.items())
    assert len(encoded.item_ID) < len(everything.item_ID)
    found = []
    for each in (encoded, everything):
        made.zero_grad()
        each = each.cut() if "training__balance__kind" in changes else each
        some = made.losses(batch, each)
        torch.stack(list(some.values())).sum().backward()
        grads = {name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}
        found.append(({name: loss.item() for name, loss in some.items()}, grads))
    assert found[0][0] == found[1][0]
    assert found[0][1].keys() == found[1][1].keys()
    for name, grad in found[0][1].items():
        torch.testing.assert_close(grad, found[1][1][name], msg=name)  # sums are rounded in another order
