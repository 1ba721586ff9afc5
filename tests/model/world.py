"""A tiny world gathered, and models that were never trained, for tests of the whole model."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from motet.batch import Batch
from motet.config import Config
from motet.data.collate import Collator
from motet.data.requests import plan_requests
from motet.gather import Material, gather
from motet.model import Motet
from motet.training.fit import learn_facts, new_model
from tests.worlds import tiny_config, tiny_tables, tiny_world

LENGTH = 8


@functools.cache
def material() -> Material:
    """Eight users, fourteen items, three tasks."""
    config = tiny_config()
    return gather(config, Path(), tiny_tables(tiny_world(), config))


def changed(**changes: Any) -> Config:
    """The configuration with changes such as ``model__timeline__kind="hstu"``."""
    return tiny_config(**changes)


def model(config: Config | None = None, of: Material | None = None) -> Motet:
    """An untrained model whose weights are nowhere zero, in use."""
    of = of or material()
    config = config or of.config
    made = new_model(config, of.prepared, learn_facts(config, of.prepared))
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if not name.endswith(("ids.weight", "embedding.weight")):
                parameter.add_(0.05 * torch.randn_like(parameter))
    return made.eval()


def training_batch(of: Material | None = None, windows: slice = slice(None)) -> Batch:
    """Windows of the training rows."""
    prepared = (of or material()).prepared
    log = prepared.dataset.log
    plan = plan_requests(log, log.train_N, log.train_N, LENGTH)
    collate = Collator(log, plan, prepared.dataset.catalogue.time_I, prepared.counter_NC)
    return collate(np.arange(len(plan))[windows])


def with_seen_once(of: Material) -> Material:
    """The same where items do not come again."""
    dataset = of.prepared.dataset
    once = replace(
        dataset,
        encodings=replace(dataset.encodings, seen_once=True),
        log=replace(dataset.log, seen_once=True),
    )
    return replace(of, prepared=replace(of.prepared, dataset=once))
