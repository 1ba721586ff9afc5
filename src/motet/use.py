"""A trained model in use: recommend and predict, from Python and for the command line.

Users come with their events: a run holds no user, so the log of the configuration (or another) is read when
it is asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from motet.bundle import open_bundle
from motet.classify import TextReader
from motet.config.tasks import RowTask
from motet.data.collate import Collator
from motet.data.counting import CountedRows, count_asked, counted_before
from motet.data.dataset import Dataset, reopen
from motet.data.division import clean_again
from motet.data.documents import Documents, documents_of
from motet.data.loader import sorted_windows
from motet.data.nothing import nothing
from motet.data.provenance import refuse_gone, were_tables
from motet.data.questions import read_questions
from motet.data.readers import read_tables, tables_from_frames
from motet.data.readers_raw import from_object
from motet.data.requests import Plan, plan_ends, plan_requests
from motet.data.table import Tables
from motet.data.taken import Taken
from motet.errors import DataError
from motet.evaluation.catalogue_scores import CatalogueScores
from motet.evaluation.evaluate import Examiner, measured
from motet.evaluation.following import Following, follow
from motet.evaluation.protocol import views
from motet.evaluation.scoring import Scorer
from motet.features.texts import gather_texts
from motet.gather import count, counter_source, known_users, split_columns
from motet.model import Motet
from motet.present import (
    Score,
    best_items,
    links_of,
    list_of,
    one_list,
    part_of,
    ranking_task,
    readable,
    row_task,
    together,
)
from motet.seek import Seeker, alone, likeness, tasks_of, weight_beside
from motet.system.files import read_json
from motet.system.log import progress


@dataclass(frozen=True)
class TrainedModel(TextReader):
    """A run that answers questions; open one with `motet.open`."""

    given: Tables | Callable[[], Tables] | None = None  # what stands for the files, or reads them once

    @cached_property
    def tables(self) -> Tables:
        """The cleaned tables that the questions are about."""
        return clean_again(self.read(), self.bundle.config.of_events)

    def read(self) -> Tables:
        """The tables as they were given, or as they lie in the files of the configuration."""
        config = self.bundle.config.of_events
        if callable(self.given):
            return self.given()
        if self.given is None and were_tables(
            read_json(self.bundle.folder / "manifest.json").get("data", {})
        ):
            raise DataError(
                f"{self.bundle.folder} was trained from tables in Python, not from files. Give them again: "
                "motet.open(RUN, events=..., items=...)."
            )
        if self.given is None:
            refuse_gone(config, self.bundle.folder)
        return self.given or read_tables(config.data, self.bundle.folder, extra=split_columns(config))

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
        name = ranking_task(self.bundle.config, task)
        keep = not self.bundle.encodings.seen_once if keep_seen is None else keep_seen
        asked = self.asked_now(self.user_numbers(users), name)
        return best_items(self.dataset.log, self.bundle.catalogue, name, asked, k, keep=keep)

    def asked_now(self, number_Q: np.ndarray, task: str) -> tuple[Plan, Score, Tensor]:
        """What a `next_item` task is asked for users after all of their events.

        Args:
            number_Q: User numbers, ascending.
            task: Name of the task.

        Returns:
            The plan, what scores the whole catalogue for some of its queries, and the items that the task
            ranks, boolean ``(I,)``.
        """
        part = self.bundle.model.part(task)
        plan = plan_ends(self.dataset.log, number_Q, self.bundle.config.model.timeline.length)
        state_QD = self._states(plan, task)
        scores = CatalogueScores(part, self.dataset.log, task, self.item_PID[part])

        def score(query_B: np.ndarray) -> Tensor:
            return scores(state_QD[query_B], plan, query_B)

        return plan, score, part.next_heads[task].get_buffer("allowed_I")

    def similar(self, item: Any, task: str | None = None, k: int = 10) -> pl.DataFrame:
        """Items whose vectors lie nearest to an item's: columns ``rank, item, score``."""
        return one_list(self.likeness(item, task), self.bundle.catalogue, k)

    def likeness(self, item: Any, task: str | None = None) -> Tensor:
        """Cosines of all items' vectors with an item's ``(I,)``; minus infinity for those that take no part.

        Raises:
            DataError: The catalogue lacks the item.
        """
        name = ranking_task(self.bundle.config, task)
        return likeness(self.bundle, self.item_PID[self.bundle.model.part(name)], name, item)

    def find(
        self,
        text: str,
        task: str | None = None,
        k: int = 10,
        users: Sequence[Any] | None = None,
        keep_seen: bool | None = None,
    ) -> pl.DataFrame:
        """Items for a sentence, by a task that looks for items, else by the likeness of texts.

        Args:
            text: The sentence.
            task: A task that looks for items, or one that ranks them for users; None: the first of each.
            k: Items of a list.
            users: Whom it comes from, or "all": their next items have a say too. None: nobody in particular.
            keep_seen: As in `recommend`; where nobody is asked about, all items may come.

        Returns:
            Columns ``rank, item, score``, with users ``user, rank, item, score``. The score is the logarithm
            of a probability; without a task that looks for items a cosine, if no user is given.

        Raises:
            ConfigError: The run has no language model, its items have no text, or no two tasks fit.
            DataError: A user has no event in the log, or no item takes part.
        """
        search, ranking = tasks_of(self.bundle, task, users=users is not None)
        if search is None and users is None:
            return one_list(self.nearness(text, task), self.bundle.catalogue, k)
        name = None if users is None else ranking_task(self.bundle.config, ranking)
        if search is None:
            words = alone(self.bundle, self.nearness(text, name))
        else:
            words = self.seeker.words(text, search, ranking)
        if name is None:
            return list_of(*words, k)
        keep = not self.bundle.encodings.seen_once if keep_seen is None else keep_seen
        asked = self.asked_now(self.user_numbers(None if users == "all" else users), name)
        beside = (*words, weight_beside(self.bundle, search, name))
        return together(self.dataset.log, self.bundle.catalogue, name, asked, beside, k, keep=keep)

    def nearness(self, text: str, task: str | None = None) -> Tensor:
        """Cosines of all items' texts with a sentence ``(I,)``; minus infinity for those that take no part.

        Raises:
            ConfigError: As `find`.
        """
        return self.seeker.nearness(text, ranking_task(self.bundle.config, task))

    @cached_property
    def seeker(self) -> Seeker:
        """What finds items for a sentence."""
        return Seeker(self.bundle, self.shelves)

    def items_now(self, kind: str | None) -> Documents | None:
        """The items of a kind as they stand in the files, or in the tables that were given."""
        if self.given is None:
            return super().items_now(kind)
        tables = self.read()
        return None if tables.items is None else documents_of(tables.items, tables.roles.item, kind)

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
        settings = row_task(self.bundle.config, task)
        table = table_of(rows)
        said_R, given_R = self.answers(table, settings)
        table = table.with_columns(readable(settings, said_R, self.bundle.encodings.classes.get(task, ())))
        earlier = getattr(settings, "after", None)
        return table if given_R is None else table.with_columns(pl.Series(f"given_{earlier}", given_R))

    def answers(self, table: pl.DataFrame, task: RowTask) -> tuple[np.ndarray, np.ndarray | None]:
        """What the model says about rows, on the scale on which it learned.

        Args:
            table: The rows, as for `predict`.
            task: A task that scores rows.

        Returns:
            Probabilities or numbers ``(R,)``, or class probabilities ``(R, classes)``; and probabilities
            given that what the task follows has happened ``(R,)``, None where it follows nothing.
        """
        dataset, place_Q = self._dataset(self._questions(table))
        log, name = dataset.log, task.name
        row_N = np.zeros(len(log), bool)
        row_N[place_Q] = True
        plan = plan_requests(log, ~row_N, row_N, self.bundle.config.model.timeline.length)
        collate = Collator(log, plan, dataset.catalogue.time_I, self._counters(dataset, ~row_N, place_Q))
        index_N = np.full(len(log), -1)
        index_N[place_Q] = np.arange(len(place_Q))
        classes = self.bundle.encodings.classes.get(name)
        found_R = np.zeros((len(place_Q), len(classes)) if classes else len(place_Q))
        part, links = self.bundle.model.part(name), links_of(self.bundle.config.tasks, task)
        given_LR = {link: np.zeros(len(place_Q)) for link in links}
        for windows in sorted_windows(plan.length_W, np.diff(plan.offset_W)):
            batch = collate(windows)
            said = part.predict(batch, self.item_PID[part])
            row = index_N[batch.row_BP[batch.row_BP >= 0].numpy()]
            found_R[row] = said[name].double().numpy()
            for link, key in links.items():
                given_LR[link][row] = said[key].double().numpy()
        followed = self._followed(task, given_LR, counted_before(log)[place_Q]) if links else None
        if followed is not None:
            given_LR, found_R = followed, np.prod(list(followed.values()), 0)
        return found_R, given_LR[name] if len(links) > 1 else None

    def _followed(
        self, task: RowTask, given_LR: dict[str, np.ndarray], time_R: np.ndarray
    ) -> dict[str, np.ndarray] | None:
        """Probabilities of a chain's links as those of an evaluation follow the days; None where none do."""
        following = self._following
        if following is None:
            return None
        hour_R = following.hours(time_R)
        view = next(
            each for each in views(self.bundle.config.of_events, following.log) if task.name in each.tasks
        )
        assert self.bundle.span is not None
        view = replace(view, part_N=self.bundle.span.parts(view.part_N, following.log))
        if not following.enough(view, hour_R):
            return None  # nothing is counted for it
        counted = replace(self.examiner.view_of(task.name), part_N=view.part_N)
        outcomes = following.asked_again(counted, hour_R)
        return {
            link: follow(said_R, hour_R, outcomes[link]) if link in outcomes else said_R
            for link, said_R in given_LR.items()
        }

    @cached_property
    def _following(self) -> Following | None:
        """Who knows the outcomes of the last days; None where they are not wanted, or cannot be known."""
        config = self.bundle.config.of_events
        if config.model.calibrate != "follow" or self.bundle.span is None:
            return None
        try:
            dataset = self.dataset
        except DataError:  # a log that cannot be split can be asked about all the same
            return None
        scorer = Scorer(self.bundle.model, dataset, config.model.timeline.length)
        return Following.of(scorer, config, dataset.log)

    def evaluate(self, split: str = "test") -> dict[str, Any]:
        """Metrics of every task: task -> split -> metric -> value, interval and count, as in metrics.json."""
        part = part_of(split)
        records = self.examiner.examine(self.bundle.model, part)
        return measured(records, self.bundle.config, split)

    @cached_property
    def examiner(self) -> Examiner:
        """Puts the questions of the log's parts to a model that reads what this one reads."""
        config, facts = self.bundle.config, self.bundle.facts
        known = {task.name: facts[task.name].classes for task in config.text_tasks}
        log_of = Taken.of(self.dataset) if config.of_events.tasks else None
        texts = gather_texts(config, self.bundle.folder, known, self.bundle.language, log_of)
        if not config.of_events.tasks:
            return Examiner(config, nothing(), [], texts)
        dataset = self.dataset
        _, _, _, asked = count(config.of_events, self.tables, dataset, self.bundle.scaler)
        return Examiner(config, dataset, asked, texts)

    def _counters(self, dataset: Dataset, past_N: np.ndarray, place_Q: np.ndarray) -> CountedRows | None:
        if self.bundle.scaler is None:
            return None
        log = dataset.log
        source = counter_source(self.bundle.config.of_events, self.tables, dataset)
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
        return reopen(self.tables, bundle.config.of_events, bundle.catalogue, bundle.encodings, rows)

    def user_numbers(self, users: Sequence[Any] | None) -> np.ndarray:
        """Numbers of users, ascending; None means all.

        Raises:
            DataError: A user has no event in the log.
        """
        return known_users(self.dataset, users, self.bundle.config.name)

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


def table_of(rows: Any) -> pl.DataFrame:
    """Rows in any form as a table."""
    return from_object(rows, "the rows", "data.events").frame.collect()


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
