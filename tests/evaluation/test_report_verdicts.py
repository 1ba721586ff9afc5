"""The top of the report: sentences, verdicts and alarms from known figures."""

import pytest

from motet.evaluation.report.evidence import Score, gather
from motet.evaluation.report.facts import facts, statements
from motet.evaluation.report.guarded import guarded
from motet.evaluation.report.origins import reproduce
from motet.evaluation.report.sentences import quality, question, sentence
from motet.evaluation.report.verdicts import alarms, cards, summary, verdict
from tests.evaluation.test_report_world import CONFIG, cleaning, manifest, metrics, score, transfer


def evidence(config=CONFIG, **other):
    return gather({**metrics(), **other}, cleaning(), config, manifest())


def card_of(name, **other):
    return next(card for card in cards(evidence(**other)) if card.task == name)


def test_a_ranking_task_is_told_by_its_hit_rate():
    said = sentence({"kind": "next_item", "name": "next"}, {"hr@10": Score(0.1951)}, "better")
    assert said == (
        "Which item a user takes next, out of the whole catalogue: in 19.5% of cases the right one is among "
        "the first 10; better than the same model trained on this task alone."
    )


def test_the_cut_off_nearest_to_ten_is_told():
    scores = {"hr@1": Score(0.02), "hr@20": Score(0.3), "hr@5": Score(0.1)}
    assert quality({"kind": "next_item"}, scores) == "in 10.0% of cases the right one is among the first 5"
    only = quality({"kind": "next_item"}, {"hr@1": Score(0.02)})
    assert only == "in 2.0% of cases the right one is the first"


def test_a_binary_task_is_told_by_its_pairs():
    task = {"kind": "binary", "name": "like", "label": "rating >= 4"}
    assert question(task) == "Whether “rating >= 4”"
    said = quality(task, {"auc": Score(0.782, 0.774, 0.79)})
    assert said == "given a yes and a no, it ranks the yes higher in 78.2% of pairs (guessing: 50%)"


def test_an_auc_whose_interval_holds_a_half_is_called_guessing():
    assert quality({"kind": "binary"}, {"auc": Score(0.51, 0.49, 0.53)}).endswith("no better than guessing")


def test_a_label_of_later_events_is_said_in_words():
    label = {"of": "impression", "event": "purchase", "within": "7d"}
    asked = question({"kind": "binary", "name": "buy", "label": label})
    assert asked == "Whether “purchase follows impression within 7d”"


def test_a_regression_is_told_by_its_error_and_a_multiclass_by_its_share():
    assert quality({"kind": "regression"}, {"rmse": Score(0.947)}) == "it is typically off by 0.947 (RMSE)"
    assert quality({"kind": "multiclass"}, {"accuracy": Score(0.62)}) == "it is right in 62.0% of rows"


@pytest.mark.parametrize(("name", "tone"), [("next", "better"), ("like", "same"), ("rating", "worse")])
def test_the_recorded_verdict_is_the_verdict(name, tone):
    assert verdict(evidence(), name).tone == tone


@pytest.mark.parametrize(("difference", "tone"), [(0.02, "better"), (-0.02, "worse"), (0.001, "same")])
def test_without_a_recorded_verdict_the_interval_gives_it(difference, tone):
    raw = transfer("auc", 0.78, 0.77, difference, 0.01, "")
    assert verdict(evidence(transfer={"like": raw}), "like").tone == tone


def test_the_figures_of_a_worse_task_are_turned_so_that_they_read_as_a_loss():
    assert card_of("rating").twin == (
        "RMSE 0.9470 against 0.9310 alone, lower is better; worse by 0.0160 (95% interval 0.0090 to 0.0230)."
    )


def test_a_verdict_of_same_says_that_it_is_noise():
    assert "within noise (95% interval of the difference −0.0030 to 0.0050)" in card_of("like").twin
    corrected = {"like": transfer("auc", 0.782, 0.777, 0.005, 0.004, "same")}
    assert "when all tasks are tested together" in card_of("like", transfer=corrected).twin


def test_a_twin_that_was_not_tested_is_not_called_same():
    raw = {
        "metric": "auc",
        "joint": 0.78,
        "twin": 0.77,
        "difference": 0.01,
        "low": None,
        "verdict": "untested",
    }
    card = card_of("like", transfer={"like": raw})
    assert card.badge == "Not tested against its twin"
    assert card.sentence.endswith("it was not tested whether its twin is better.")


def test_a_task_without_a_twin_says_so():
    card = card_of("like", transfer={}, twins={})
    assert card.badge == "No twin to compare"
    assert "no twin was trained" in card.sentence


def test_a_task_that_sharing_hurts_comes_first_and_raises_an_alarm():
    made = cards(evidence())
    assert [card.task for card in made] == ["rating", "next", "like"]
    titles = [title for title, _ in alarms(made)]
    assert titles == ["Sharing hurts “rating”"]


def test_a_clearly_better_baseline_raises_an_alarm():
    strong = {"ease": {"next": {"test": {"ndcg@10": score(0.2, 0.01)}}}}
    made = cards(evidence(baselines=strong))
    assert ("A simple baseline beats “next”") in [title for title, _ in alarms(made)]
    assert card_of("next", baselines=strong).behind


def test_a_baseline_within_noise_raises_none():
    close = {"ease": {"next": {"test": {"ndcg@10": score(0.102, 0.01)}}}}
    card = card_of("next", baselines=close)
    assert not card.behind
    assert card.rival == "Behind the best baseline, EASE (NDCG@10 0.1020), by 1.3%, within noise"


def test_the_best_baseline_is_named_with_its_distance():
    assert card_of("next").rival == "Clearly ahead of the best baseline, EASE (NDCG@10 0.0711), by 41.6%"


def test_the_summary_counts_verdicts():
    said = summary(cards(evidence()))
    assert said == "One model for 3 tasks; beside twins trained alone: 1 better, 1 the same and 1 worse."
    assert summary([]) == "No task was measured in this run."


def test_the_facts_say_which_language_model_read_which_text():
    assert (
        dict(facts(evidence()))["Language model"]
        == "all-MiniLM-L6-v2 (frozen) reads each item's title and plot"
    )


def test_the_facts_say_how_much_was_learned_from():
    assert dict(facts(evidence()))["Data"] == "100,000 events, 943 users and 1,682 items"


def test_the_facts_say_when_no_text_was_used():
    without = CONFIG.replace("{name: all-MiniLM-L6-v2, tuning: frozen}", "null")
    assert "without a language model" in dict(facts(evidence(without)))["Language model"]
    bare = CONFIG.replace("text: [{column: title}, {column: plot}]", "text: []")
    assert "no text was used" in dict(facts(evidence(bare)))["Language model"]


def test_the_facts_say_which_history_was_visible():
    assert dict(facts(evidence()))["Visible history"].startswith("Rolling: ")
    frozen = CONFIG.replace("history: rolling", "history: frozen")
    assert "nothing that happened after" in dict(facts(evidence(frozen)))["Visible history"]


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("{kind: time, valid: 0.1, test: 0.1}", "By time: the last 10% of events is the test"),
        ("{kind: time, test: 2022-05-05}", "By time: what happened from 2022-05-05 on is the test"),
        ("{kind: random, test: 0.2}", "At random: 20% of events is the test"),
        ("{kind: column, column: part}", "As the column “part” says"),
        ("{kind: kfold, fold: 0, folds: 5}", "Fold 0 (counted from 0) of 5"),
    ],
)
def test_every_split_is_said_in_words(split, said):
    assert (
        dict(facts(evidence(CONFIG.replace("{kind: leave_one_out, cold_items: 0.05}", split))))["Split"]
        == said
    )


def test_what_a_run_left_out_is_said():
    assert statements(evidence())[0] == "Preset small: 20 epochs at most; twins were given the same."
    assert statements(evidence(statements=None)) == ()


def case(cure: str | None) -> dict[str, object]:
    found = {"metric": "auc", "joint": 0.77, "twin": 0.79, "difference": -0.02}
    after = found | {"joint": 0.795, "difference": 0.005} if cure else None
    return {"before": found, "after": after, "cure": cure, "unguarded": {"auc": score(0.771, 0.01)}}


def test_a_card_says_what_the_guard_put_in_and_how_it_was_before():
    said = card_of("like", guard={"like": case("experts")}).guard
    assert said == (
        "Set apart by the guard, with experts of its own on the shared timeline; with everything shared "
        "it had AUC 0.7710."
    )
    assert card_of("next", guard={"like": case("experts")}).guard == ""


@pytest.mark.parametrize(
    ("cure", "words"),
    [
        ("whole", "the joint model of another epoch"),
        ("mean", "the mean of several epochs of the joint model"),
    ],
)
def test_another_epoch_for_all_tasks_sets_none_apart(cure, words):
    found = evidence(guard={"like": case(cure)})
    made = cards(found)
    said = next(card.guard for card in made if card.task == "like")
    assert said == (f"By the guard all tasks are answered by {words}; before that it had AUC 0.7710.")
    assert summary(made).endswith(". The guard chose another epoch.")
    (table,) = guarded(found).blocks
    assert table.rows[0].cells[0].text == f"For all tasks, {words}"


def test_a_task_that_its_twin_answers_is_not_compared_with_it():
    card = card_of("like", guard={"like": case("twin")})
    assert card.badge == "Answered by its twin"
    assert card.sentence.endswith("answered by the same model trained on this task alone.")
    assert card.twin == ""


def test_the_summary_counts_what_the_guard_set_apart():
    assert "guard" not in summary(cards(evidence()))
    found = summary(cards(evidence(guard={"like": case("experts"), "rating": case(None)})))
    assert found.endswith(". The guard set 1 of them apart.")


def test_an_alarm_says_that_the_guard_gave_up():
    hurt = next(card.task for card in cards(evidence()) if card.verdict.tone == "worse")
    (_, text), *_ = alarms(cards(evidence(guard={hurt: case(None)})))
    assert "The guard tried to set it apart and gave up" in text


def test_an_alarm_about_a_task_set_apart_says_why_that_was_not_enough():
    hurt = next(card.task for card in cards(evidence()) if card.verdict.tone == "worse")
    found = evidence(
        guard={hurt: case("model") | {"gave_up": "alone they are better, yet below their twins"}}
    )
    (_, text), *_ = alarms(cards(found))
    assert "There the guard gave up: alone they are better, yet below their twins." in text
    assert "a model of its own, or" not in text
    assert text.endswith("Serve this task from its twin, trained alone, until that is mended.")


SEEN = {"metric": "auc", "joint": 0.78, "twin": 0.781, "difference": -0.001, "low": -0.004, "high": 0.002}


def test_an_alarm_says_why_the_guard_left_a_task_as_it_is():
    hurt = next(card.task for card in cards(evidence()) if card.verdict.tone == "worse")
    (_, text), *_ = alarms(cards(evidence(guard={}, guard_saw={hurt: SEEN})))
    assert (
        "The guard left it as it is: on the validation rows it was not below its twin beyond noise "
        "(difference −0.0010, interval −0.0040 to +0.0020)."
    ) in text
    others = [
        card.guard for card in cards(evidence(guard={}, guard_saw={"next": SEEN})) if card.task == "next"
    ]
    assert others == [""]


@pytest.mark.parametrize("cure", ["whole", "experts"])
def test_an_alarm_about_a_task_that_was_helped_says_where_the_guard_stopped(cure):
    hurt = next(card.task for card in cards(evidence()) if card.verdict.tone == "worse")
    found = case(cure) | {"after": SEEN}
    (_, text), *_ = alarms(cards(evidence(guard={hurt: found}, guard_saw={hurt: case(cure)["before"]})))
    assert "There the guard stopped: on the validation rows it was not below its twin beyond noise" in text


def test_a_guard_that_was_stopped_did_not_give_up():
    found = evidence(guard={"like": case(None) | {"stopped": True}})
    card = next(each for each in cards(found) if each.task == "like")
    assert card.guard == "The guard was stopped by hand before it had found a cure: it shares as before."
    (table,) = guarded(found).blocks
    assert table.rows[0].cells[0].text == "Nothing: stopped by hand"


def test_a_guarded_run_is_trained_again_with_the_guard():
    groups = "motet train motet.yaml --guard --set model.groups=[] --run"
    for found in ({"guard": {"like": case("experts")}}, {"guard": {}, "guard_saw": {"like": SEEN}}):
        assert reproduce(evidence(**found)).blocks[0].text.startswith(groups)
    assert "--guard" not in reproduce(evidence()).blocks[0].text


def test_the_guard_has_a_table_of_before_and_after():
    assert guarded(evidence()) is None
    section = guarded(evidence(guard={"like": case("twin"), "rating": case(None)}))
    (table,) = section.blocks
    texts = [[cell.text for cell in row.cells] for row in table.rows]
    assert texts[0][:4] == ["Its twin", "−0.0200", "+0.0050", "0.7710"]
    assert texts[1][0] == "Nothing: no cure helped"
    assert table.rows[1].cells[0].tone == "worse"
