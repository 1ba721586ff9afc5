"""The documentation is tested: commands exist, examples are read, links lead somewhere, help is current."""

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

import motet
from motet.cli.app import COMMANDS, app
from motet.config import Config
from motet.config.read import config_from_dict
from scripts.help_pages import PAGE, help_page

REPOSITORY = Path(__file__).parents[1]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
SMALLEST = {
    "data": {"events": {"path": "events.csv", "user": "user_id", "item": "item_id", "time": "time"}},
    "tasks": [{"name": "next", "kind": "next_item"}],
}


def blocks(*languages: str) -> Iterator[tuple[str, str]]:
    """Every block of code in one of the languages: where it stands, and its text."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```(\w+)([^\n]*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
            if found[1] in languages and "untested" not in found[2]:
                yield f"{page.relative_to(REPOSITORY)}:{text[: found.start()].count(chr(10)) + 1}", found[3]


def commands() -> list[tuple[str, list[str]]]:
    """Every line of a shell block, as words, without comments and without the prompt."""
    found = []
    for where, text in blocks("bash", "sh", "console", "shell"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            found += [(where, words)] if words else []
    return found


def test_commands_of_motet_in_the_documentation_exist_with_their_options():
    group = get_command(app)
    context = group.context_class(group, info_name="motet")
    wrong = []
    for where, words in commands():
        if words[0] != "motet" or words[1].startswith("-"):
            continue
        command = group.get_command(context, words[1])
        options = {option for parameter in command.params for option in parameter.opts} if command else set()
        used = {word.split("=")[0] for word in words[2:] if re.match(r"--?[a-z]", word)} - {"--help"}
        wrong += [f"{where}: {' '.join(words)}"] if command is None or not used <= options else []
    assert not wrong


def test_targets_of_make_in_the_documentation_exist():
    targets = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
    wrong = [
        f"{where}: {words}" for where, words in commands() if words[0] == "make" and words[1] not in targets
    ]
    assert not wrong


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a configuration, laid over the smallest whole one."""
    both = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], Mapping) and isinstance(above[name], Mapping):
            both[name] = merged(below[name], above[name])
    return both


@pytest.mark.parametrize(("where", "text"), list(blocks("yaml")))
def test_an_example_of_configuration_is_accepted(where, text):
    example = yaml.safe_load(text)
    if set(example) <= set(Config.model_fields):
        config_from_dict(merged(SMALLEST, example), where)
    else:
        pytest.fail(
            f"{where}: {sorted(set(example) - set(Config.model_fields))} is no part of a configuration"
        )


@pytest.mark.parametrize(("where", "text"), list(blocks("python")))
def test_an_example_in_python_can_be_parsed_and_uses_what_exists(where, text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "motet":
            assert hasattr(motet, node.attr), f"{where}: motet.{node.attr} does not exist"


def test_the_help_pages_are_current():
    assert PAGE.read_text(encoding="utf-8") == help_page(), "run make help-pages"


def test_every_command_has_its_line_in_the_readme():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"motet {name}" not in readme] == []


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in link and not (page.parent / link).exists():
                broken.append(f"{page.relative_to(REPOSITORY)} -> {link}")
    assert not broken


def test_every_page_of_the_documentation_is_in_its_index():
    index = (REPOSITORY / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [page for page in (REPOSITORY / "docs").rglob("*.md") if page.name != "index.md"]
    assert [page.name for page in pages if f"({page.relative_to(REPOSITORY / 'docs')})" not in index] == []


def test_both_readmes_have_the_same_parts():
    english, chinese = ((REPOSITORY / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
    for sign in ("\n## ", "\n```", "\n| "):
        assert english.count(sign) == chinese.count(sign), sign
