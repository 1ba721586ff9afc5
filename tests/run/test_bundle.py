"""A model that is saved and opened again is the same model."""

import functools
import tempfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from motet.bundle import Bundle, open_bundle, save_bundle
from motet.errors import ArtifactError
from motet.gather import Material
from motet.system.files import read_json, write_json
from motet.system.manifest import write_manifest
from motet.training.fit import learn_facts
from tests.model.world import changed, material, model, training_batch


def rich() -> Material:
    """The tiny world with texts that were read, with neighbours, and with pictures, one of them missing."""
    of, random = material(), torch.Generator().manual_seed(0)
    items = len(of.prepared.dataset.catalogue)
    pictures = torch.randn(items, 3, generator=random)
    pictures[:2] = float("nan")
    content = replace(
        of.prepared.content,
        text_IT=torch.randn(items, 4, generator=random),
        vectors={"image.small": pictures, "100%": torch.randn(items, 2, generator=random)},
        beside=(torch.randint(items, (items, 2), generator=random), torch.rand(items, 2, generator=random)),
    )
    config = changed(model__fold_in=2, model__counter_pieces=2)
    return replace(of, config=config, prepared=replace(of.prepared, content=content))


@functools.cache
def saved() -> tuple[Path, torch.nn.Module]:
    """A folder with a model in it, and the model."""
    of = rich()
    made = model(of=of)
    folder = Path(tempfile.mkdtemp(prefix="motet-bundle-"))
    facts = learn_facts(of.config, of.prepared)
    save_bundle(folder, of.config, made, of.prepared.dataset, facts, of.prepared.scaler)
    write_manifest(folder, {})
    return folder, made


@functools.cache
def opened() -> Bundle:
    return open_bundle(saved()[0])


def test_the_weights_and_what_is_known_of_the_items_are_the_same():
    before, after = saved()[1], opened().model
    kept = after.state_dict()
    assert before.state_dict().keys() == kept.keys()
    assert all(torch.equal(value, kept[name]) for name, value in before.state_dict().items())
    with torch.no_grad():
        assert torch.equal(before.items(), after.items())


def test_predictions_and_states_are_the_same_bit_by_bit():
    before, after, batch = saved()[1], opened().model, training_batch()
    with torch.no_grad():
        item_ID = before.items()
    one, other = before.predict(batch, item_ID), after.predict(batch, item_ID)
    assert one.keys() == other.keys() == {"click", "stars"}
    assert all(torch.equal(one[task], other[task]) for task in one)
    assert torch.equal(before.ask(batch, item_ID, "next"), after.ask(batch, item_ID, "next"))
    for name, head in before.next_heads.items():
        again = after.next_heads[name]
        for buffer in ("allowed_I", "item_K", "column_I"):
            assert torch.equal(head.get_buffer(buffer), again.get_buffer(buffer))


def test_catalogue_encodings_facts_and_scaler_are_the_same():
    dataset, bundle = rich().prepared.dataset, opened()
    assert bundle.encodings == dataset.encodings
    assert bundle.facts == learn_facts(rich().config, rich().prepared)
    np.testing.assert_array_equal(bundle.scaler.mean, rich().prepared.scaler.mean)
    np.testing.assert_array_equal(bundle.scaler.std, rich().prepared.scaler.std)
    for each in fields(dataset.catalogue):
        before, after = getattr(dataset.catalogue, each.name), getattr(bundle.catalogue, each.name)
        if each.name == "vectors":
            assert set(after) == {"image.small", "100%"}
        elif isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after, err_msg=each.name)
            assert before.dtype == after.dtype, each.name
        else:
            assert list(before) == list(after) if each.name == "ids" else before == after, each.name


def test_the_configuration_is_the_same():
    assert opened().config == rich().config


def test_a_bundle_of_another_format_is_refused(tmp_path):
    of = rich()
    save_bundle(tmp_path, of.config, saved()[1], of.prepared.dataset, opened().facts, None)
    raw = read_json(tmp_path / "vocabulary" / "encodings.json")
    write_json(tmp_path / "vocabulary" / "encodings.json", raw | {"format": 99})
    write_manifest(tmp_path, {})
    with pytest.raises(ArtifactError, match="the run is of format 99, this version reads"):
        open_bundle(tmp_path)
