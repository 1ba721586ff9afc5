"""The texts of text tasks as a model reads them: tokens for a tuned language model, else vectors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motet.config import Config
from motet.config.model import Language
from motet.config.tasks import Retrieval
from motet.data.answers import Answers, near_by_words
from motet.data.item_pairs import ItemPairs
from motet.data.lexical import Lexical
from motet.data.pairs import PairRows
from motet.data.tagged import TaggedRows
from motet.data.taken import Taken
from motet.data.text_feed import TextSet
from motet.data.text_rows import read_rows
from motet.data.timelines import TRAIN
from motet.data.tokens import Tokens, Units, oracle
from motet.language.backbone import TextEncoder, load_language
from motet.language.cache import TextVectors
from motet.language.tuned import TunedLanguage
from motet.system.log import say


@dataclass(frozen=True)
class TextInput:
    """What turns texts into what a model reads.

    Args:
        language: The language model.
        tuned: The same as it is tuned; None where it is frozen.
        encoder: Opens the frozen one for texts that are asked once, of which nothing is kept. None: vectors
            are kept on disk.
    """

    language: Language
    tuned: TunedLanguage | None
    encoder: Callable[[Language], TextEncoder] | None = None

    @classmethod
    def of(cls, language: Language, *, tuned: bool) -> "TextInput":
        """By the settings of a language model."""
        return cls(language, TunedLanguage(language.settled()) if tuned else None)

    def read(self, texts: Sequence[str]) -> tuple[Tokens | None, np.ndarray | None]:
        """Tokens, or vectors ``(N, T)``."""
        if self.tuned is not None:
            return Tokens(*self.tuned.tokens(texts)), None
        if self.encoder is not None:
            opened = self.encoder(self.language)
            TextVectors().precision(opened)
            return None, opened.encode(texts)
        return None, TextVectors().lookup_or_encode(texts, load_language(self.language))


def gather_texts(
    config: Config,
    folder: Path,
    classes: Mapping[str, Sequence[str]] | None = None,
    reader: Language | None = None,
    taken: Taken | None = None,
) -> dict[str, TextSet]:
    """The rows of every text task, as its model reads them.

    Args:
        config: The configuration.
        folder: Where relative paths begin.
        classes: Text task -> its classes, of a trained model.
        reader: The language model of a trained model.
        taken: What users took in training, for tasks that look for items.
    """
    language = config.model.language
    if not config.text_tasks:
        return {}
    assert language is not None
    reads = TextInput.of((reader or language) if language.tuned else language, tuned=language.tuned)
    found = {}
    for task in config.text_tasks:
        known = None if classes is None else classes[task.name]
        rows = read_rows(task, config.data, folder, config.data_seed, known, taken)
        say(f"{task.name}: {len(rows):,} texts")
        text_set = TextSet(task.name, rows, *reads.read(rows.text_N))
        if isinstance(rows, TaggedRows):
            text_set = with_units(text_set, rows, reads)
        if isinstance(rows, ItemPairs):
            text_set = with_items(text_set, rows, reads, language.items)
        elif isinstance(rows, PairRows) and isinstance(task, Retrieval):
            text_set = with_answers(text_set, rows, reads, task.negatives)
        found[task.name] = text_set
    return found


def with_units(texts: TextSet, rows: TaggedRows, reads: TextInput) -> TextSet:
    """The same with where the units lie that are tagged."""
    assert reads.tuned is not None, "what tags is tuned"
    assert texts.tokens is not None
    units = Units.of(rows, texts.tokens, reads.tuned.letters(rows.text_N))
    rows.statements.extend(_told_units(texts.task, rows, units))
    return TextSet(texts.task, rows, texts.tokens, units=units)


def with_answers(texts: TextSet, rows: PairRows, reads: TextInput, negatives: int) -> TextSet:
    """The same with the answers among which the right ones are looked for."""
    lexical = Lexical(rows.answers)
    near_NH = near_by_words(rows, lexical, rows.rows(TRAIN) if negatives else np.zeros(0, np.int64))
    answers = Answers(rows, negatives, near_NH, lexical, *reads.read(rows.answers))
    return TextSet(texts.task, rows, texts.tokens, texts.vector_NT, answers=answers)


def with_items(texts: TextSet, rows: PairRows, reads: TextInput, live: int) -> TextSet:
    """The same with the items that are looked for.

    Args:
        texts: Queries.
        rows: They and the items that are right.
        reads: What reads texts.
        live: Items of a step that are read anew at most.
    """
    none_NH = np.zeros((len(rows), 0), np.int64)
    lexical = Lexical(rows.answers, typed=True)
    answers = Answers(rows, 0, none_NH, lexical, *reads.read(rows.answers), live)
    return TextSet(texts.task, rows, texts.tokens, texts.vector_NT, answers=answers)


def _told_units(task: str, rows: TaggedRows, units: Units) -> Iterator[str]:
    """What tokens do to the units that are tagged."""
    reached = oracle(rows, units)
    if reached is not None:
        yield (
            f"{task}: tokens of the language model hold several characters, so that with one tag a token F1 "
            f"could be {reached:.4f} at most; here each character has a tag of its own."
        )
    cut = int((units.place_F[:, 0] < 0).sum())
    if cut:
        yield (
            f"{task}: {cut:,} of {len(units.place_F):,} units lie behind max_tokens or have no token; they "
            "are taken to be outside of all spans."
        )
