"""The page of settings is what the records say, and its examples are good."""

import re
from pathlib import Path

import pytest

from motet.config import Config
from motet.config.page import BEGIN, END, main, page, reference
from motet.config.read import read_config
from motet.config.schema import every_setting

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
EXAMPLES = re.findall(
    r"^### (.*?)$.*?^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
)


def test_the_page_is_current():
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run  python -m motet.config.page"


def test_the_page_is_made_between_its_marks_alone(tmp_path):
    (tmp_path / "page.md").write_text(f"before\n{BEGIN}old{END}\nafter\n")
    main([str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text() == f"before\n{BEGIN}\n\n{reference()}\n{END}\nafter\n"


def test_every_setting_is_on_the_page_with_its_meaning():
    text = reference()
    for path, field in every_setting(Config):
        assert field.description, f"{path} has no description"
        assert f"| `{path.rpartition('.')[2]}` |" in text
        assert field.description.replace("|", "\\|") in text


def test_links_of_the_page_lead_to_its_sections():
    text = PAGE.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize(("title", "text"), EXAMPLES)
def test_an_example_of_the_page_is_a_whole_configuration(title, text, tmp_path):
    (tmp_path / "motet.yaml").write_text(text, encoding="utf-8")
    assert read_config(tmp_path / "motet.yaml").tasks, title


def test_the_mistakes_that_the_page_shows_are_real(tmp_path, monkeypatch):
    shown = re.search(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert shown
    broken = (
        "data:\n  events:\n    path: e.csv\n    user: u\n    item: i\n    value: rating\n"
        "tasks:\n  - {name: next, kind: next_item}\n  - {name: like, kind: binary, label: rating => 4}\n"
        "training:\n  epoch: 3\n"
    )
    monkeypatch.chdir(tmp_path)
    Path("motet.yaml").write_text(broken)
    with pytest.raises(Exception, match="mistakes") as caught:
        read_config("motet.yaml")
    assert str(caught.value) + "\n" == shown[1]
