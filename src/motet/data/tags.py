"""Tags: spans of words or characters as one tag a unit, and back.

The tags of a text are IOB2 (Tjong Kim Sang, Veenstra, EACL 1999): `B-X` begins a span of type X, `I-X` goes
on with it, `O` lies outside of all.
"""

from collections.abc import Iterable, Sequence

from motet.data.letters import words_and_signs

OUTSIDE = "O"
_SAME = {"S": "B", "U": "B", "E": "I", "L": "I", "M": "I"}  # marks of BIOES, BILOU and BMES -> those of IOB2

Span = tuple[str, int, int]
"""Type, first unit, and the unit after the last."""

Letters = list[tuple[int, int]]
"""Of each unit its first letter in the text, and the letter after its last."""


def iob2(tags: Sequence[str]) -> list[str]:
    """Tags of any such scheme as IOB2; a span that nothing begins begins where it goes on.

    That is how seqeval reads them too.

    Raises:
        ValueError: A tag is none, with the tag as its text.

    >>> iob2(["I-Item", "E-Item", "O", "S-User", "I-Item"])
    ['B-Item', 'I-Item', 'O', 'B-User', 'B-Item']
    """
    found: list[str] = []
    for tag in tags:
        mark, _, kind = tag.partition("-")
        mark = _SAME.get(mark, mark)
        if tag == OUTSIDE:
            found.append(OUTSIDE)
        elif mark in ("B", "I") and kind:
            goes_on = mark == "I" and found and found[-1] in (f"B-{kind}", f"I-{kind}")
            found.append(f"I-{kind}" if goes_on else f"B-{kind}")
        else:
            raise ValueError(tag)
    return found


def spans(tags: Iterable[str]) -> list[Span]:
    """The spans of IOB2 tags, in their order.

    >>> spans(["B-Item", "I-Item", "O", "B-User", "B-Item"])
    [('Item', 0, 2), ('User', 3, 4), ('Item', 4, 5)]
    """
    found: list[Span] = []
    for place, tag in enumerate(tags):
        if tag.startswith("B-"):
            found.append((tag[2:], place, place + 1))
        elif tag.startswith("I-"):
            kind, first, _ = found.pop()
            found.append((kind, first, place + 1))
    return found


def tagged(of: Iterable[Span], units: int) -> list[str]:
    """Tags of as many units: those of spans that do not overlap.

    >>> tagged([("Item", 1, 3)], 4)
    ['O', 'B-Item', 'I-Item', 'O']
    """
    found = [OUTSIDE] * units
    for kind, first, after in of:
        found[first] = f"B-{kind}"
        found[first + 1 : after] = [f"I-{kind}"] * (after - first - 1)
    return found


def tag_names(kinds: Iterable[str]) -> tuple[str, ...]:
    """All tags of some types of spans.

    >>> tag_names(["User", "Item"])
    ('O', 'B-Item', 'I-Item', 'B-User', 'I-User')
    """
    return (OUTSIDE, *(f"{mark}-{kind}" for kind in sorted(kinds) for mark in "BI"))


def kinds_of(tags: Sequence[str]) -> list[str]:
    """Types of spans, in the order of their tags."""
    return [tag[2:] for tag in tags if tag.startswith("B-")]


def may_follow(before: str, tag: str) -> bool:
    """Whether one tag may stand after another: a span goes on only where it has begun.

    >>> may_follow("O", "I-Item"), may_follow("B-User", "I-Item"), may_follow("I-Item", "I-Item")
    (False, False, True)
    """
    return not tag.startswith("I-") or before in (f"B-{tag[2:]}", tag)


def units_of(text: str, characters: bool) -> Letters:
    """Where the units of a text lie: its characters but for blanks, or its words and signs.

    >>> units_of("a new phone.", characters=False)
    [(0, 1), (2, 5), (6, 11), (11, 12)]
    """
    if characters:
        return [(place, place + 1) for place, letter in enumerate(text) if not letter.isspace()]
    return [found.span() for found in words_and_signs().finditer(text)]


def joined(units: Sequence[str], between: str) -> tuple[str, Letters]:
    """A text made of units, and where each lies in it.

    >>> joined(["a", "phone"], " ")
    ('a phone', [(0, 1), (2, 7)])
    """
    letters: Letters = []
    at = 0
    for unit in units:
        letters.append((at, at + len(unit)))
        at += len(unit) + len(between)
    return between.join(units), letters


def as_read(text: str, letters: Letters, *, characters: bool) -> tuple[str, Letters]:
    """A text as a model reads it, and where its units lie there: words stand between blanks.

    >>> as_read("a phone.", [(0, 1), (2, 7), (7, 8)], characters=False)
    ('a phone .', [(0, 1), (2, 7), (8, 9)])
    """
    return (text, letters) if characters else joined([text[first:after] for first, after in letters], " ")


def covered(letters: Letters, first: int, after: int) -> tuple[int, int] | None:
    """Which units some letters of the text touch: the first, and the one after the last; None for none.

    >>> covered([(0, 1), (2, 7), (8, 9)], 2, 7)
    (1, 2)
    """
    touched = [place for place, (begin, end) in enumerate(letters) if begin < after and end > first]
    return (touched[0], touched[-1] + 1) if touched else None
