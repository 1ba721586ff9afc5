"""Seek: what a task looks for, ready to be compared with questions; and items for a sentence.

Shapes: N texts, M answers or items, T width of the language model, B users.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from motet.bundle import Bundle
from motet.config.model import Language
from motet.config.tasks import Retrieval
from motet.data.answers import Answers
from motet.data.documents import Documents
from motet.data.lexical import Lexical
from motet.data.pairs import PairRows
from motet.data.text_feed import TextSet
from motet.data.timelines import TEST
from motet.errors import ConfigError, DataError
from motet.evaluation.beside import rankings, sought
from motet.evaluation.retrieval import answer_directions, compared, retrieval_head
from motet.features.texts import TextInput, with_answers
from motet.language.backbone import TextEncoder
from motet.system.log import say
from motet.tasks.retrieval import TEMPERATURE


@dataclass(frozen=True)
class Shelf:
    """The answers of a task, as they are compared with questions.

    Args:
        texts: The task without a question.
        direction_MT: Vectors of the answers.
        item_M: Ids of the items, of a task that looks for them.
    """

    texts: TextSet
    direction_MT: Tensor
    item_M: pl.Series | None = None

    @classmethod
    def of(cls, bundle: Bundle, task: str, now: Documents | None = None) -> "Shelf":
        """Those of a trained model.

        Args:
            bundle: The model.
            task: A task that looks for answers.
            now: The items that are to be found; None for those of the training. Of these the vectors are
                known; what is new, or reads otherwise now, is read by the language model.
        """
        kept, model = bundle.answers[task], bundle.model
        if kept.vector_MT is None:
            rows = questions([], kept.texts)
            texts = with_answers(TextSet(task, rows), rows, reads(bundle), 0)
            assert texts.answers is not None
            return cls(texts, answer_directions(model, task, texts.answers))
        found = kept.texts if now is None else now.text_M
        with torch.no_grad():
            known_MT = retrieval_head(model, task).directions(kept.vector_MT).float()
        place = {text: at for at, text in enumerate(kept.texts)}
        at_M = np.array([place.get(text, -1) for text in found])
        direction_MT = known_MT[torch.from_numpy(at_M)]
        if (at_M < 0).any():
            new = questions([], [found[at] for at in np.flatnonzero(at_M < 0).tolist()])
            answers = Answers(new, 0, _none(), Lexical([]), *reads(bundle).read(new.answers))
            direction_MT[torch.from_numpy(at_M < 0)] = answer_directions(model, task, answers)
        rows = questions([], found)
        shelf = Answers(rows, 0, _none(), Lexical(found, typed=True))
        return cls(
            TextSet(task, rows, answers=shelf), direction_MT, kept.item_M if now is None else now.item_M
        )

    def scores(self, bundle: Bundle, texts: Sequence[str]) -> Tensor:
        """How well each answer fits each text, ``(N, M)``; their softmax is a probability."""
        name = self.texts.task
        rows = questions(texts, self.texts.answers.rows.answers if self.texts.answers else [])
        asked = TextSet(name, rows, *reads(bundle).read(texts), answers=self.texts.answers)
        found = compared(bundle.model, asked, np.arange(len(texts)), self.direction_MT)
        parts = [each.score_BM for each in found]
        return torch.cat(parts) if parts else torch.zeros(0, len(self.direction_MT))

    def chances(self, bundle: Bundle, text: str, others_M: Tensor) -> Tensor:
        """Logarithms of the probabilities of all items for a sentence, ``(M,)``; but for some others.

        Raises:
            ConfigError: There is no word in it.
        """
        _refuse_empty(text)
        score_M = self.scores(bundle, [text])[0]
        return torch.log_softmax(score_M.masked_fill(others_M, -torch.inf), 0)


@dataclass(frozen=True)
class Seeker:
    """Finds items for a sentence, in a run that is in use.

    Args:
        bundle: The model.
        encoder: Opens the language model of runs without a task that looks for items.
        items_now: The items of a kind as they are now; None where nobody knows.
        shelves: What was asked so far.
    """

    bundle: Bundle
    encoder: Callable[[Language], TextEncoder]
    items_now: Callable[[str | None], Documents | None]
    shelves: dict[str, Shelf]

    def words(self, text: str, search: Retrieval, task: str | None = None) -> tuple[Tensor, pl.Series]:
        """Logarithms of the probabilities of items by a sentence ``(M,)``, and their ids.

        Where a task is named that ranks items of one kind, no item of another kind takes part.
        """
        if search.name not in self.shelves:
            self.shelves[search.name] = Shelf.of(self.bundle, search.name, self._now(search))
        shelf = self.shelves[search.name]
        assert shelf.item_M is not None
        return shelf.chances(self.bundle, text, self._others(shelf.item_M, task)), shelf.item_M

    def _others(self, item_M: pl.Series, task: str | None) -> Tensor:
        """Items that the task of that name does not rank, bool ``(M,)``."""
        if task not in rankings(self.bundle.config.tasks):
            return torch.zeros(len(item_M), dtype=torch.bool)
        assert task is not None
        number_M = torch.from_numpy(self.bundle.catalogue.numbers(item_M).astype(np.int64))
        allowed_I = self.bundle.model.part(task).next_heads[task].get_buffer("allowed_I")
        return (number_M > 0) & ~allowed_I[number_M]

    def _now(self, search: Retrieval) -> Documents | None:
        try:
            return self.items_now(search.items)
        except DataError as error:
            say(f"{search.name}: the items are those of the training, for they cannot be read now ({error})")
            return None

    def nearness(self, text: str, task: str) -> Tensor:
        """Cosines of all items' texts with a sentence ``(I,)``; minus infinity for what takes no part."""
        text_IT = _readable(self.bundle, text)
        assert self.bundle.language is not None
        asked_T = torch.from_numpy(self.encoder(self.bundle.language).encode([text])[0])
        return cosines(self.bundle, text_IT, asked_T, task)


def alone(bundle: Bundle, cosine_I: Tensor) -> tuple[Tensor, pl.Series]:
    """The same as `Seeker.words` by cosines alone, for which nothing was fitted."""
    return torch.log_softmax(cosine_I[1:] / TEMPERATURE, 0), bundle.catalogue.ids


def _none() -> np.ndarray:
    return np.zeros((0, 0), np.int64)


def questions(texts: Sequence[str], answers: Sequence[str]) -> PairRows:
    """Questions of which nobody knows the answer."""
    count = len(texts)
    return PairRows(
        text_N=texts, label_N=np.zeros(count, np.int64), part_N=np.full(count, TEST, np.int8), classes=(),
        answers=answers, right_F=np.zeros(0, np.int64), offset_N=np.zeros(count + 1, np.int64),
    )  # fmt: skip


def reads(bundle: Bundle) -> TextInput:
    """What turns texts into what a trained model reads."""
    assert bundle.model.texts is not None
    assert bundle.language is not None
    return TextInput(bundle.language, bundle.model.texts.language)


def search_of(bundle: Bundle, task: str | None) -> Retrieval | None:
    """The task that finds items for a sentence: the one of that name, else the first; None without one.

    Raises:
        ConfigError: A task is named that neither finds items for a sentence nor ranks them for users.
    """
    found, ranking = sought(bundle.config.tasks), rankings(bundle.config.tasks)
    names = [*(each.name for each in found), *ranking]
    if found and task is not None and task not in names:
        raise ConfigError(f"{task!r} is no task that finds items. Those of this run: {', '.join(names)}.")
    return next((each for each in found if each.name == task), found[0] if found else None)


def weight_beside(bundle: Bundle, search: Retrieval | None, ranking: str) -> float:
    """How much a user's next items count beside the words of a sentence; 1 where nothing was fitted.

    Args:
        bundle: The model.
        search: Finds items for a sentence; None where no task does.
        ranking: Ranks them for a user.
    """
    if search is None:
        return 1.0
    weight_X = retrieval_head(bundle.model, search.name).get_buffer("beside_X")
    return float(weight_X[rankings(bundle.config.tasks).index(ranking)])


def likeness(bundle: Bundle, item_ID: Tensor, task: str, item: Any) -> Tensor:
    """Cosines of all items' vectors with an item's ``(I,)``; minus infinity for those that take no part.

    Raises:
        DataError: The catalogue lacks the item.
    """
    number = int(bundle.catalogue.numbers(pl.Series([item]))[0])
    if number == 0:
        raise DataError(f"item {item!r} is not in the catalogue of {bundle.folder}. Ask for one that is.")
    return cosines(bundle, item_ID, item_ID[number], task, number)


def _readable(bundle: Bundle, text: str) -> Tensor:
    """Vectors of the items' texts, where a sentence can be compared with them.

    Raises:
        ConfigError: The run has no language model, its items have no text, or the sentence is empty.
    """
    text_IT = bundle.content.text_IT
    if bundle.language is None or text_IT is None:
        lacks, do = ("item texts", "Declare  text:  columns under data.items and train again.")
        if bundle.language is None:
            lacks, do = ("a language model", "Train with  model.language , for example all-MiniLM-L6-v2.")
        raise ConfigError(f"{bundle.folder} was trained without {lacks}, so it cannot read a sentence. {do}")
    _refuse_empty(text)
    return text_IT.float()


def _refuse_empty(text: str) -> None:
    """Refuse a sentence without a sign.

    Raises:
        ConfigError: It is one.
    """
    if not text.strip():
        raise ConfigError("The text is empty. Write a sentence such as  --text 'I just bought a phone'.")


def cosines(bundle: Bundle, vector_ID: Tensor, asked_D: Tensor, task: str, without: int = 0) -> Tensor:
    """Cosines of items that a task ranks with a vector ``(I,)``; minus infinity for all others."""
    head = bundle.model.part(task).next_heads[task]
    allowed_I = head.get_buffer("allowed_I") & (vector_ID != 0).any(-1)
    allowed_I[without] = False
    score_I = F.normalize(vector_ID, dim=-1) @ F.normalize(asked_D, dim=-1)
    return score_I.masked_fill(~allowed_I, -torch.inf)
