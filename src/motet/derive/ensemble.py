"""An ensemble in use: several runs that recommend, predict and are measured as one.

Shapes: M members, B queries, I items.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from motet.classify import retrieval_task, tag_task, text_task
from motet.config import Config
from motet.config.tasks import RowTask
from motet.data.requests import Plan, histories
from motet.data.timelines import VALID
from motet.derive.chains import followed_by, given
from motet.derive.chorus import Chorus, Voice, log_chances, voices
from motet.derive.combine import Combiner, Weights, combine_rankings, combine_rows
from motet.derive.fitting import UNFITTED, Chosen, Kind
from motet.errors import ConfigError
from motet.evaluation.evaluate import measured
from motet.present import best_items, one_list, part_of, ranking_task, readable, row_task
from motet.system.log import warn
from motet.use import TrainedModel, table_of


@dataclass(frozen=True)
class Ensemble:
    """Several runs that answer as one; open one with `motet.open`.

    Attributes:
        folder: Where it lies.
        kind: How the members are put together.
        config: Name, tasks and evaluation; those of the first member.
        members: The runs, of which the first numbers the items.
        combiners: Task -> how the members' answers become one.
    """

    folder: Path
    kind: Kind
    config: Config
    members: Sequence[TrainedModel]
    combiners: Mapping[str, Combiner]

    @cached_property
    def voices(self) -> list[Voice]:
        """The members as they are asked."""
        return voices(self.members)

    def recommend(
        self,
        users: Sequence[Any] | None = None,
        task: str | None = None,
        k: int = 10,
        keep_seen: bool | None = None,
    ) -> pl.DataFrame:
        """The best items of each user, after all of their events; see `TrainedModel.recommend`."""
        name, first = ranking_task(self.config, task), self.members[0]
        keep = not first.bundle.encodings.seen_once if keep_seen is None else keep_seen
        number_Q = first.user_numbers(users)
        asked = [each.asked_now(number_Q, name) for each in self.members]
        plan, _, allowed_I = asked[0]
        hidden = self._hidden(plan, name, allowed_I, keep=keep)

        def score(query_B: np.ndarray) -> Tensor:
            said = [
                each(query_B)[:, torch.from_numpy(voice.column_I)]
                for (_, each, _), voice in zip(asked, self.voices, strict=True)
            ]
            return combine_rankings(self.combiners[name], log_chances(said, hidden(query_B)))

        return best_items(
            first.dataset.log, first.bundle.catalogue, name, (plan, score, allowed_I), k, keep=keep
        )

    def similar(self, item: Any, task: str | None = None, k: int = 10) -> pl.DataFrame:
        """Items like an item, by the mean of the members' cosines: columns ``rank, item, score``."""
        name = ranking_task(self.config, task)
        return self._nearest([each.likeness(item, name) for each in self.members], name, k)

    def find(
        self,
        text: str,
        task: str | None = None,
        k: int = 10,
        users: Sequence[Any] | None = None,
        keep_seen: bool | None = None,
    ) -> pl.DataFrame:
        """Items for a sentence, by the mean of the cosines of those members that can read one.

        Raises:
            ConfigError: None of them can, or users are given: nothing says what a cosine is worth beside.
        """
        if users is not None or keep_seen is not None:
            raise ConfigError(
                f"{self.folder} is an ensemble, which finds items for a sentence or for users, not for both. "
                "Give one of them, or ask a run of its own."
            )
        name = ranking_task(self.config, task)
        readers = [each.bundle.config.model.language is not None for each in self.members]
        if not any(readers):
            self.members[0].nearness(text, name)  # says what is missing
        found = [
            each.nearness(text, name) if reads else None
            for each, reads in zip(self.members, readers, strict=True)
        ]
        return self._nearest(found, name, k)

    def classify(self, texts: Sequence[str], task: str | None = None) -> pl.DataFrame:
        """Never: runs with text tasks are not put together.

        Raises:
            ConfigError: Always.
        """
        text_task(self.config, task)
        raise AssertionError("runs with text tasks are refused when an ensemble is made")

    def tag(self, texts: Sequence[str], task: str | None = None) -> pl.DataFrame:
        """Never, likewise."""
        tag_task(self.config, task)
        raise AssertionError("runs with text tasks are refused when an ensemble is made")

    def answer(self, texts: Sequence[str], task: str | None = None, k: int = 1) -> pl.DataFrame:
        """Never, likewise."""
        retrieval_task(self.config, task)
        raise AssertionError("runs with text tasks are refused when an ensemble is made")

    def label_next(
        self, texts: Sequence[str], k: int = 50, by: str = "both", task: str | None = None
    ) -> pl.DataFrame:
        """Never, likewise."""
        text_task(self.config, task)
        raise AssertionError("runs with text tasks are refused when an ensemble is made")

    def predict(self, rows: Any, task: str) -> pl.DataFrame:
        """Predict a row task for pairs of user and item; see `TrainedModel.predict`.

        A task that follows another is at most as probable as that, see `motet.derive.chains`.
        """
        settings, table = row_task(self.config, task), table_of(rows)
        said, given_R = self._answers(table, settings)
        classes = self.members[0].bundle.encodings.classes.get(task, ())
        table = table.with_columns(readable(settings, said, classes))
        earlier = getattr(settings, "after", None)
        return table if given_R is None else table.with_columns(pl.Series(f"given_{earlier}", given_R))

    def _answers(self, table: pl.DataFrame, task: RowTask) -> tuple[np.ndarray, np.ndarray | None]:
        """What the members say together; and given what the task follows, None where it follows nothing."""
        said_M = np.stack([each.answers(table, task)[0] for each in self.members])
        said = combine_rows(self.combiners[task.name], task.kind, said_M)
        earlier = followed_by(self.config.tasks).get(task.name)
        if earlier is None:
            return said, None
        earlier_R = self._answers(table, row_task(self.config, earlier))[0]
        said_R = np.minimum(said, earlier_R)
        return said_R, given(said_R, earlier_R)

    def evaluate(self, split: str = "test") -> dict[str, Any]:
        """Metrics of every task: task -> split -> metric -> value, interval and count."""
        part = part_of(split)
        if part == VALID and self.fitted:
            warn(
                f"{self.folder}: the combiners were fitted on these very rows, so the figures are too good. "
                "Those of metrics.json are fair: users were left out in turn."
            )
        chorus = Chorus(self.voices, {task: Chosen((each,)) for task, each in self.combiners.items()})
        return measured(self.voices[0].examiner.records(chorus, part), self.config, split)

    @property
    def fitted(self) -> bool:
        """Whether any combiner learned from validation rows."""
        return self.kind not in UNFITTED

    def _hidden(
        self, plan: Plan, task: str, allowed_I: Tensor, *, keep: bool
    ) -> Callable[[np.ndarray], Tensor]:
        log = self.members[0].dataset.log

        def hidden(query_B: np.ndarray) -> Tensor:
            hidden_BI = torch.where(allowed_I, 0.0, -torch.inf).repeat(len(query_B), 1)
            if not keep:
                offset, place = histories(plan, query_B, log.positive[task])
                row = torch.from_numpy(np.repeat(np.arange(len(query_B)), np.diff(offset)))
                hidden_BI[row, torch.from_numpy(log.item_N[place].astype(np.int64))] = -torch.inf
            return hidden_BI

        return hidden

    def _nearest(self, cosine_M: Sequence[Tensor | None], task: str, k: int) -> pl.DataFrame:
        """Items by the weighted mean of the members' cosines; without weights all count the same."""
        combiner = self.combiners[task]
        weight_M = combiner.weight_M if isinstance(combiner, Weights) else [1.0] * len(self.members)
        there = [
            (cosine_I[torch.from_numpy(voice.column_I)], weight)
            for cosine_I, voice, weight in zip(cosine_M, self.voices, weight_M, strict=True)
            if cosine_I is not None
        ]
        weighted = [(cosine_I, weight) for cosine_I, weight in there if weight > 0]
        parts = weighted or [(cosine_I, 1.0) for cosine_I, _ in there]  # all that can say have no weight
        total = sum(weight for _, weight in parts)
        score_I = torch.stack([cosine_I * (weight / total) for cosine_I, weight in parts]).sum(0)
        return one_list(score_I, self.members[0].bundle.catalogue, k)
