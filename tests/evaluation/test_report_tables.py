"""The tables of the report: best and noise, parts, cost, account, curves, and every gap in them."""

import json

import polars as pl
import pytest

from motet.data.behaviour import behaviour as describe
from motet.data.order import materialise_order
from motet.evaluation.report.account import account
from motet.evaluation.report.behaviour import behaviour
from motet.evaluation.report.blocks import Figures, Fold, Points, Table, Text, figures_in
from motet.evaluation.report.cost import cost
from motet.evaluation.report.evidence import SHOWN, Score, gather
from motet.evaluation.report.numbers import number, percent
from motet.evaluation.report.origins import glossary, reproduce
from motet.evaluation.report.parts import slices
from motet.evaluation.report.plots import calibration, popularity, training
from motet.evaluation.report.scores import cleared, ranks, results
from motet.evaluation.report.sharing import sharing
from motet.evaluation.report.words import label
from motet.metrics.names import higher_is_better, main_metric
from tests.evaluation.test_report_world import (
    CONFIG,
    cleaning,
    clicks,
    curves,
    manifest,
    metrics,
    plots,
    ranking,
    score,
)


def evidence(config=CONFIG, **other):
    return gather({**metrics(), **other}, cleaning(), config, manifest())


def table(section, place=0):
    return [block for block in section.blocks if isinstance(block, Table)][place]


def texts(section):
    return [block.text for block in section.blocks if isinstance(block, Text)]


def test_the_best_is_marked_and_what_overlaps_it_is_near():
    scores = [Score(0.5, 0.45, 0.55), Score(0.48, 0.43, 0.53), Score(0.2, 0.15, 0.25), Score(None)]
    assert ranks(scores, "higher") == ["best", "near", "", ""]
    assert ranks(scores, "lower") == ["", "", "best", ""]
    assert ranks(scores, "neither") == ["", "", "", ""]


def test_the_best_is_clear_only_if_nothing_is_near_and_every_interval_is_known():
    apart = [Score(0.5, 0.45, 0.55), Score(0.2, 0.15, 0.25)]
    assert cleared(ranks(apart, "higher"), apart) == ["clear", ""]
    unknown = [Score(0.5), Score(0.2)]
    assert cleared(ranks(unknown, "higher"), unknown) == ["best", ""]


def test_the_paired_verdict_outweighs_overlapping_intervals_of_joint_model_and_twin():
    row = table(results(evidence())).rows[0]
    assert row.head == "NDCG@10"
    assert [cell.mark for cell in row.cells[:3]] == ["best", "", "near"]


def test_every_contender_has_a_column_and_every_task_a_table():
    section = results(evidence())
    expected = ("Metric", "Joint model", "Twin", "Without text", "Popularity", "Item to item", "EASE")
    assert table(section).columns == expected
    assert [block.caption for block in section.blocks if isinstance(block, Table)] == [
        "next on the test split",
        "like on the test split",
        "rating on the test split",
    ]


def test_popularity_is_called_averages_where_rows_are_scored():
    popular = {"popularity": {"next": {"test": ranking(0.03)}, "like": {"test": clicks(0.7)}}}
    found = {
        contender.name: list(contender.tasks)
        for contender in evidence(baselines=popular).contenders()
        if contender.role == "baseline"
    }
    assert found == {"Popularity": ["next"], "Averages": ["like"]}
    assert "Averages" in dict(glossary(evidence()).blocks[0].terms)


def test_validation_figures_are_folded_and_named_as_such():
    folds = [block.summary for block in results(evidence()).blocks if isinstance(block, Fold)]
    assert "like on the valid split (used to choose, not to judge)" in folds


def test_the_main_metric_of_each_kind_is_shown_first():
    assert {kind: names[0] for kind, names in SHOWN.items()} == {
        kind: main_metric(kind).split("@")[0] for kind in SHOWN
    }


def test_lower_is_better_only_where_the_metrics_say_so():
    rows = [row for block in results(evidence()).blocks if isinstance(block, Table) for row in block.rows]
    said = {row.head: row.small.split(" ·")[0] for row in rows}
    assert said["RMSE"] == said["Log loss"] == "lower is better"
    assert said["AUC"] == said["NDCG@10"] == "higher is better"
    assert not higher_is_better("rmse")


def test_the_gain_over_a_twin_is_drawn_in_per_cent_of_it():
    figure = figures_in(sharing(evidence()).blocks)[0]
    drawn = next(iter(figure.spec["layer"][1]["data"]["values"]))
    assert drawn["value"] == pytest.approx(100 * 0.0046 / 0.0961)


def test_a_part_that_is_clearly_weaker_is_said():
    section = slices(evidence())
    assert texts(section)[0] == "Clearly weaker than the whole (0.1007 NDCG@10): cold items (0.0210)."
    marked = {row.head: row.cells[1].tone for row in table(section).rows}
    assert marked["cold items"] == "worse"
    assert marked["short histories"] == "none"


def test_a_part_of_few_rows_is_not_judged():
    few = {"next": {"cold_items": {"ndcg@10": score(0.0, 0.0, n=2)}}}
    section = slices(evidence(slices=few))
    assert texts(section) == []
    assert table(section).rows[1].small == "too few to judge"


def test_an_empty_part_is_a_row_of_dashes():
    empty = {"like": {"cold_users": {"auc": {"value": None, "low": None, "high": None, "n": 0}}}}
    row = table(slices(evidence(slices=empty))).rows[1]
    assert [cell.text for cell in row.cells] == ["0", "–"]


def test_curves_show_the_loss_and_the_metric_of_the_verdict_with_joint_model_and_twin():
    figures = figures_in(training(evidence()).blocks)
    assert [figure.title for figure in figures][:2] == ["next: loss", "next: NDCG@10"]
    assert figures[0].table.columns == ("Epoch", "Joint", "Twin")
    assert len(figures[0].table.rows) == 20


def test_the_curve_of_a_metric_is_its_own_and_not_that_of_a_longer_name():
    points = [{"epoch": 1, "task": "like", "name": name, "value": 0.5} for name in ("gauc", "auc", "loss")]
    figures = figures_in(training(evidence(plots={"curves": points})).blocks[:1])
    assert [figure.title for figure in figures] == ["like: loss", "like: AUC"]


def test_a_metric_that_nobody_has_is_not_shown_first():
    empty = {"value": None, "low": None, "high": None, "n": 0}
    tasks = {"like": {"test": {"auc": score(0.7, 0.01), "gauc": empty}}}
    section = results(evidence(tasks=tasks, twins={}, ablations={}, baselines={}))
    shown = next(
        block for block in section.blocks if getattr(block, "caption", "") == "like on the test split"
    )
    assert [row.head for row in shown.rows] == ["AUC"]


def test_other_curves_are_folded():
    more = [*curves(), {"epoch": 1, "task": "next", "name": "hr@10", "value": 0.1, "model": "joint"}]
    section = training(evidence(plots={**plots(), "curves": more}))
    assert isinstance(section.blocks[0], Figures)
    assert section.blocks[1].summary == "All other curves (1)"


def test_points_that_are_not_numbers_are_left_out_of_curves():
    points = [
        {"epoch": 1, "task": "a", "name": "loss", "value": value} for value in (float("nan"), None, "x")
    ]
    assert training(evidence(plots={"curves": points})) is None


def test_the_calibration_names_its_error():
    assert figures_in(calibration(evidence()).blocks)[0].note.startswith("Off by 0.0210 on average (ECE).")


def test_the_popularity_plot_says_what_the_less_popular_half_gets():
    figure = figures_in(popularity(evidence()).blocks)[0]
    assert figure.note == "8.7% of recommendations go to the less popular half of the catalogue."


def test_tenths_counted_from_the_most_popular_are_turned_round():
    falling = plots()["popularity"]["next"][::-1]
    other = [
        {
            "decile": at + 1,
            "catalogue_share": one["consumed_share"],
            "recommended_share": one["recommended_share"],
        }
        for at, one in enumerate(falling)
    ]
    figure = figures_in(popularity(evidence(plots={"popularity": {"next": other}})).blocks)[0]
    assert figure.note == "8.7% of recommendations go to the less popular half of the catalogue."
    assert figure.table.rows[0].cells[0].text == "0.20%"


def test_behaviour_is_said_in_sentences():
    points = next(block for block in behaviour(evidence()).blocks if isinstance(block, Points)).points
    assert points == (
        "Half of the users have at most 65 events; the most active tenth has at least 244.",
        "The most popular tenth of the items draws 27.1% of all events "
        "(Gini 0.63: 0 is even, 1 is all on one).",
        "0.0% of events are on an item that the user had met before: items do not come again.",
        "Half of the sessions (a pause of 30 minutes ends one) have at most 65 events "
        "and last at most 90 seconds.",
        "Of the 100 most popular items of the first quarter of the log, 71.0% still are in the last quarter; "
        "1.3% of its events are on items that came later.",
        "Not seen in training: the item of 0.20% and the user of 0.0% of the valid rows.",
    )


def test_what_the_account_of_behaviour_holds_is_what_the_page_reads():
    day = 86_400_000
    rows = [(user, item, (user + 9 * item) * day, "play") for user in range(1, 5) for item in range(1, 6)]
    log = materialise_order(pl.DataFrame(rows, ["@user", "@item", "@time", "@type"], orient="row"), 0)
    held = describe(log, part=pl.Series([0] * 19 + [2]))
    section = behaviour(evidence(behaviour=json.loads(json.dumps(held))))
    assert len(next(block for block in section.blocks if isinstance(block, Points)).points) == 6
    titles = [figure.title for figure in figures_in(section.blocks)]
    assert len(titles) == 6
    assert "Events by hour of the day" not in titles  # the times are days alone
    assert table(section).rows[0].head == "play"


def test_behaviour_without_times_leaves_out_what_needs_them():
    bare = {**metrics()["behaviour"], "sessions": None, "clock": None, "drift": None, "cold": None}
    section = behaviour(evidence(behaviour=bare))
    assert [figure.title for figure in figures_in(section.blocks)] == [
        "Users by number of events",
        "How far events gather on few items",
    ]
    assert behaviour(evidence(behaviour={})) is None


def test_the_cost_sets_the_joint_model_against_all_its_twins():
    assert cost(evidence()).intro == (
        "The joint model took 3 min 1 s, its 3 twins together 5 min 17 s: "
        "one model for all tasks costs 57.1% of one for each."
    )


def test_a_cost_of_plain_numbers_has_no_comparison():
    section = cost(evidence(cost={"seconds": 10.0, "examples": 500, "peak_rss_mb": 512.0}))
    assert section.intro == ""
    assert ("Speed", "50", "examples a second") in section.blocks[0].tiles
    assert cost(evidence(cost={})) is None


def test_the_account_shows_every_finding_and_the_rows_of_each_table():
    section = account(evidence())
    assert texts(section) == ["4 findings: 15 rows dropped, 41 cells changed."]
    assert [cell.text for cell in table(section).rows[0].cells] == ["100,015", "100,000"]
    assert [row.head for row in table(section, 1).rows] == [
        "exact duplicates",
        "time in the future",
        "outliers",
        "missing",
    ]


def test_one_of_a_thing_is_said_as_one():
    one = {"findings": [{"rule": "outliers", "found": 1, "dropped": 1, "changed": 1}]}
    assert texts(account(gather(metrics(), one, CONFIG, {}))) == ["1 finding: 1 row dropped, 1 cell changed."]
    short = {**metrics()["behaviour"], "sessions": {"events": {"p50": 1.0}, "minutes": {"p50": 0.0}}}
    told = next(b for b in behaviour(evidence(behaviour=short)).blocks if isinstance(b, Points)).points
    assert "Half of the sessions have at most 1 event and last at most 0 seconds." in told


def test_an_account_may_be_a_bare_list_with_other_keys():
    bare = gather(metrics(), [{"rule": "bots", "where": "events", "dropped": 3}], CONFIG, {})
    assert table(account(bare)).rows[0].cells[0].text == "events"


def test_the_commands_the_seed_and_the_hashes_are_there_to_reproduce():
    section = reproduce(evidence())
    assert section.blocks[0].text.startswith("motet train motet.yaml --run runs/film-club")
    assert ("Seed", "7") in section.blocks[1].terms
    assert any(
        term.lower() == "versions" and "torch 2.13.0" in text for term, text in section.blocks[1].terms
    )
    assert section.blocks[2].summary == "Files and their sha256 (2)"


def test_the_glossary_explains_every_metric_of_the_page():
    terms = dict(glossary(evidence()).blocks[0].terms)
    assert {"NDCG", "Hit rate", "AUC", "ECE", "RMSE", "Popularity bias"} <= set(terms)
    assert "10 places" in terms["Coverage"]


def test_an_unknown_metric_bears_its_own_name_and_has_no_best():
    other = {"x": {"test": {"my_figure@3": score(1.0, 0.1)}}}
    row = table(results(evidence(config="", tasks=other, twins=other))).rows[0]
    assert (row.head, row.small) == ("my figure@3", "describes, no best · n = 943")
    assert [cell.mark for cell in row.cells] == ["", ""]


def test_figures_are_printed_as_people_read_them():
    assert (number(-0.0123), number(1234567.0), percent(0.005)) == ("−0.0123", "1,234,567", "0.50%")
    assert label("hr@10") == "Hit rate@10"
