"""What a model says of tagged texts: spans that are right, wrong or missing.

A span is right if its type and both of its edges are (Tjong Kim Sang, De Meulder, CoNLL 2003).
Shapes: N texts, E types of spans, U units of a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from motet.data.tagged import TaggedRows
from motet.data.tags import OUTSIDE, Span, spans
from motet.data.text_feed import TextSet
from motet.data.timelines import TRAIN
from motet.evaluation.measures import known
from motet.evaluation.records import SpanPredictions
from motet.metrics.arrays import ratio
from motet.model import Motet

SHOWN = 20  # errors that a report shows
LONGEST = 200  # letters of a text that a report shows


@dataclass(frozen=True)
class Said:
    """A span that a model found in a text, and how sure it is."""

    span: Span
    probability: float


def found_spans(model: Motet, texts: TextSet, row_R: np.ndarray) -> list[list[Said]]:
    """The spans of some texts, in their order; how sure: the least of its units' probabilities."""
    assert model.texts is not None
    model.eval()
    found: dict[int, list[Said]] = {}
    names = texts.rows.classes
    for batch in texts.in_order(row_R):
        assert batch.units is not None
        tag_BU, share_BU = model.texts.tags(batch)
        held_B = batch.units.real_BU.sum(1).tolist()  # what was cut off lies outside of all spans
        for at, row in enumerate(batch.row_B.tolist()):
            tags = [names[number] for number in tag_BU[at, : held_B[at]].tolist()]
            sure_U = share_BU[at]
            found[row] = [
                Said((kind, first, after), float(sure_U[first:after].min()))
                for kind, first, after in spans(tags)
            ]
    return [found[row] for row in row_R.tolist()]


def tag_record(model: Motet, texts: TextSet, part: int) -> SpanPredictions:
    """A record of the spans that a model finds; every text is a user of its own when intervals are drawn."""
    row_R = texts.rows.rows(part)
    said = [[each.span for each in several] for several in found_spans(model, texts, row_R)]
    return record_of(_tagged(texts), row_R, said)


def record_of(rows: TaggedRows, row_R: np.ndarray, said: Sequence[Sequence[Span]]) -> SpanPredictions:
    """The same of what is said already."""
    wanted = [spans(rows.tags_N[row]) for row in row_R.tolist()]
    counts_R3 = np.array(
        [
            (len(set(mine) & set(right)), len(mine), len(right))
            for mine, right in zip(said, wanted, strict=True)
        ],
        np.int64,
    ).reshape(-1, 3)
    return SpanPredictions(row_R, *counts_R3.T)


def by_dictionary(texts: TextSet, part: int) -> SpanPredictions:
    """The record of a dictionary: spans of the training texts wherever they stand, the longest first."""
    rows = _tagged(texts)
    known = _dictionary(rows)
    longest = max((len(each) for each in known), default=0)
    row_R, said = rows.rows(part), []
    for row in row_R.tolist():
        units, found, at = _units(rows, row), list[Span](), 0
        while at < len(units):
            sizes = range(min(longest, len(units) - at), 0, -1)
            size = next((n for n in sizes if tuple(units[at : at + n]) in known), 0)
            if size:
                found.append((known[tuple(units[at : at + size])], at, at + size))
            at += max(size, 1)
        said.append(found)
    return record_of(rows, row_R, said)


def _dictionary(rows: TaggedRows) -> dict[tuple[str, ...], str]:
    """Words of the training texts that are more often a span of one type than anything else."""
    counts: dict[tuple[str, ...], dict[str, int]] = {}
    for row in rows.rows(TRAIN).tolist():
        units = _units(rows, row)
        for kind, first, after in spans(rows.tags_N[row]):
            of = counts.setdefault(tuple(units[first:after]), {})
            of[kind] = of.get(kind, 0) + 1
    longest = max((len(each) for each in counts), default=0)
    met = dict.fromkeys(counts, 0)
    for row in rows.rows(TRAIN).tolist():
        units = _units(rows, row)
        for size in range(1, longest + 1):
            for at in range(len(units) - size + 1):
                words = tuple(units[at : at + size])
                if words in met:
                    met[words] += 1
    best = {words: max(of.items(), key=lambda each: each[1]) for words, of in counts.items()}
    return {words: kind for words, (kind, count) in best.items() if 2 * count >= met[words]}


def _units(rows: TaggedRows, row: int) -> list[str]:
    text = rows.text_N[row]
    return [text[first:after] for first, after in rows.letters(row)]


def mistaken_spans(model: Motet, texts: TextSet, part: int) -> dict[str, Any]:
    """How well each type is found, and the surest of the errors: for the report.

    Returns:
        ``types``: type -> precision, recall, F1 and spans ``n``; ``wrong``: text, span, what the model says
        it is, what it is, and how sure the model is.
    """
    rows = _tagged(texts)
    row_R = rows.rows(part)
    said = found_spans(model, texts, row_R)
    counts: dict[str, np.ndarray] = {}
    wrong = []
    for row, mine in zip(row_R.tolist(), said, strict=True):
        right, letters = spans(rows.tags_N[row]), rows.letters(row)
        for each in mine:
            counts.setdefault(each.span[0], np.zeros(3, np.int64))[:2] += (each.span in right, 1)
            if each.span not in right:
                wrong.append((each, row, _overlapping(each.span, right, rows.text_N[row], letters)))
        for span in right:
            counts.setdefault(span[0], np.zeros(3, np.int64))[2] += 1
    wrong.sort(key=lambda each: -each[0].probability)
    return {
        "types": {
            kind: {
                "precision": known(float(ratio(hits, found))),
                "recall": known(float(ratio(hits, wanted))),
                "f1": known(float(ratio(2 * hits, found + wanted))),
                "n": int(wanted),
            }
            for kind, (hits, found, wanted) in sorted(counts.items())
        },
        "wrong": [
            {
                "text": rows.text_N[row][:LONGEST],
                "span": _cut(rows.text_N[row], rows.letters(row), each.span),
                "prediction": each.span[0],
                "label": label,
                "probability": each.probability,
            }
            for each, row, label in wrong[:SHOWN]
        ],
    }


def _overlapping(span: Span, right: Sequence[Span], text: str, letters: Sequence[tuple[int, int]]) -> str:
    """What lies where a model found a span: the types and words of the right ones, or that it is none."""
    over = [each for each in right if each[1] < span[2] and each[2] > span[1]]
    return ", ".join(f"{each[0]}: {_cut(text, letters, each)}" for each in over) or OUTSIDE


def _cut(text: str, letters: Sequence[tuple[int, int]], span: Span) -> str:
    return text[letters[span[1]][0] : letters[span[2] - 1][1]]


def _tagged(texts: TextSet) -> TaggedRows:
    assert isinstance(texts.rows, TaggedRows)
    return texts.rows
