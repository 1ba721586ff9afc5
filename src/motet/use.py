"""A trained model in use: recommend and predict, from Python and for the command line.

Users come with their events: a run holds no user, so the log of the configuration (or another) is read when
it is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from motet.bundle import Bundle, open_bundle
from motet.config.tasks import NextItem, Regression, is_row_task
from motet.data.collate import Collator
from motet.data.counting import CountedRows, count_asked
from motet.data.dataset import Dataset, reopen
from motet.data.division import clean_again
from motet.data.loader import sorted_windows
from motet.data.provenance import were_tables
from motet.data.questions import read_questions
from motet.data.readers import read_tables, tables_from_frames
from motet.data.readers_raw import from_object
from motet.data.requests import Plan, histories, plan_ends, plan_requests
from motet.data.table import Tables
from motet.data.timelines import PARTS
from motet.errors import ConfigError, DataError
from motet.evaluation.catalogue_scores import CatalogueScores
from motet.evaluation.evaluate import Examiner, measured
from motet.gather import count, counter_source, split_columns, user_numbers
from motet.language.backbone import load_language
from motet.model import Motet
from motet.system.files import read_json
from motet.system.log import progress

BLOCK = 1024  # users ranked at a time


@dataclass(frozen=True)
class TrainedModel:
    """A run that answers questions; open one with `motet.open`."""

    bundle: Bundle
    given: Tables | None = None

    @cached_property
    def tables(self) -> Tables:
        """The cleaned tables that the questions are about."""
        config = self.bundle.config
        if self.given is None and were_tables(
            read_json(self.bundle.folder / "manifest.json").get("data", {})
        ):
            raise DataError(
                f"{self.bundle.folder} was trained from tables in Python, not from files. Give them again: "
                "motet.open(RUN, events=..., items=...)."
            )
        tables = self.given or read_tables(config.data, self.bundle.folder, extra=split_columns(config))
        return clean_again(tables, config)

    @cached_property
    def dataset(self) -> Dataset:
        """The log with the run's encodings."""
        return self._dataset(None)[0]

    @cached_property
    def item_PID(self) -> dict[Motet, Tensor]:
        """Vectors of the whole catalogue, by the part of the model that made them."""
        with torch.no_grad():
            whole = self.bundle.model
            found = {part: part.items() for part in whole.parts if not part.leans}
            return found | dict.fromkeys(whole.leaning, found[whole])

    def recommend(
        self,
        users: Sequence[Any] | None = None,
        task: str | None = None,
        k: int = 10,
        keep_seen: bool | None = None,
    ) -> pl.DataFrame:
        """The best items of each user, after all of their events.

        Args:
            users: User ids; None means all.
            task: A `next_item` task; None means the first.
            k: Items a user.
            keep_seen: Whether items that the user already has may come; None: where items come again.

        Returns:
            Columns ``user, rank, item, score``: users in the order of their ids (numbers as numbers), the
            items of each best first.

        Raises:
            DataError: A user has no event in the log.
        """
        name = self._ranking_task(task)
        number_Q = self._user_numbers(users)
        keep = not self.bundle.encodings.seen_once if keep_seen is None else keep_seen
        plan = plan_ends(self.dataset.log, number_Q, self.bundle.config.model.timeline.length)
        state_QD = self._states(plan, name)
        return self._ranked(name, plan, state_QD, k, keep=keep)

    def similar(self, item: Any, task: str | None = None, k: int = 10) -> pl.DataFrame:
        """Items whose vectors lie nearest to an item's: columns ``rank, item, score``."""
        number = int(self.bundle.catalogue.numbers(pl.Series([item]))[0])
        if number == 0:
            raise DataError(
                f"item {item!r} is not in the catalogue of {self.bundle.folder}. Ask for one that is."
            )
        item_ID = self.item_PID[self.bundle.model.part(self._ranking_task(task))]
        return self._nearest(item_ID, item_ID[number], task, k, number)

    def find(self, text: str, task: str | None = None, k: int = 10) -> pl.DataFrame:
        """Items whose texts the language model puts nearest to a sentence: ``rank, item, score``.

        Raises:
            ConfigError: The run has no language model, or its items have no text.
        """
        language, text_IT = self.bundle.config.model.language, self.bundle.content.text_IT
        if language is None or text_IT is None:
            lacks, do = ("item texts", "Declare  text:  columns under data.items and train again.")
            if language is None:
                lacks, do = ("a language model", "Train with  model.language , for example all-MiniLM-L6-v2.")
            raise ConfigError(
                f"{self.bundle.folder} was trained without {lacks}, so it cannot read a sentence. {do}"
            )
        if not text.strip():
            raise ConfigError("The text is empty. Write a sentence such as  --text 'I just bought a phone'.")
        asked_T = torch.from_numpy(load_language(language).encode([text])[0])
        return self._nearest(text_IT.float(), asked_T, task, k)

    def _nearest(
        self, vector_ID: Tensor, asked_D: Tensor, task: str | None, k: int, without: int = 0
    ) -> pl.DataFrame:
        """Items by the cosine of their vectors with the one that is asked for."""
        name = self._ranking_task(task)
        head = self.bundle.model.part(name).next_heads[name]
        allowed_I = head.get_buffer("allowed_I") & (vector_ID != 0).any(-1)
        allowed_I[without] = False
        score_I = F.normalize(vector_ID, dim=-1) @ F.normalize(asked_D, dim=-1)
        score_I = score_I.masked_fill(~allowed_I, -torch.inf)
        best = torch.topk(score_I, min(k, int(allowed_I.sum())))
        return pl.DataFrame(
            {
                "rank": np.arange(1, len(best.indices) + 1),
                "item": self.bundle.catalogue.ids.gather(best.indices.numpy() - 1),
                "score": best.values.numpy(),
            }
        )

    def predict(self, rows: Any, task: str) -> pl.DataFrame:
        """Predict a row task for pairs of user and item.

        Args:
            rows: A polars, pandas or pyarrow table with the columns that the configuration names as user and
                item of the events (or ``user`` and ``item``), and optionally its time and context columns. A
                row without a time is asked as of the end of the log.
            task: A task that scores rows.

        Returns:
            The rows with a column ``prediction``: a probability, a number, or the most probable class. A task
            that follows another has a column ``given_OTHER`` too: its probability where that has happened.
        """
        settings = next((each for each in self.bundle.config.tasks if each.name == task), None)
        if settings is None or not is_row_task(settings):
            names = ", ".join(each.name for each in self.bundle.config.tasks if is_row_task(each)) or "none"
            raise ConfigError(f"{task!r} is no task that scores rows. Those of this run: {names}.")
        table = from_object(rows, "the rows", "data.events").frame.collect()
        dataset, place_Q = self._dataset(self._questions(table))
        log = dataset.log
        row_N = np.zeros(len(log), bool)
        row_N[place_Q] = True
        plan = plan_requests(log, ~row_N, row_N, self.bundle.config.model.timeline.length)
        collate = Collator(log, plan, dataset.catalogue.time_I, self._counters(dataset, ~row_N, place_Q))
        words = settings.kind == "multiclass"
        found = np.zeros(len(log), object if words else np.float64)
        given, part = np.zeros(len(log)), self.bundle.model.part(task)
        earlier = getattr(settings, "after", None)
        for windows in sorted_windows(plan.length_W, np.diff(plan.offset_W)):
            batch = collate(windows)
            said = part.predict(batch, self.item_PID[part])
            place = batch.row_BP[batch.row_BP >= 0].numpy()
            found[place] = self._readable(settings, said[task])
            if earlier:
                given[place] = said[f"{task} given {earlier}"].double().numpy()
        dtype = pl.String if words else pl.Float64
        table = table.with_columns(pl.Series("prediction", found[place_Q].tolist(), dtype))
        return table.with_columns(pl.Series(f"given_{earlier}", given[place_Q])) if earlier else table

    def evaluate(self, split: str = "test") -> dict[str, Any]:
        """Metrics of every task: task -> split -> metric -> value, interval and count, as in metrics.json."""
        if split not in PARTS:
            raise ConfigError(f"there is no split {split!r}. Write one of {', '.join(PARTS)}.")
        config, dataset = self.bundle.config, self.dataset
        _, _, _, asked = count(config, self.tables, dataset, self.bundle.scaler)
        records = Examiner(config, dataset, asked).examine(self.bundle.model, PARTS[split])
        return measured(records, config, split)

    def _readable(self, task: Any, said: Tensor) -> np.ndarray:
        if task.kind == "multiclass":
            names = self.bundle.encodings.classes[task.name]
            return np.array([names[place] for place in said.argmax(-1).tolist()], object)
        values: np.ndarray = said.double().numpy()
        if isinstance(task, Regression) and task.transform == "log1p":
            np.expm1(values, out=values)
        return values

    def _counters(self, dataset: Dataset, past_N: np.ndarray, place_Q: np.ndarray) -> CountedRows | None:
        if self.bundle.scaler is None:
            return None
        log = dataset.log
        source = counter_source(self.bundle.config, self.tables, dataset)
        found = self.bundle.scaler.apply(count_asked(source, log, past_N, place_Q))
        index_N = np.full(len(log), -1, np.int32)
        index_N[place_Q] = np.arange(len(place_Q))
        return CountedRows(index_N, found)

    def _questions(self, rows: pl.DataFrame) -> pl.DataFrame:
        asked = read_questions(rows, self.bundle.config.data)
        end = self.tables.events.select(pl.col("@time").max()).collect().item()
        return asked if end is None else asked.with_columns(pl.col("@time").fill_null(end + 1))

    def _dataset(self, rows: pl.DataFrame | None) -> tuple[Dataset, np.ndarray]:
        bundle = self.bundle
        return reopen(self.tables, bundle.config, bundle.catalogue, bundle.encodings, rows)

    def _ranking_task(self, task: str | None) -> str:
        names = [each.name for each in self.bundle.config.tasks if isinstance(each, NextItem)]
        if not names or (task is not None and task not in names):
            raise ConfigError(
                f"{task or 'next_item'!r} is no task that ranks items. "
                f"Those of this run: {', '.join(names) or 'none'}."
            )
        return task or names[0]

    def _user_numbers(self, users: Sequence[Any] | None) -> np.ndarray:
        if users is None:
            return np.arange(len(self.dataset.log.user_ids))
        users = [users] if isinstance(users, str) else users  # a sequence too, of letters
        number = user_numbers(self.dataset, users)
        if (number < 0).any():
            unknown = users[int(np.flatnonzero(number < 0)[0])]
            raise DataError(
                f"user {unknown!r} has no event in the log of {self.bundle.config.name}. "
                "Ask for one that has."
            )
        return np.unique(number)

    @torch.no_grad()
    def _states(self, plan: Plan, task: str) -> Tensor:
        part = self.bundle.model.part(task)
        state_QD = torch.zeros(len(plan), part.items.width)
        collate = Collator(self.dataset.log, plan, self.dataset.catalogue.time_I, None)
        batches = sorted_windows(plan.length_W, np.diff(plan.offset_W))
        with progress(len(batches), "timelines") as bar:
            for windows in batches:
                batch = collate(windows)
                state_QD[torch.from_numpy(windows)] = part.ask(batch, self.item_PID[part], task)
                bar.advance()
        return state_QD

    @torch.no_grad()
    def _ranked(self, task: str, plan: Plan, state_QD: Tensor, k: int, *, keep: bool) -> pl.DataFrame:
        log, part = self.dataset.log, self.bundle.model.part(task)
        head = part.next_heads[task]
        scores = CatalogueScores(part, log, task, self.item_PID[part])
        hidden_I = torch.where(head.get_buffer("allowed_I"), 0.0, -torch.inf)
        k = min(k, int(head.get_buffer("allowed_I").sum()))
        item_QK, score_QK = np.zeros((len(plan), k), np.int64), np.zeros((len(plan), k), np.float32)
        with progress(len(plan), "lists") as bar:
            for begin in range(0, len(plan), BLOCK):
                query_B = np.arange(begin, min(begin + BLOCK, len(plan)))
                score_BI = scores(state_QD[query_B], plan, query_B) + hidden_I
                if not keep:
                    offset, place = histories(plan, query_B, log.positive[task])
                    row = torch.from_numpy(np.repeat(np.arange(len(query_B)), np.diff(offset)))
                    score_BI[row, torch.from_numpy(log.item_N[place].astype(np.int64))] = -torch.inf
                best = torch.topk(score_BI, k)
                item_QK[query_B], score_QK[query_B] = best.indices.numpy(), best.values.numpy()
                bar.advance(len(query_B))
        lists = pl.DataFrame(
            {
                "user": log.user_ids.gather(np.repeat(plan.user_W, k)),
                "rank": np.tile(np.arange(1, k + 1), len(plan)),
                "item": self.bundle.catalogue.ids.gather(item_QK.reshape(-1) - 1),
                "score": score_QK.reshape(-1),
            }
        )
        return lists.filter(pl.col("score").is_finite())


def open_run(folder: Path, *, events: Any = None, items: Any = None, users: Any = None) -> TrainedModel:
    """Open a run folder.

    Args:
        folder: What `motet train` wrote.
        events: Ready tables instead of the files that its configuration names, see `tables_from_frames`.
        items: Likewise.
        users: Likewise.

    Raises:
        ArtifactError: The folder is not a whole run.
    """
    bundle = open_bundle(folder)
    if events is None:
        return TrainedModel(bundle)
    return TrainedModel(
        bundle, tables_from_frames(bundle.config.data, items=items, users=users, events=events)
    )
