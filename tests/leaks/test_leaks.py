"""No score reads its label or the future; nothing is learned from rows that do not train."""

import numpy as np
import pytest

from tests.leaks import refusal_checks, scores_checks, serving_checks, training_checks
from tests.leaks.changes import telling_rows
from tests.leaks.stage import build, leak_config, scores, scores_among_others
from tests.worlds import tiny_world

KINDS, HISTORIES = ("transformer", "hstu"), ("rolling", "frozen")


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_future_and_the_own_outcomes_of_a_row_move_no_bit_of_its_scores(kind, history):
    scores_checks.the_future_and_own_outcomes_are_unseen(kind, history)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_not_even_in_many_worlds(kind):
    scores_checks.the_future_and_own_outcomes_are_unseen(kind, seeds=40)
    scores_checks.rows_scored_together_keep_apart(kind, seeds=40)
    scores_checks.a_frozen_history_ends_at_the_cut(kind, seeds=40)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_scored_together_keep_apart(kind):
    scores_checks.rows_scored_together_keep_apart(kind)


def test_what_follows_the_days_reads_what_was_known():
    scores_checks.a_curve_reads_what_was_known()


def test_a_row_scored_alone_has_the_score_it_has_among_others():
    world = tiny_world()
    stage = build(world, leak_config())
    for row in telling_rows(world):
        alone = scores(stage, world, row)
        for name, found in scores_among_others(stage, world, row).items():
            assert np.allclose(found, alone[name], atol=1e-5), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_history_ends_at_the_cut(kind):
    scores_checks.a_frozen_history_ends_at_the_cut(kind)


def test_labels_that_look_ahead_are_unseen_until_their_time():
    scores_checks.labels_that_look_ahead_are_unseen()


def test_what_is_shown_before_a_click_does_not_give_it_away():
    scores_checks.what_is_shown_before_a_click_does_not_give_it_away()


def test_what_a_user_has_later_is_not_left_out_of_the_ranking():
    scores_checks.what_a_user_has_later_is_not_left_out()


def test_the_order_of_the_files_does_not_matter():
    scores_checks.the_order_of_the_files_does_not_matter()


def test_ties_follow_no_order_that_users_share():
    scores_checks.ties_follow_no_order_that_users_share()


def test_the_numbers_of_items_do_not_follow_their_ids():
    scores_checks.numbers_do_not_follow_ids()


def test_other_ids_give_the_same_predictions():
    scores_checks.other_ids_give_the_same_predictions()


def test_a_counter_that_would_see_its_own_row_is_refused():
    refusal_checks.a_counter_that_sees_its_own_row_is_refused()


def test_a_label_declared_as_context_is_refused():
    refusal_checks.a_label_declared_as_context_is_refused()


def test_an_outcome_used_as_input_is_found():
    refusal_checks.an_outcome_used_as_input_is_found()


def test_an_outcome_declared_twice_is_found():
    refusal_checks.an_outcome_declared_twice_is_found()


def test_the_target_inside_a_user_feature_is_found():
    refusal_checks.the_target_inside_a_user_feature_is_found()


def test_an_item_count_of_the_whole_log_is_found():
    refusal_checks.an_item_count_of_the_whole_log_is_found()


def test_an_honest_world_raises_no_doubt():
    refusal_checks.an_honest_world_raises_no_doubt()


def test_a_question_sees_nothing_from_its_moment_on():
    serving_checks.a_question_sees_nothing_from_its_moment_on()


def test_a_question_gets_the_score_of_its_row():
    serving_checks.a_question_gets_the_score_of_its_row()


def test_nothing_is_learned_from_after_the_cut():
    training_checks.nothing_is_learned_from_after_the_cut()


def test_newcomers_after_the_cut_teach_nothing():
    training_checks.newcomers_teach_nothing()


@pytest.mark.parametrize("split", training_checks.SPLITS)
def test_the_outcomes_of_held_out_rows_teach_nothing(split):
    training_checks.outcomes_of_held_out_rows_teach_nothing(split)


@pytest.mark.parametrize("split", training_checks.SPLITS)
def test_training_windows_hold_training_events_alone(split):
    training_checks.training_windows_hold_training_events_alone(split)


def test_what_fills_a_gap_comes_from_training_rows():
    training_checks.fillings_come_from_training_rows()


def test_a_cut_in_time_tears_no_moment():
    training_checks.a_cut_in_time_tears_no_moment()


def test_leave_one_out_trains_on_nothing_later():
    training_checks.leave_one_out_trains_on_nothing_later()
