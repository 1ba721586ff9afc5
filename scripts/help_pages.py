"""Writes docs/cli.md out of what `motet COMMAND --help` says."""

from pathlib import Path

from typer.main import get_command

from motet.cli.app import COMMANDS, app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
WIDTH = 100
INTRODUCTION = """# The command line

Written by `make help-pages`. Results go to standard output, everything else to standard error. The exit
status is 0 when all went well, 2 when a person has to mend something (one message says what), 1 for a
mistake of ours, and 130 after Ctrl-C.
"""


def help_page() -> str:
    """The text of docs/cli.md: the help of `motet` and of each command, 100 columns wide."""
    group = get_command(app)
    context = group.context_class(group, info_name="motet", terminal_width=WIDTH)
    parts = [INTRODUCTION, block("motet", group.get_help(context))]
    for name in COMMANDS:
        command = group.get_command(context, name)
        own = command.context_class(command, info_name=name, parent=context, terminal_width=WIDTH)
        parts.append(block(f"motet {name}", command.get_help(own)))
    return "".join(parts)


def block(title: str, text: str) -> str:
    """One section of the page."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"\n## {title}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(help_page(), encoding="utf-8")
