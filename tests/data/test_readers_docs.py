"""The examples of docs/data.md are read as they stand there."""

import re
from pathlib import Path

import pytest
import yaml

from motet.config.data import DataConfig
from motet.data.readers import read_tables

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, dict[str, str], str]]:
    """Each configuration of the page, with the files shown since the one before it."""
    found, files = [], {}
    for language, name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "csv":
            files[name] = text
        elif language == "yaml":
            found.append((next(reversed(files)), files, text))
            files = {}
    return found


@pytest.mark.parametrize(
    ("files", "text"), [each[1:] for each in examples()], ids=[each[0] for each in examples()]
)
def test_an_example_of_the_page_on_data_is_read(tmp_path, files, text):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    data = DataConfig.model_validate(yaml.safe_load(text)["data"])
    tables = read_tables(data, tmp_path)
    events = tables.events.collect()
    assert events.height >= 2
    assert events.select("@user", "@item").null_count().sum_horizontal().item() == 0
    assert (tables.items is None) == (not data.items)


def test_the_page_has_examples_of_every_layout():
    assert len(examples()) == 7
