"""A soup: one model whose weights are the mean of several models' weights.

It costs no more than one model. Models of one training fit together so (Izmailov et al., UAI 2018,
arXiv:1803.05407), and models tuned from one start (Wortsman et al., ICML 2022, arXiv:2203.05482); models that
began with different weights as a rule do not, and the figures then say so.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from motet.bundle import Bundle, save_again
from motet.config.differing import told_apart
from motet.data.timelines import TEST, VALID
from motet.derive.chorus import Voice, voices
from motet.derive.members import Members
from motet.derive.scores import metrics_beside
from motet.errors import ConfigError
from motet.model import Motet
from motet.system.log import say


def cook(members: Members, place: Path) -> dict[str, Any]:
    """Write a bundle of the mean weights into a folder; what metrics.json is to hold."""
    refuse_unlike(members)
    several, first = voices(members.models), members.models[0]
    mean = mean_weights([each.bundle.model.state_dict() for each in members.models])
    voice = Voice(replace(first, bundle=_with_weights(first.bundle, mean)), several[0].column_I)
    said = voice.examiner.fit_afterwards(voice.model.bundle.model)
    for line in said:
        say(line)
    ours = {
        "valid": voice.examiner.records(voice.answers, VALID),
        "test": voice.examiner.records(voice.answers, TEST),
    }
    save_again(voice.model.bundle, place)
    return metrics_beside(ours, several, members, ["One model: the mean of the members' weights.", *said])


def mean_weights(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of every tensor; what is not a number with a fraction is that of the first, as of all."""
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value.clone()
        for name, value in states[0].items()
    }


def refuse_unlike(members: Members) -> None:
    """Refuse models of different architectures, vocabularies or numbers of items.

    Raises:
        ConfigError: It names the two and what differs.
    """
    first = members.models[0].bundle
    for name, model in zip(members.names, members.models, strict=True):
        said = _difference(first, model.bundle, (members.names[0], name))
        if said:
            raise ConfigError(
                f"{members.names[0]} and {name} cannot be one soup: {said}. Give runs of one  model:  part "
                "and one  data.seed , or another  --kind."
            )


def _difference(one: Bundle, other: Bundle, names: tuple[str, str]) -> str:
    apart = [_apart(each) for each in (one, other)]
    if apart[0] != apart[1]:
        return f"the guard set tasks apart in one of them as it did not in the other ({' and '.join(apart)})"
    here, there = (each.config.model.model_dump(mode="json") for each in (one, other))
    for said in told_apart(here, there, names, "model"):
        return said
    if not one.catalogue.ids.equals(other.catalogue.ids):
        return (
            f"their items are numbered by different seeds ({one.config.data_seed}, {other.config.data_seed})"
        )
    if _vocabulary(one) != _vocabulary(other):
        return "their vocabularies differ"
    return _different_tensors(one.model, other.model)


def _apart(bundle: Bundle) -> str:
    """Groups of tasks that have a part to themselves, in words."""
    groups = [f"{', '.join(group.tasks)} ({group.backbone})" for group in bundle.config.model.groups]
    return "; ".join(groups) or "none"


def _different_tensors(one: Motet, other: Motet) -> str:
    here, there = one.state_dict(), other.state_dict()
    if here.keys() != there.keys():
        return f"only one of them has {min(here.keys() ^ there.keys())}"
    for name, value in here.items():
        if value.shape != there[name].shape:
            return f"{name} has the shapes {list(value.shape)} and {list(there[name].shape)}"
        if not value.is_floating_point() and not torch.equal(value, there[name]):
            return f"{name} differs"
    return ""


def _vocabulary(bundle: Bundle) -> list[Any]:
    parts = (
        bundle.catalogue.encoding,
        bundle.encodings.event,
        bundle.encodings.request,
        bundle.encodings.user,
    )
    return [each.to_json() for each in parts]


def _with_weights(bundle: Bundle, state: Mapping[str, Tensor]) -> Bundle:
    """The bundle with other weights, and a model of its own."""
    model = copy.deepcopy(bundle.model)
    model.load_state_dict(state)
    return replace(bundle, model=model.eval())
