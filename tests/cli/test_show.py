"""Metrics as lines of text."""

from motet.cli.show import table, verdicts


def measure(value, low=None, high=None):
    return {"value": value, "low": low, "high": high, "n": 3}


METRICS = {
    "tasks": {
        "next": {"test": {"hr@10": measure(0.5), "ndcg@10": measure(0.25, 0.2, 0.3), "mrr": measure(1.0)}},
        "like": {"test": {"auc": measure(None), "log_loss": measure(0.61)}},
    },
    "baselines": {
        "popularity": {"next": {"test": {"ndcg@10": measure(0.125)}}, "like": {"test": {"auc": measure(0.7)}}}
    },
    "transfer": {
        "next": {"twin": 0.2, "verdict": "better"},
        "like": {"twin": 0.7, "verdict": "same"},
    },
}  # fmt: skip


def test_each_task_has_its_main_metrics_its_verdict_and_its_baselines():
    assert verdicts(METRICS).splitlines() == [
        "next: ndcg@10 0.2500, hr@10 0.5000; better than its twin",
        "    popularity: ndcg@10 0.1250",
        "like: auc -, log_loss 0.6100; the same as its twin",
        "    averages: auc 0.7000",
    ]


def test_without_twins_nothing_is_said_of_them():
    assert "twin" not in verdicts(METRICS | {"transfer": {}})
    none = {"next": {"twin": None, "verdict": "same"}, "like": None}
    assert "twin" not in verdicts(METRICS | {"transfer": none})


def test_what_no_interval_tells_is_not_tested():
    said = verdicts(METRICS | {"transfer": {"next": {"twin": 0.2, "verdict": "untested"}}})
    assert "0.2500, hr@10 0.5000; not tested against its twin" in said


def test_a_table_has_every_metric_with_its_interval():
    assert table(METRICS["tasks"]).splitlines()[:3] == [
        "next (test)",
        "    hr@10                0.5000  ",
        "    ndcg@10              0.2500  [0.2000, 0.3000]",
    ]
