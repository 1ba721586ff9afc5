"""What a model learns of views of timelines, and hidden items: in training alone, in the right loss."""

import pytest
import torch

from motet.features.views import Contrast
from motet.training.fit import learn_facts, new_model
from tests.model.world import changed, material, training_batch


def made(**timeline):
    config = changed(**{f"model__timeline__{name}": value for name, value in timeline.items()})
    return new_model(config, material().prepared, learn_facts(config, material().prepared))


def losses(model):
    torch.manual_seed(0)
    return {name: float(loss.detach()) for name, loss in model(training_batch()).items()}


def test_the_loss_of_the_views_is_a_part_of_the_first_ranking_tasks_loss(monkeypatch):
    plain, model = made(dropout=0.0).train(), made(dropout=0.0, contrast=0.5).train()
    monkeypatch.setattr(Contrast, "view", lambda his, batch, item_ID: batch)  # draws nothing
    before, after = losses(plain), losses(model)
    assert after["click"] == before["click"]
    assert after["stars"] == before["stars"]
    assert 0 < after["next"] - before["next"] < 0.5  # views that are alike: better than a guess
    model.eval()
    assert losses(model) == losses(plain.eval())


@pytest.mark.parametrize("backbone", ["own", "shared"])
def test_a_ranking_task_in_a_group_has_the_loss_of_the_views(monkeypatch, backbone):
    monkeypatch.setattr(Contrast, "view", lambda his, batch, item_ID: batch)
    groups = [{"tasks": ["next"], "backbone": backbone}]
    found = []
    for contrast in (None, 0.5):
        config = changed(
            model__timeline__dropout=0.0, model__timeline__contrast=contrast, model__groups=groups
        )
        torch.manual_seed(0)
        model = new_model(config, material().prepared, learn_facts(config, material().prepared)).train()
        found.append(losses(model))
    before, after = found
    assert 0 < after["next"] - before["next"] < 0.5
    assert {name: after[name] for name in ("click", "stars")} == {
        name: before[name] for name in ("click", "stars")
    }


def test_it_teaches_the_backbone():
    model = made(contrast=0.5).train()
    torch.manual_seed(0)
    batch = training_batch()
    item_ID = model.items()
    model.contrast.loss(batch, item_ID, model.encode).backward()
    for part in (model.items, model.events, model.timeline):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


@pytest.mark.parametrize("tasks", [None, ["click"]])
def test_hidden_items_are_hidden_in_training_alone(tasks):
    config = changed(model__timeline__hidden=0.999, model__timeline__dropout=0.0)
    if tasks:
        config = config.model_copy(update={"tasks": [each for each in config.tasks if each.name in tasks]})
    model = new_model(config, material().prepared, learn_facts(config, material().prepared))
    batch = training_batch()
    with torch.no_grad():
        shown = model.eval().encode(batch).state_BSD
        plain = model.encode(batch).state_BSD
        model.train()
        torch.manual_seed(0)
        hidden = model.encode(batch).state_BSD
        nothing = (
            model.eval()
            .encode(
                type(batch)(**(vars(batch) | {"item_BL": torch.zeros_like(batch.item_BL)})), model.items()
            )
            .state_BSD
        )
    assert torch.equal(shown, plain)
    torch.testing.assert_close(hidden, nothing)
    assert not torch.allclose(hidden, shown)
