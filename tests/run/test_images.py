"""A run whose items have pictures, and one that leaves them out."""

import polars as pl
import pytest

import motet
from motet.bundle import open_bundle
from motet.errors import ConfigError
from motet.features import images
from tests.features.test_images import Colours, draw
from tests.trained import run_settings, world_folder


def settings(place, **changes):
    """The tiny world with a picture of every item but the first."""
    items = pl.read_csv(world_folder() / "items.csv")
    names = [f"{number}.png" for number in range(items.height)]
    for number, name in enumerate(names[1:]):
        draw(place / name, (number * 15 % 256, 100, 200), side=4)
    items.with_columns(pl.Series("poster", [None, *names[1:]])).write_csv(place / "items.csv")
    found = run_settings(report__twins="none", report__baselines=["popularity"], report__ablations=["images"],
                         training__epochs=1, **changes)  # fmt: skip
    found["data"]["items"] |= {"path": str(place / "items.csv"), "images": ["poster"]}
    for kind in ("users", "events"):
        found["data"][kind]["path"] = str(world_folder() / f"{kind}.csv")
    return found


@pytest.mark.parametrize("fusion", [pytest.param("sum", marks=pytest.mark.slow), "attention"])
def test_a_run_with_pictures_opens_as_it_was(tmp_path, monkeypatch, fusion):
    monkeypatch.setattr(images, "EfficientNetLite", Colours)
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "home"))
    config = settings(tmp_path, model__item={"fusion": fusion, "modality_dropout": 0.2})
    done = motet.train(config, tmp_path / "run")
    assert (
        "Pictures of items (poster) are read by efficientnet-lite0: 19 of 20 items have one."
        in (done.metrics["statements"])
    )
    assert "image:poster" in open_bundle(done.folder).catalogue.vectors
    again = motet.open(done.folder).evaluate("test")
    for task, parts in done.metrics["tasks"].items():
        for name, measured in parts["test"].items():
            assert again[task]["test"][name]["value"] == pytest.approx(measured["value"], abs=1e-6)
    assert "without images" in done.metrics["ablations"]
    plain = done.metrics["ablations"]["without images"]["next"]["test"]["ndcg@10"]["value"]
    assert plain != done.metrics["tasks"]["next"]["test"]["ndcg@10"]["value"]


def test_pictures_are_left_out_where_nothing_shall_read_them(tmp_path):
    config = settings(tmp_path, model__vision="none")
    done = motet.train(config, tmp_path / "run")
    assert open_bundle(done.folder).catalogue.vectors == {}


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigError, match=r"pip install 'motet\[images\]'"):
        motet.train(settings(tmp_path), tmp_path / "run")
