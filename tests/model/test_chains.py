"""Chains in the whole model: a later task is never more probable than the one it follows."""

import functools
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from motet.bundle import open_bundle, save_bundle
from motet.config import Config
from motet.config.tasks import Binary
from motet.gather import Material, gather
from motet.judge import variants
from motet.system.manifest import write_manifest
from motet.training.fit import learn_facts
from tests.model.world import changed, model, training_batch
from tests.worlds import tiny_tables, tiny_world

CLICK = {"name": "click", "kind": "binary", "label": "clicked", "types": ["impression"]}
STAY = {"name": "stay", "kind": "binary", "label": "dwell >= 20", "types": ["impression"], "after": "click"}


def chained(**more: object) -> Config:
    return changed(tasks=[CLICK, STAY | more])


@functools.cache
def of(transfer: bool = False) -> Material:
    config = chained(transfer=transfer)
    return gather(config, Path(), tiny_tables(tiny_world(), config))


@pytest.mark.parametrize("transfer", [False, True])
def test_what_comes_later_is_never_more_probable(transfer):
    made = model(of=of(transfer))
    batch = training_batch(of(transfer))
    with torch.no_grad():
        said = made.predict(batch, made.items())
    assert (said["stay"] <= said["click"] + 1e-6).all()
    torch.testing.assert_close(said["stay"], said["click"] * said["stay given click"], atol=1e-5, rtol=1e-4)
    assert len(made.chains.transfers) == transfer


def test_the_later_loss_teaches_the_earlier_head():
    made = model(of=of()).train()
    made(training_batch(of()))["stay"].backward()
    grad = made.row_heads["click"].linear.weight.grad
    assert grad is not None
    assert grad.abs().sum() > 0


def test_a_twin_learns_directly():
    config = of().config.model_copy(update={"report": of().config.report.model_copy(update={"twins": "all"})})
    own, prepared = variants(replace(of(), config=config))["twin of stay"]
    (task,) = own.tasks
    assert isinstance(task, Binary)
    assert task.after is None
    made = model(own, of())
    assert made.chains.pairs == []
    assert set(made.predict(training_batch(of()), made.items())) == {"stay"}
    assert prepared is of().prepared


def test_a_saved_chain_is_the_same(tmp_path):
    chain = of(True)
    made = model(of=chain)
    facts = learn_facts(chain.config, chain.prepared)
    save_bundle(tmp_path, chain.config, made, chain.prepared.dataset, facts, chain.prepared.scaler)
    write_manifest(tmp_path, {})
    again = open_bundle(tmp_path).model
    batch = training_batch(chain)
    one, other = made.predict(batch, made.items()), again.predict(batch, again.items())
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
