"""The page of all settings, made from the records; `python -m motet.config.page` makes it anew.

What stands between the two marks is made; what stands around them is written by hand and kept.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from motet.config import Config
from motet.config.data import Column, Range
from motet.config.record import Record
from motet.config.schema import branches, kinds_of, type_of, words_of
from motet.config.write import plain

BEGIN, END = "<!-- settings: made by python -m motet.config.page -->", "<!-- end of settings -->"
_NAMED: dict[type[Record], tuple[str, str]] = {Column: ("A column", "columns"), Range: ("A range", "ranges")}
_DEFAULT_FILE = Path("docs/configuration.md")
_Places = Mapping[type[Record], str]  # the headline of every record's section


def page(text: str) -> str:
    """The page with its tables made anew.

    Args:
        text: The page as it is, with both marks.
    """
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def reference() -> str:
    """A table for each record: every setting with its type, its default and what it means."""
    places: dict[type[Record], str] = {Config: "The file"}
    for record, place in _records(Config, ""):
        places.setdefault(record, place)
    return "\n".join(line for record in places for line in _section(record, places))


def _records(record: type[Record], path: str) -> Iterator[tuple[type[Record], str]]:
    """Every record below a record, with the headline of its section."""
    for key, field in record.model_fields.items():
        for branch in branches(type_of(field)):
            for inner in branches(branch.element) if branch.element else (branch,):
                if inner.record is None:
                    continue
                place = f"{path}.{key}".strip(".") + "[]" * bool(branch.element)
                kinds = kinds_of(inner.record)
                title = _NAMED[inner.record][0] if inner.record in _NAMED else f"`{place}`"
                yield inner.record, f"{title} of kind `{kinds[0]}`" if kinds else title
                yield from _records(inner.record, place)


def _section(record: type[Record], places: _Places) -> Iterator[str]:
    yield from (f"### {places[record]}", "", " ".join((record.__doc__ or "").split()), "")
    yield from ("| setting | type | default | meaning |", "| --- | --- | --- | --- |")
    for key, field in record.model_fields.items():
        default = "required" if field.is_required() else f"`{_default(field)}`"
        cells = (f"`{key}`", _type(field, places), default, field.description or "")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _type(field: FieldInfo, places: _Places) -> str:
    """The type in words; records are links to their sections."""
    said = []
    for branch in branches(type_of(field)):
        inner = [each.record for each in branches(branch.element) if each.record] if branch.element else []
        if branch.record:
            said.append(_link(branch.record, places))
        elif inner:
            links = ", ".join(_link(record, places) for record in inner)
            said.append(f"one or a list of {links}" if branch.repeats else f"a list of {links}")
        else:
            said.append(words_of((branch,)))
    return " or ".join(said)


def _link(record: type[Record], places: _Places) -> str:
    anchor = re.sub(r"[^\w -]", "", places[record].lower()).replace(" ", "-")
    if record in _NAMED:
        return f"[{_NAMED[record][1]}](#{anchor})"
    return f"[{(kinds_of(record) or [places[record].strip('`')])[0]}](#{anchor})"


def _default(field: FieldInfo) -> str:
    return "{}" if isinstance(field.default, Record) else plain(field.default)


def main(arguments: list[str]) -> None:
    """Make the page anew."""
    file = Path(arguments[0]) if arguments else _DEFAULT_FILE
    file.write_text(page(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
