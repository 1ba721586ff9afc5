"""Each guard against leaks is switched off in turn, and the check that watches it must fail.

A mutation replaces exactly one function or constant of the source.
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from motet.data.counting import count_rows
from motet.data.readers_events import _declared as declared_columns
from motet.data.requests import histories
from motet.data.splits import _leave_one_out as leave_one_out
from motet.data.vocabulary import fit_encoding
from tests.leaks import refusal_checks, scores_checks, serving_checks, training_checks
from tests.worlds import HOUR


@dataclass(frozen=True)
class Mutation:
    """A guard switched off: where it stands, what stands there instead, and the check that must notice."""

    guard: str
    instead: Any
    check: Callable[..., None]
    settings: dict[str, Any] = field(default_factory=dict)


def all_rows(log: Any) -> np.ndarray:
    return np.ones(len(log), bool)


def every_row_a_moment(frame: Any) -> np.ndarray:
    return np.arange(frame.height, dtype=np.int32)


def everything_is_context(raw: Any, source: Any, splits: Any) -> tuple[dict, dict]:
    context, outcomes = declared_columns(raw, source, splits)
    return context | outcomes, {}


def whole_histories(plan: Any, query_K: np.ndarray, keep_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return histories(replace(plan, known_Q=len(plan.visible_H) - plan.first_Q), query_K, keep_N)


def the_last_eligible_two(events: Any, eligible_N: np.ndarray) -> np.ndarray:
    return np.where(eligible_N, leave_one_out(events, eligible_N), 0).astype(np.int8)


def no_causal_mask(states: int, device: Any) -> torch.Tensor:
    return torch.zeros(states, states)


unseen = scores_checks.the_future_and_own_outcomes_are_unseen
together = scores_checks.rows_scored_together_keep_apart
frozen = scores_checks.a_frozen_history_ends_at_the_cut
after_the_cut = training_checks.nothing_is_learned_from_after_the_cut
newcomers = training_checks.newcomers_teach_nothing
held_out = training_checks.outcomes_of_held_out_rows_teach_nothing
windows = training_checks.training_windows_hold_training_events_alone

MUTATIONS = {
    "the causal mask of the transformer": Mutation(
        "motet.nn.timeline.out_of_sight", no_causal_mask, together
    ),
    "the causal mask of HSTU": Mutation(
        "motet.nn.timeline.out_of_sight",
        no_causal_mask,
        together,
        {"kind": "hstu"},
    ),
    "the mask of target attention": Mutation(
        "motet.nn.target.hidden_events",
        lambda visible_BP, events: torch.zeros(*visible_BP.shape, events, dtype=torch.bool),
        together,
    ),
    "labels before the row alone are folded in": Mutation(
        "motet.nn.fold_in.sums_before",
        lambda value_BLX: value_BLX.sum(1, keepdim=True).repeat_interleave(value_BLX.shape[1] + 1, 1),
        together,
    ),
    "a label that looks ahead is not folded in": Mutation(
        "motet.data.dataset.looks_ahead",
        lambda task: False,
        scores_checks.labels_that_look_ahead_are_unseen,
    ),
    "a row does not see itself": Mutation(
        "motet.data.requests.visible_before", lambda log, row_Q: row_Q + 1, unseen
    ),
    "a row does not see others of its moment": Mutation(
        "motet.data.requests.visible_before", lambda log, row_Q: row_Q, unseen
    ),
    "equal times are one moment": Mutation("motet.data.order.moment_numbers", every_row_a_moment, unseen),
    "a request is one moment": Mutation(
        "motet.data.order._inside_request", lambda frame: np.zeros(frame.height, bool), unseen
    ),
    "outcomes are not asked with": Mutation(
        "motet.data.dataset.known_when_asked", lambda roles: (*roles.context, *roles.outcome), unseen
    ),
    "undeclared columns are outcomes": Mutation(
        "motet.data.readers_events._declared", everything_is_context, unseen
    ),
    "counters see what lies strictly before": Mutation("motet.data.fading.VISIBLE", "right", unseen),
    "counters stand where the request began": Mutation(
        "motet.data.counting.counted_before", lambda log: log.time_N, unseen
    ),
    "a window counts when it is over": Mutation(
        "motet.gather.known_after", lambda tasks: dict.fromkeys(["click", "stars", "soon"], 0), unseen
    ),
    "a curve holds for the hour after its outcomes": Mutation(
        "motet.evaluation.following.hour_of",
        lambda time_R: time_R + 6 * HOUR,
        scores_checks.a_curve_reads_what_was_known,
    ),
    "a frozen history ends at the cut": Mutation(
        "motet.evaluation.protocol.View.visible", lambda self, part: self.part_N <= part, frozen
    ),
    "frozen counters end at the cut": Mutation(
        "motet.gather.count_rows",
        lambda *given, frozen, **more: count_rows(*given, frozen=False, **more),
        frozen,
    ),
    "next_item stands before the impression": Mutation(
        "motet.data.dataset.asked_before",
        lambda user_N, item_N, moment_N, positive_N: moment_N,
        scores_checks.what_is_shown_before_a_click_does_not_give_it_away,
    ),
    "only what a user has already is left out": Mutation(
        "motet.evaluation.scoring.histories",
        whole_histories,
        scores_checks.what_a_user_has_later_is_not_left_out,
    ),
    "ids are shuffled by a seed, not numbered by the file": Mutation(
        "motet.data.catalogue.shuffled_ids",
        lambda ids, seed: ids.drop_nulls().unique(maintain_order=True),
        scores_checks.the_order_of_the_files_does_not_matter,
    ),
    "ids are shuffled by a seed, not by their size": Mutation(
        "motet.data.catalogue.shuffled_ids",
        lambda ids, seed: ids.drop_nulls().unique().sort(),
        scores_checks.numbers_do_not_follow_ids,
    ),
    "ties are settled by a hash, not by the file": Mutation(
        "motet.data.order._settle_ties",
        lambda frame, place_N, equal_N, seed: place_N,
        scores_checks.the_order_of_the_files_does_not_matter,
    ),
    "ties are settled for every user anew": Mutation(
        "motet.data.order._WHOSE_COLUMNS", (), scores_checks.ties_follow_no_order_that_users_share
    ),
    "training windows hold training events": Mutation(
        "motet.data.loader.visible_in_training", all_rows, windows, {"split": "time"}
    ),
    "training rows are those that train": Mutation(
        "motet.data.timelines.Timelines.train_N", property(all_rows), windows, {"split": "random"}
    ),
    "training rows count training rows": Mutation(
        "motet.gather.counted_in_training", lambda train_N: np.zeros(len(train_N), np.int8), held_out
    ),
    "a label does not look past its cut": Mutation(
        "motet.data.dataset.cut_times",
        lambda events, parts: np.full(events.height, 2**60),
        after_the_cut,
    ),
    "facts are learned from training rows": Mutation(
        "motet.data.dataset.learned_from", lambda events, train_N: events, after_the_cut
    ),
    "means and values are learned from training rows": Mutation(
        "motet.data.dataset.fit_encoding",
        lambda frame, features, train=None: fit_encoding(frame, features),
        after_the_cut,
    ),
    "users are learned from training rows": Mutation(
        "motet.data.dataset.fit_encoding",
        lambda frame, features, train=None: fit_encoding(
            frame, features, train if "@time" in frame.columns else None
        ),
        newcomers,
    ),
    "items are learned from training rows": Mutation(
        "motet.data.catalogue.fit_encoding",
        lambda frame, features, train=None: fit_encoding(frame, features),
        newcomers,
    ),
    "neighbours are counted from training rows": Mutation(
        "motet.features.content.counted_together", all_rows, after_the_cut
    ),
    "label means are learned from training rows": Mutation(
        "motet.training.fit.training_labels", lambda log, task: log.label[task], after_the_cut
    ),
    "counters are scaled by training rows": Mutation(
        "motet.gather.counted_training_rows",
        lambda log: log.labelled_N,
        newcomers,
    ),
    "gaps are filled from training rows": Mutation(
        "motet.data.division.training_rows",
        lambda part_names: pl.lit(True),
        training_checks.fillings_come_from_training_rows,
    ),
    "a cut in time tears no moment": Mutation(
        "motet.data.splits.last_of_moment",
        lambda events, time_N: time_N,
        training_checks.a_cut_in_time_tears_no_moment,
    ),
    "after the validation row nothing trains": Mutation(
        "motet.data.splits._leave_one_out",
        the_last_eligible_two,
        training_checks.leave_one_out_trains_on_nothing_later,
    ),
    "a counter sees its own row": Mutation(
        "motet.data.counters.Counters._check_order",
        lambda self, time_N, asof_N: None,
        refusal_checks.a_counter_that_sees_its_own_row_is_refused,
    ),
    "a label is no context": Mutation(
        "motet.config.conflicts._reads",
        lambda names, sources, is_label: iter(()),
        refusal_checks.a_label_declared_as_context_is_refused,
    ),
    "context that is too good is found": Mutation(
        "motet.data.suspects.TOO_GOOD_AUC", 2.0, refusal_checks.an_outcome_used_as_input_is_found
    ),
    "context that repeats an outcome is found": Mutation(
        "motet.data.suspects.TOO_EQUAL", 2.0, refusal_checks.an_outcome_declared_twice_is_found
    ),
    "a target inside a user feature is found": Mutation(
        "motet.data.suspects.FEWEST_HITS", 10**9, refusal_checks.the_target_inside_a_user_feature_is_found
    ),
    "counts of the whole log are found": Mutation(
        "motet.data.suspects.TOO_LIKE_COUNTS", 2.0, refusal_checks.an_item_count_of_the_whole_log_is_found
    ),
    "a question sees what lies before it": Mutation(
        "motet.data.requests.visible_before",
        lambda log, row_Q: row_Q + 10,
        serving_checks.a_question_sees_nothing_from_its_moment_on,
    ),
}  # fmt: skip


def place_of(guard: str) -> tuple[Any, str]:
    """The module or class that holds a guard, and its name there."""
    home, name = guard.rsplit(".", 1)
    if home.rsplit(".", 1)[1][0].isupper():
        home, owner = home.rsplit(".", 1)
        return getattr(importlib.import_module(home), owner), name
    return importlib.import_module(home), name


@pytest.mark.parametrize("name", MUTATIONS)
def test_without_the_guard_the_check_fails(name, monkeypatch):
    mutation = MUTATIONS[name]
    monkeypatch.setattr(*place_of(mutation.guard), mutation.instead)
    with pytest.raises(AssertionError):
        mutation.check(**mutation.settings)


def test_every_check_watches_a_guard():
    watched = {mutation.check.__name__ for mutation in MUTATIONS.values()}
    checks = {
        name
        for room in (refusal_checks, scores_checks, serving_checks, training_checks)
        for name, value in inspect.getmembers(room, inspect.isfunction)
        if value.__module__ == room.__name__
        and value.__annotations__["return"] is None
        and "assert" not in name
    }
    assert checks - watched == {
        "a_question_gets_the_score_of_its_row",
        "an_honest_world_raises_no_doubt",
        "other_ids_give_the_same_predictions",
    }


def test_the_page_on_leakage_names_every_check():
    page = (Path(__file__).parents[2] / "docs" / "leakage.md").read_text("utf-8")
    assert {m.check.__name__ for m in MUTATIONS.values() if f"`{m.check.__name__}`" not in page} == set()
