"""A YAML page with a reason beside each choice."""

from typing import Any

import yaml


def flow(value: Any) -> str:
    """A value on one line, as YAML.

    >>> flow({"column": "tags", "separator": "|"}), flow("yes"), flow(["a", 3])
    ("{column: tags, separator: '|'}", "'yes'", '[a, 3]')
    """
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()


class Page:
    """Lines of a YAML file, written from the top down."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def comment(self, text: str, depth: int = 0) -> None:
        """A line of comment; an empty one stays empty."""
        self.lines.append("  " * depth + (f"# {text}" if text else "#"))

    def gap(self) -> None:
        """An empty line."""
        self.lines.append("")

    def put(self, key: str, value: Any = None, reason: str = "", depth: int = 0, first: bool = False) -> None:
        """`key: value  # reason`; without a value only the key.

        Args:
            key: The key.
            value: What stands behind it, on the same line.
            reason: The comment.
            depth: How far it is set in, in steps of two blanks.
            first: It begins an entry of a list, with a dash in the step before it.
        """
        indent = "  " * depth if not first else "  " * (depth - 1) + "- "
        text = f"{indent}{flow(key)}:" + ("" if value is None else f" {flow(value)}")
        self.lines.append(_with(text, reason))

    def entry(self, value: Any, reason: str = "", depth: int = 0, off: str = "") -> None:
        """`- value  # reason`; written as a comment when `off` says why."""
        if off:
            self.comment(f"- {flow(value)}  # {off}", depth)
        else:
            self.lines.append(_with("  " * depth + f"- {flow(value)}", reason))

    def text(self) -> str:
        """The page."""
        return "\n".join(self.lines) + "\n"


def _with(text: str, reason: str) -> str:
    return f"{text}  # {' '.join(reason.split())}" if reason else text
