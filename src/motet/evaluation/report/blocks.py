"""What a page is made of: plain records that the template turns into HTML, and escapes while it does so."""

from dataclasses import dataclass, field
from typing import Any, Literal

Tone = Literal["better", "same", "worse", "untested", "none"]
Mark = Literal["", "clear", "best", "near"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What is printed; an empty string prints a dash.
        small: A second, smaller line (an interval).
        mark: ``clear``: best of its row by more than noise; ``best``: the best; ``near``: within noise of it.
        tone: Colours the text.
    """

    text: str
    small: str = ""
    mark: Mark = ""
    tone: Tone = "none"
    number: bool = True


@dataclass(frozen=True)
class Row:
    """A row: its name, then its cells."""

    head: str
    cells: tuple[Cell, ...]
    small: str = ""


@dataclass(frozen=True)
class Table:
    """A table with one heading a column; the first heading stands above the names of the rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    block: str = field(default="table", init=False)

    def numeric(self, place: int) -> bool:
        """True if the column of cells at a place holds numbers, which stand on the right."""
        return any(row.cells[place].number for row in self.rows if place < len(row.cells))


@dataclass(frozen=True)
class Figure:
    """A chart and the same figures as a table.

    Attributes:
        key: Name of the chart in the page, unique.
        spec: A Vega-Lite specification.
    """

    key: str
    title: str
    note: str
    spec: dict[str, Any]
    table: Table
    block: str = field(default="figure", init=False)


@dataclass(frozen=True)
class Figures:
    """Charts side by side where the window is wide enough; `wide` ones at most two in a row."""

    figures: tuple[Figure, ...]
    wide: bool = False
    block: str = field(default="figures", init=False)


@dataclass(frozen=True)
class Text:
    """A paragraph; a quiet one explains what stands beside it."""

    text: str
    tone: Tone = "none"
    quiet: bool = False
    block: str = field(default="text", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    small: str = ""
    block: str = field(default="heading", init=False)


@dataclass(frozen=True)
class Points:
    """A list of short sentences."""

    points: tuple[str, ...]
    block: str = field(default="points", init=False)


@dataclass(frozen=True)
class Tiles:
    """A few large numbers: label, value, note."""

    tiles: tuple[tuple[str, str, str], ...]
    block: str = field(default="tiles", init=False)


@dataclass(frozen=True)
class Terms:
    """Names and what they mean."""

    terms: tuple[tuple[str, str], ...]
    block: str = field(default="terms", init=False)


@dataclass(frozen=True)
class Code:
    """Text to copy, as it is."""

    text: str
    label: str
    block: str = field(default="code", init=False)


@dataclass(frozen=True)
class Fold:
    """What an engineer opens and a manager does not."""

    summary: str
    blocks: tuple["Block", ...]
    block: str = field(default="fold", init=False)


Block = Table | Figure | Figures | Text | Heading | Points | Tiles | Terms | Code | Fold


@dataclass(frozen=True)
class Section:
    """A part of the page; `short` is its name in the navigation."""

    anchor: str
    short: str
    title: str
    intro: str
    blocks: tuple[Block, ...]


def figures_in(blocks: tuple[Block, ...]) -> list[Figure]:
    """Every chart among the blocks, in order, folded ones too."""
    found: list[Figure] = []
    for block in blocks:
        if isinstance(block, Figure):
            found.append(block)
        elif isinstance(block, Figures):
            found.extend(block.figures)
        elif isinstance(block, Fold):
            found.extend(figures_in(block.blocks))
    return found
