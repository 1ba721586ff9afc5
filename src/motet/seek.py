"""Seek: what a task looks for, ready to be compared with questions; and items for a sentence.

Shapes: N texts, M answers or items, T width of the language model, B users.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
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
from motet.data.table import KIND
from motet.data.text_feed import TextSet
from motet.data.timelines import TEST
from motet.errors import ConfigError, DataError
from motet.evaluation.beside import meet, rankings, sought
from motet.evaluation.retrieval import answer_directions, compared, retrieval_head
from motet.features.texts import TextInput, with_answers
from motet.language.backbone import TextEncoder, load_language
from motet.system.log import say
from motet.tasks.retrieval import TEMPERATURE


@dataclass(frozen=True)
class Shelf:
    """The answers of a task, as they are compared with questions.

    Args:
        texts: The task without a question.
        direction_MT: Vectors of the answers.
        item_M: Ids of the items, of a task that looks for them.
        kind_M: Their kinds; None where those are items of the training.
    """

    texts: TextSet
    direction_MT: Tensor
    item_M: pl.Series | None = None
    kind_M: pl.Series | None = None

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
        texts = TextSet(task, rows, answers=shelf)
        if now is None:
            return cls(texts, direction_MT, kept.item_M)
        return cls(texts, direction_MT, now.item_M, now.table[KIND])

    def scores(self, bundle: Bundle, texts: Sequence[str]) -> Tensor:
        """How well each answer fits each text, ``(N, M)``; their softmax is a probability."""
        name = self.texts.task
        rows = questions(texts, self.texts.answers.rows.answers if self.texts.answers else [])
        read_by = replace(reads(bundle), encoder=sentence_encoder)
        asked = TextSet(name, rows, *read_by.read(texts), answers=self.texts.answers)
        found = compared(bundle.model, asked, np.arange(len(texts)), self.direction_MT)
        parts = [each.score_BM for each in found]
        return torch.cat(parts) if parts else torch.zeros(0, len(self.direction_MT))

    def chances(self, bundle: Bundle, text: str, others_M: Tensor) -> Tensor:
        """Logarithms of the probabilities of all items for a sentence, ``(M,)``; but for some others.

        Raises:
            ConfigError: There is no word in it.
            DataError: No item is left.
        """
        _refuse_empty(text)
        if others_M.all():
            raise DataError(
                f"None of the {len(others_M):,} items that {self.texts.task} looks for takes part. "
                "Look at the kinds of items in data.items and in the tasks, or name another  --task ."
            )
        score_M = self.scores(bundle, [text])[0]
        return torch.log_softmax(score_M.masked_fill(others_M, -torch.inf), 0)


@dataclass(frozen=True)
class Shelves:
    """What the tasks of a run look for, made once for each state of the files that the items stand in.

    Args:
        bundle: The model.
        items_now: The items of a kind as they are now; None where nobody knows.
        state: Of those files.
        made: Task -> the state, and what was made of it.
    """

    bundle: Bundle
    items_now: Callable[[str | None], Documents | None]
    state: Callable[[], object]
    made: dict[str, tuple[object, Shelf]] = field(default_factory=dict)

    def of(self, task: Retrieval) -> Shelf:
        """What a task looks for: answers of the training, or the items as they are now."""
        state = self.state() if task.seeks_items else None
        if task.name not in self.made or self.made[task.name][0] != state:
            now = self._now(task) if task.seeks_items else None
            self.made[task.name] = state, Shelf.of(self.bundle, task.name, now)
        return self.made[task.name][1]

    def _now(self, search: Retrieval) -> Documents | None:
        try:
            now = self.items_now(search.items)
            return now and now.shuffled()
        except DataError as error:
            say(f"{search.name}: the items are those of the training, for they cannot be read now ({error})")
            return None


@dataclass(frozen=True)
class Seeker:
    """Finds items for a sentence, in a run that is in use."""

    bundle: Bundle
    shelves: Shelves

    def words(self, text: str, search: Retrieval, ranking: str | None) -> tuple[Tensor, pl.Series]:
        """Logarithms of the probabilities of items by a sentence ``(M,)``, and their ids.

        Args:
            text: The sentence.
            search: Looks for them.
            ranking: A task that ranks items: no item of another kind takes part. None: all do.
        """
        shelf = self.shelves.of(search)
        assert shelf.item_M is not None
        return shelf.chances(self.bundle, text, self._others(shelf, ranking)), shelf.item_M

    def _others(self, shelf: Shelf, ranking: str | None) -> Tensor:
        """Items that a task does not rank, bool ``(M,)``; of those that are new to the run by their kind."""
        assert shelf.item_M is not None
        if ranking is None:
            return torch.zeros(len(shelf.item_M), dtype=torch.bool)
        number_M = torch.from_numpy(self.bundle.catalogue.numbers(shelf.item_M).astype(np.int64))
        allowed_I = self.bundle.model.part(ranking).next_heads[ranking].get_buffer("allowed_I")
        wanted = rankings(self.bundle.config.tasks)[ranking]
        if wanted is None or shelf.kind_M is None:
            return (number_M > 0) & ~allowed_I[number_M]
        other_M = torch.from_numpy((shelf.kind_M != wanted).to_numpy().copy())
        return torch.where(number_M > 0, ~allowed_I[number_M], other_M)

    def nearness(self, text: str, task: str) -> Tensor:
        """Cosines of all items' texts with a sentence ``(I,)``; minus infinity for what takes no part."""
        text_IT = _readable(self.bundle, text)
        assert self.bundle.language is not None
        asked_T = torch.from_numpy(sentence_encoder(self.bundle.language).encode([text])[0])
        return cosines(self.bundle, text_IT, asked_T, task)


@lru_cache(maxsize=1)
def sentence_encoder(language: Language) -> TextEncoder:
    """The language model, opened once for all models and members that ask it one after the other."""
    return load_language(language)


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
        answers=answers, right_F=np.zeros(0, np.int64), offset_S=np.zeros(count + 1, np.int64),
    )  # fmt: skip


def reads(bundle: Bundle) -> TextInput:
    """What turns texts into what a trained model reads."""
    assert bundle.model.texts is not None
    assert bundle.language is not None
    return TextInput(bundle.language, bundle.model.texts.language)


def tasks_of(bundle: Bundle, task: str | None, *, users: bool) -> tuple[Retrieval | None, str | None]:
    """The tasks that find items for a sentence, and for users: the one that is named, and the first to fit.

    A search and a ranking fit where both are about one kind of item, or one of them about all.

    Args:
        bundle: The model.
        task: Name of one of them; None: the first of each.
        users: Whether items are ranked for users.

    Returns:
        The search, None in a run without; and the ranking, None where users are not asked about and none is
        named, or where the run has none.

    Raises:
        ConfigError: A task is named that neither finds items for a sentence nor ranks them for users, or no
            two fit.
    """
    searches, kinds = sought(bundle.config.tasks), rankings(bundle.config.tasks)
    if not searches:
        return None, task
    named = [each for each in searches if each.name == task]
    if task is not None and not named and task not in kinds:
        names = ", ".join([*(each.name for each in searches), *kinds])
        raise ConfigError(f"{task!r} is no task that finds items. Those of this run: {names}.")
    if task not in kinds and not (users and kinds):
        return (named or searches)[0], None
    ranked = {task: kinds[task]} if task in kinds else kinds
    for ranking, kind in ranked.items():
        fit = [each for each in named or searches if meet(each, kind)]
        if fit:
            return next((each for each in fit if each.items == kind), fit[0]), ranking
    raise ConfigError(_apart(named or searches, ranked))


def _apart(searches: Sequence[Retrieval], ranked: Mapping[str, str | None]) -> str:
    """Searches and rankings that have no item in common, in words."""
    looks = [f"{each.name} looks for items of kind {each.items!r}" for each in searches]
    ranks = [f"{name} ranks those of kind {kind!r}" for name, kind in ranked.items()]
    return (
        f"{', '.join([*looks, *ranks])}: no list is of both. Name another  --task , or train a search of all "
        "kinds, or of that one."
    )


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
    return float(weight_X[list(rankings(bundle.config.tasks)).index(ranking)])


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
