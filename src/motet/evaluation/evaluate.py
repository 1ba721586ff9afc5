"""Evaluate: from a model, a twin or a baseline to the records of predictions that everything is measured on.

Shapes: Q queries, R rows, I items, K places of a list.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from motet.config import Config
from motet.config.tasks import Binary, Retrieval, is_row_task
from motet.data.dataset import Dataset
from motet.data.requests import histories
from motet.data.text_feed import TextSet
from motet.data.timelines import VALID
from motet.evaluation.baselines import RankingBaseline
from motet.evaluation.beside import Pairs, fit_beside, meet, rankings, sought, told_beside
from motet.evaluation.following import Following
from motet.evaluation.lists import Catalogue as CatalogueFacts
from motet.evaluation.lists import Lists
from motet.evaluation.protocol import View
from motet.evaluation.records import Predictions, RankingPredictions, RowPredictions
from motet.evaluation.retrieval import fit_retrieval, retrieval_head, retrieval_record
from motet.evaluation.scoring import Answers, Questions, Ranked, Scored, Scorer, questions, rank
from motet.evaluation.tagging import tag_record
from motet.evaluation.texts import text_record
from motet.metrics.names import Metrics, main_metric
from motet.model import Motet
from motet.system.randomness import generator
from motet.tasks.binary import BinaryHead

SHORT = 5  # a history of at most so many events is a short one


@dataclass(frozen=True)
class Examiner:
    """Puts the same questions to every model.

    Args:
        config: Tasks and settings of the evaluation.
        dataset: Catalogue and log.
        views: Rows and histories, see `motet.evaluation.protocol`.
        texts: Text task -> its rows.
    """

    config: Config
    dataset: Dataset
    views: list[View]
    texts: Mapping[str, TextSet] = field(default_factory=dict)

    def examine(self, model: Motet, part: int, *, lists: bool = True) -> dict[str, Predictions]:
        """Records of every task that the model has a head for."""
        scorer = Scorer(model, self.dataset, self.config.model.timeline.length)
        found = self.records(self.following(scorer), part, lists=lists) if self.config.of_events.tasks else {}
        has = [] if model.texts is None else model.texts.tasks
        for task in (each.name for each in self.config.text_tasks if each.name in has):
            found[task] = said_of_texts(model, self.texts[task], part)
        return {task.name: found[task.name] for task in self.config.tasks if task.name in found}

    def following(self, scorer: Scorer) -> Answers:
        """A model whose probabilities follow the days, where that is wanted."""
        if self.config.model.calibrate != "follow":
            return scorer
        return Following.of(scorer, self.config, self.dataset.log)

    def records(self, answers: Answers, part: int, *, lists: bool = True) -> dict[str, Predictions]:
        """Records of every task that somebody answers."""
        out: dict[str, Predictions] = {}
        for view in self.views:
            for task in view.tasks:
                if answers.ranks(task):
                    k = max(self.config.evaluation.k) if lists else 0
                    ranked = answers.next_item(view, task, part, k)
                    out[task] = self.ranking_record(ranked, view, task, part, lists=lists)
            out |= {task: self.row_record(task, scored) for task, scored in answers.rows(view, part).items()}
        return {task.name: out[task.name] for task in self.config.tasks if task.name in out}

    def examine_baseline(self, baseline: RankingBaseline, task: str, part: int) -> Predictions:
        """The record of a baseline that ranks, on the same queries with the same visible histories."""
        view = self.view_of(task)
        asked = self.asked(view, task, part)
        positive_N, item_N = self.dataset.log.positive[task], self.dataset.log.item_N

        def score(query: np.ndarray) -> np.ndarray:
            offset, place = histories(asked.plan, asked.query_Q[query], positive_N)
            return baseline.score(offset, item_N[place])

        ranked = rank(asked, self.dataset, task, score, max(self.config.evaluation.k), self.allowed(task))
        return self.ranking_record(ranked, view, task, part)

    def asked(self, view: View, task: str, part: int) -> Questions:
        """What a part of a view asks of a `next_item` task: for the items of its kind alone."""
        length = self.config.model.timeline.length
        return questions(self.dataset, view, task, part, length, self.allowed(task))

    def validate(self, model: Motet) -> Metrics:
        """Values of all metrics on the validation rows, without intervals."""
        random = np.random.default_rng(0)
        watched = self.config.training.monitor.partition("@")[2]
        k_list = sorted({10, int(watched)} if watched else {10})
        records = self.examine(model, VALID, lists=False)
        return {
            task: {
                name: np.nan if m["value"] is None else m["value"]
                for name, m in record.metrics(k_list, 0, 0.95, random).items()
            }
            for task, record in records.items()
        }

    def fit_afterwards(self, model: Motet) -> list[str]:
        """Fit on validation rows what training cannot know; a line for each task fitted."""
        return [
            *self.fit_newcomers(model),
            *self.calibrate(model),
            *self.fit_answers(model),
            *self.fit_beside(model),
        ]

    def fit_beside(self, model: Motet) -> list[str]:
        """Fit on validation rows how much users count beside the words of a query; a line for each pair."""
        return [
            f"{name}: {fit_beside(pairs, retrieval_head(model, name), at)}"
            for name, at, pairs in self._beside(model, VALID)
        ]

    def told_beside(self, model: Motet, part: int) -> list[str]:
        """What words and users find together on the rows of a part; a line for each pair of tasks."""
        said = []
        for name, at, pairs in self._beside(model, part):
            weight = float(retrieval_head(model, name).get_buffer("beside_X")[at])
            said += told_beside(name, pairs, weight)
        return said

    def _beside(self, model: Motet, part: int) -> Iterator[tuple[str, int, Pairs]]:
        """Tasks that look for items, each with each that ranks some of them: its name, which ranking."""
        asked = [] if model.texts is None else model.texts.tasks
        wanted = [task for task in sought(self.config.tasks) if task.name in asked]
        if not wanted:
            return
        length, seed = self.config.model.timeline.length, self.config.training.seed
        for at, (ranking, kind) in enumerate(rankings(self.config.tasks).items()):
            if model.ranks(ranking):
                scorer, view = Scorer(model, self.dataset, length), self.view_of(ranking)
                for name in (task.name for task in wanted if meet(task, kind)):
                    yield name, at, Pairs.of(scorer, view, ranking, self.texts[name], part, seed)

    def fit_answers(self, model: Motet) -> list[str]:
        """Fit on validation rows how sure answers are; a line for each task fitted."""
        asked = {task.name: task for task in self.config.tasks if isinstance(task, Retrieval)}
        seed = self.config.training.seed
        has = [] if model.texts is None else [name for name in model.texts.tasks if name in asked]
        return [
            f"{name}: {fit_retrieval(model, self.texts[name], asked[name].hand_over, seed)}" for name in has
        ]

    def fit_newcomers(self, model: Motet) -> list[str]:
        """Fit on validation rows what items score that training never met; a line for each task fitted."""
        if not self.config.model.scoring.fit_unmet:
            return []
        scorer = Scorer(model, self.dataset, self.config.model.timeline.length)
        said = []
        for view in self.views:
            for task in (each for each in view.tasks if model.ranks(each)):
                if scorer.fit_newcomers(view, task, VALID):
                    said.append(f"{task}: {model.part(task).next_heads[task].newcomers.said()}")
        return said

    def calibrate(self, model: Motet) -> list[str]:
        """Fit level and slope of probabilities on validation rows; a line for each task fitted.

        Of a task that follows another its probability given that is fitted, where that has happened; so it
        stays the less probable one.
        """
        heads = {name: head for part in model.parts for name, head in part.row_heads.items()
                 if isinstance(head, BinaryHead)}  # fmt: skip
        if self.config.model.calibrate == "none" or not heads:
            return []
        for head in heads.values():
            head.leave_as_it_is()
        scorer = Scorer(model, self.dataset, self.config.model.timeline.length)
        said = []
        for view in self.views:
            scored = scorer.rows(view, VALID) if set(view.tasks) & set(heads) else {}
            for task in (name for name in scored if name in heads):
                line = heads[task].calibrate(*_to_fit(scored, task, self._after.get(task)))
                said += [f"{task}: {line}"] if line else []
        return said

    @property
    def _after(self) -> dict[str, str]:
        """Later task -> the one that it follows."""
        return {
            task.name: task.after for task in self.config.tasks if isinstance(task, Binary) and task.after
        }

    def gates(self, model: Motet, part: int) -> dict[str, Any]:
        """Which experts each task uses on its rows: task -> expert -> mean share and its spread."""
        scorer = Scorer(model, self.dataset, self.config.model.timeline.length)
        found: dict[str, Any] = {}
        for view in self.views:
            for task, shares in scorer.gates(view, part).items():
                found[task] = {name: {"mean": mean, "sd": sd} for name, (mean, sd) in shares.items()}
        return found

    def view_of(self, task: str) -> View:
        """The view that a task belongs to."""
        return next(view for view in self.views if task in view.tasks)

    def allowed(self, task: str) -> np.ndarray:
        """Items that a task ranks, boolean ``(I,)``."""
        catalogue = self.dataset.catalogue
        wanted = next((getattr(each, "items", None) for each in self.config.tasks if each.name == task), None)
        return catalogue.kind_I >= 0 if wanted is None else catalogue.kind_I == catalogue.kinds.index(wanted)

    def ranking_record(
        self, ranked: Ranked, view: View, task: str, part: int, *, lists: bool = True
    ) -> Predictions:
        """A record of ranks with its slices, and with the lists themselves when they are to be measured."""
        trained_T = self.dataset.catalogue.trained_I[ranked.target_T]
        cold_Q = np.bincount(ranked.query_T, ~trained_T, len(ranked.user_Q)) > 0
        slices = {"short history": ranked.known_Q <= SHORT, "long history": ranked.known_Q > SHORT,
                  "cold items": cold_Q, "known items": ~cold_Q}  # fmt: skip
        slices |= self._kind_slices(ranked.target_T, ranked.query_T, len(ranked.user_Q))
        shown = self._lists(ranked, view, task, part) if lists else None
        return RankingPredictions(ranked.user_Q, ranked.rank_T, ranked.query_T, shown, _proper(slices))

    def row_record(self, task: str, scored: Scored) -> Predictions:
        """A record of predictions with its slices."""
        log, catalogue = self.dataset.log, self.dataset.catalogue
        asked = next(each for each in self.config.tasks if each.name == task)
        assert is_row_task(asked)
        seen_R = self._seen(task, scored)
        item_R = log.item_N[scored.row_R]
        known_R = catalogue.trained_I[item_R]
        slices = {"short history": seen_R <= SHORT, "long history": seen_R > SHORT,
                  "cold items": ~known_R, "known items": known_R}  # fmt: skip
        slices |= self._kind_slices(item_R, np.arange(len(item_R)), len(item_R))
        said_R = scored.prediction_R
        if asked.kind == "multiclass" and said_R.ndim == 2:
            said_R = said_R.argmax(1)
        return RowPredictions(
            asked.kind, scored.user_R, scored.label_R, said_R.astype(np.float64), _proper(slices)
        )

    def _seen(self, task: str, scored: Scored) -> np.ndarray:
        """How many events were visible to each row, ``(R,)``; all rows are of one part."""
        log, view = self.dataset.log, self.view_of(task)
        visible_N = view.visible(int(view.part_N[scored.row_R].max(initial=0)))
        before_N = np.concatenate([[0], np.cumsum(visible_N)])
        seen_R: np.ndarray = before_N[log.moment_N[scored.row_R]] - before_N[log.offset_U[scored.user_R]]
        return seen_R

    def _kind_slices(self, item_T: np.ndarray, query_T: np.ndarray, size: int) -> dict[str, np.ndarray]:
        catalogue = self.dataset.catalogue
        if len(catalogue.kinds) < 2:
            return {}
        kind_T = catalogue.kind_I[item_T]
        return {
            f"kind {name}": np.bincount(query_T, kind_T == place, size) > 0
            for place, name in enumerate(catalogue.kinds)
        }

    def _lists(self, ranked: Ranked, view: View, task: str, part: int) -> Lists:
        asked = self.asked(view, task, part)
        offset, place = histories(asked.plan, asked.query_Q, self.dataset.log.positive[task])
        return Lists(ranked.top_QK, offset, self.dataset.log.item_N[place], self.catalogue_facts(task))

    def catalogue_facts(self, task: str) -> CatalogueFacts:
        """Popularity of the items in training, and their categories for diversity."""
        user_N, item_N = self.interactions(task)
        size = len(self.dataset.catalogue)
        pairs = np.unique(np.stack([user_N, item_N]), axis=1)
        code_IJ = self.dataset.catalogue.code_IJ
        has = code_IJ > 0
        offset = np.concatenate([[0], np.cumsum(has.sum(1))])
        categories = (offset, code_IJ[has]) if has.any() else None
        return CatalogueFacts(
            np.bincount(item_N, minlength=size),
            np.bincount(pairs[1], minlength=size),
            max(len(np.unique(user_N)), 1),
            categories=categories,
        )

    def interactions(self, task: str) -> tuple[np.ndarray, np.ndarray]:
        """Users and items of the training rows that a `next_item` task learns from."""
        log = self.dataset.log
        rows = np.flatnonzero(log.train_N & log.positive[task])
        return log.user_N[rows], log.item_N[rows].astype(np.int64)


def said_of_texts(model: Motet, texts: TextSet, part: int) -> Predictions:
    """The record of a task that reads texts."""
    if texts.answers is not None:
        return retrieval_record(model, texts, part)
    if texts.units is not None:
        return tag_record(model, texts, part)
    return text_record(model, texts, part)


def main_value(record: Predictions) -> float:
    """Value of the main metric of a record."""
    name = main_metric(record.kind)
    value = record.metrics([10], 0, 0.95, np.random.default_rng(0))[name]["value"]
    return float("nan") if value is None else value


def measured(
    records: Mapping[str, Predictions], config: Config, part: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """Task -> part -> metric -> value, interval and count, as it stands in metrics.json."""
    settings = config.evaluation
    random = generator(config.training.seed, "intervals")
    return {
        task: {part: dict(record.metrics(settings.k, settings.bootstrap, settings.confidence, random))}
        for task, record in records.items()
    }


def row_task_names(config: Config) -> Iterable[str]:
    """Names of the tasks that score rows."""
    return [task.name for task in config.tasks if is_row_task(task)]


def _proper(slices: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Slices that hold some rows but not all of them."""
    return {name: mask for name, mask in slices.items() if 0 < mask.sum() < len(mask)}


def _to_fit(scored: Mapping[str, Scored], task: str, earlier: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and what a head says as it is: given the earlier task where it follows one that happened."""
    mine = scored[task]
    if earlier is None:
        return mine.label_R, mine.prediction_R
    if earlier not in scored:  # it is measured elsewhere
        return np.zeros(0), np.zeros(0)
    theirs = scored[earlier]
    _, here, there = np.intersect1d(mine.row_R, theirs.row_R, return_indices=True)
    happened = theirs.label_R[there] == 1
    here, there = here[happened], there[happened]
    return mine.label_R[here], mine.prediction_R[here] / np.maximum(theirs.prediction_R[there], 1e-9)
