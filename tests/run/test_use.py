"""A finished run in use: it recommends, predicts and measures as it did when it was made."""

import functools
import json

import numpy as np
import polars as pl
import pytest
import torch

import motet
from motet.data.timelines import TEST
from motet.errors import ConfigError, DataError
from motet.evaluation import following
from motet.evaluation.scoring import Scorer, questions
from motet.gather import count
from motet.tasks import calibration
from motet.use import TrainedModel
from tests.trained import NAME, USERS, run_settings, trained_run, world_folder

LENGTH = 8


@functools.cache
def opened() -> TrainedModel:
    return motet.open(trained_run())


@functools.cache
def events() -> pl.DataFrame:
    """The log as its file has it, without the rows that cleaning drops."""
    return pl.read_csv(world_folder() / "events.csv").unique(maintain_order=True).filter(pl.col("at") < 2e9)


def rows(kind: str = "impression") -> pl.DataFrame:
    """Test rows as somebody would ask about them: nothing in them is known only afterwards."""
    return events().filter(did=kind, part="test").select("who", "what", "at", "surface")


def test_a_run_measures_again_what_its_metrics_say():
    metrics = json.loads((trained_run() / "metrics.json").read_text())["tasks"]
    for part in ("test", "valid"):
        again = opened().evaluate(part)
        for task, found in metrics.items():
            assert again[task][part].keys() == found[part].keys()
            for name, measure in found[part].items():
                assert again[task][part][name]["value"] == pytest.approx(measure["value"], abs=1e-6), (
                    task,
                    name,
                )
                assert again[task][part][name]["n"] == measure["n"]


def test_an_unknown_split_is_refused():
    with pytest.raises(ConfigError, match=r"no split 'tset'. Write one of train, valid, test"):
        opened().evaluate("tset")


@pytest.mark.parametrize(("task", "kind"), [("click", "impression"), ("stars", "rate"), ("type", "rate")])
def test_predictions_are_those_of_the_evaluation(task, kind):
    model = opened()
    asked = rows(kind).sample(fraction=1, shuffle=True, seed=1)
    said = model.predict(asked, task).with_columns(pl.col("at") * 1000)
    dataset, bundle = model.dataset, model.bundle
    views = count(bundle.config, model.tables, dataset, bundle.scaler)[3]
    view = next(view for view in views if task in view.tasks)
    scored = Scorer(bundle.model, dataset, LENGTH).rows(view, TEST)[task]
    wanted = scored.prediction_R
    if task == "type":
        wanted = np.array(bundle.encodings.classes[task])[wanted.argmax(1)]
    if task == "stars":
        wanted = np.expm1(wanted.astype(np.float64))
    log = dataset.log
    judged = pl.DataFrame(
        {
            "who": log.user_ids.gather(scored.user_R),
            "what": bundle.catalogue.ids.gather(log.item_N[scored.row_R] - 1),
            "at": log.time_N[scored.row_R],
            "wanted": wanted,
        }
    )
    both = said.join(judged, on=["who", "what", "at"])
    assert both.height == asked.height == len(judged)
    if task == "type":
        assert both["prediction"].equals(both["wanted"])
    else:
        np.testing.assert_allclose(both["prediction"], both["wanted"], rtol=1e-5)


def test_predictions_follow_the_days_as_those_of_the_evaluation(monkeypatch):
    """Rows of the log asked about again, by hundreds or one alone, have the curves of their hours."""
    model = motet.open(trained_run())
    asked = rows().sort("at", "who", "what")
    plain = model.predict(asked, "click")["prediction"]
    for place in (calibration, following):
        monkeypatch.setattr(place, "MANY", 1)
    said = model.predict(asked, "click").with_columns(pl.col("at") * 1000)
    assert (said["prediction"] != plain).any()
    dataset, bundle = model.dataset, model.bundle
    examiner = model.examiner
    answers = examiner.following(Scorer(bundle.model, dataset, LENGTH))
    scored = answers.rows(examiner.view_of("click"), TEST)["click"]
    log = dataset.log
    judged = pl.DataFrame(
        {
            "who": log.user_ids.gather(scored.user_R),
            "what": bundle.catalogue.ids.gather(log.item_N[scored.row_R] - 1),
            "at": log.time_N[scored.row_R],
            "wanted": scored.prediction_R,
        }
    )
    both = said.join(judged, on=["who", "what", "at"])
    assert both.height == asked.height
    np.testing.assert_allclose(both["prediction"], both["wanted"], rtol=1e-4)
    alone = model.predict(asked[7:8], "click")["prediction"][0]
    np.testing.assert_allclose(alone, said["prediction"][7], rtol=1e-5)


def frames(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables of the run with another log."""
    found = {name: pl.read_csv(world_folder() / f"{name}.csv") for name in ("items", "users")}
    return found | {"events": events}


def test_a_log_that_cannot_be_split_can_be_asked_about():
    test_alone = events().filter(pl.col("part") == "test")
    said = motet.open(trained_run(), **frames(test_alone)).predict(rows(), "click")
    assert said["prediction"].is_between(0, 1).all()


def test_in_another_log_rows_that_trained_are_no_outcomes(monkeypatch):
    """Whatever that log calls a test row: what the model learned by heart calibrates nothing."""
    last = events().filter(part="train")["at"].max()
    of_train = pl.when(pl.col("at") > last - 100_000).then(pl.lit("test")).otherwise("part")
    renamed = pl.when(pl.col("part") == "train").then(of_train).otherwise("part")
    model = motet.open(trained_run(), **frames(events().with_columns(part=renamed)[1:]))
    asked = rows()[:4].with_columns(at=pl.lit(last + 1).cast(pl.Int64))
    late = asked.with_columns(at=pl.lit(events()["at"].max()).cast(pl.Int64))
    plain, of_late = (model.predict(each, "click")["prediction"] for each in (asked, late))
    for place in (calibration, following):
        monkeypatch.setattr(place, "MANY", 1)
    assert model.predict(asked, "click")["prediction"].equals(plain)
    assert not model.predict(late, "click")["prediction"].equals(of_late)  # what came later counts


def test_rows_keep_their_order_and_their_columns():
    asked = rows().with_columns(note=pl.lit("kept"))
    said = opened().predict(asked, "click")
    assert said.columns == ["who", "what", "at", "surface", "note", "prediction"]
    assert said.drop("prediction").equals(asked)
    assert said["prediction"].is_between(0, 1).all()


def test_a_prediction_does_not_depend_on_the_rows_beside_it():
    asked = rows()
    together = opened().predict(asked, "click")["prediction"]
    turned = opened().predict(asked.reverse(), "click")["prediction"].reverse()
    alone = opened().predict(asked[5:6], "click")["prediction"]
    np.testing.assert_allclose(together, turned, rtol=1e-6)
    np.testing.assert_allclose(together[5], alone[0], rtol=1e-6)


def test_times_are_read_in_every_spelling_of_the_log():
    asked = rows()
    seconds = opened().predict(asked, "click")["prediction"]
    text = asked.with_columns(pl.from_epoch("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for other in (text, asked.with_columns(pl.from_epoch("at")), asked.with_columns(pl.col("at") * 1000)):
        assert opened().predict(other, "click")["prediction"].equals(seconds)


def test_a_row_without_a_time_is_asked_as_of_the_end_of_the_log():
    asked = rows()
    end = events()["at"].max()
    without = opened().predict(asked.drop("at"), "click")["prediction"]
    later = opened().predict(asked.with_columns(at=pl.lit(end * 1000 + 1)), "click")["prediction"]
    assert without.equals(later)
    assert not without.equals(opened().predict(asked, "click")["prediction"])


def test_columns_may_be_called_user_item_and_time():
    asked = rows()
    plain = asked.rename({"who": "user", "what": "item", "at": "time"})
    assert (
        opened().predict(plain, "click")["prediction"].equals(opened().predict(asked, "click")["prediction"])
    )


def test_users_and_items_that_the_log_lacks_are_scored_too():
    asked = pl.DataFrame({"who": ["stranger", "person-001"], "what": [100, 999]})
    said = opened().predict(asked, "click")["prediction"]
    assert said.is_finite().all()


def test_no_rows_give_no_predictions_of_the_right_type():
    assert opened().predict(rows().clear(), "click").schema["prediction"] == pl.Float64
    assert opened().predict(rows().clear(), "type").schema["prediction"] == pl.String


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop("what"), r"no column 'what' \(nor 'item'\). They have who, at, surface"),
        (lambda frame: frame.with_columns(who=pl.lit(None, pl.String)), r"row 1 has None in column 'who'"),
        (lambda frame: frame.with_columns(at=pl.lit("soon")), r"column 'at' are not understood"),
    ],
)
def test_rows_that_cannot_be_read_are_refused(change, said):
    with pytest.raises(DataError, match=said):
        opened().predict(change(rows()), "click")


def test_a_task_that_scores_no_rows_is_refused():
    with pytest.raises(ConfigError, match=r"'next' is no task that scores rows.*click, stars, type"):
        opened().predict(rows(), "next")


def test_recommendations_are_ranked_lists_of_users():
    found = opened().recommend(k=4)
    assert found.columns == ["user", "rank", "item", "score"]
    assert found.height == 4 * USERS
    assert found["user"].n_unique() == USERS
    assert (
        found.group_by("user").agg(pl.col("rank")).to_dict(as_series=False)["rank"] == [[1, 2, 3, 4]] * USERS
    )
    assert (found.select(pl.col("score").diff().over("user")).drop_nulls() <= 0).to_series().all()
    assert found.group_by("user").agg(pl.col("item").n_unique())["item"].to_list() == [4] * USERS


@pytest.mark.parametrize("name", ["{:03d}", "{}", "user {}"])
def test_users_come_in_the_order_of_their_ids(name):
    """Numbers as numbers (9 before 10), names as text ("user 10" before "user 9")."""
    files = {kind: pl.read_csv(world_folder() / f"{kind}.csv") for kind in ("items", "users", "events")}
    for kind, column in (("users", "id"), ("events", "who")):
        number = pl.col(column).str.strip_prefix("person-").cast(pl.Int64).map_elements(
            lambda n: name.format(11 * n), pl.String
        )  # fmt: skip
        files[kind] = files[kind].with_columns(number.alias(column)).sample(fraction=1, shuffle=True, seed=2)
    found = motet.open(trained_run(), **files).recommend(k=1)["user"]
    assert len(found) == USERS
    assert found.to_list() == sorted(found.to_list())


def test_some_users_get_the_lists_that_they_get_among_all():
    names = [NAME.format(7), NAME.format(2)]
    some = opened().recommend(users=names, k=5)
    everyone = opened().recommend(k=5).filter(pl.col("user").is_in(names))
    assert some.drop("score").equals(everyone.drop("score"))
    np.testing.assert_allclose(some["score"], everyone["score"], rtol=1e-5)


def test_what_a_user_has_is_left_out_only_when_asked_where_items_come_again():
    has = events().filter(pl.col("did").is_in(["click", "rate"])).select(user="who", item="what").unique()
    kept, dropped = opened().recommend(k=99), opened().recommend(k=99, keep_seen=False)
    assert kept.join(has, on=["user", "item"]).height == has.height
    assert dropped.join(has, on=["user", "item"]).height == 0
    assert kept.height - dropped.height == has.height


def test_recommendations_are_the_ranking_that_the_evaluation_would_give():
    """The state at the end of a log without the user's last day is the one from which that day is asked."""
    model = opened()
    dataset, bundle = model.dataset, model.bundle
    view = count(bundle.config, model.tables, dataset, bundle.scaler)[3][0]
    asked = questions(dataset, view, "next", TEST, LENGTH)
    user = int(asked.user_Q[0])
    moment = int(dataset.log.time_N[dataset.log.moment_N[asked.plan.row_Q[0]]]) // 1000
    name = dataset.log.user_ids[user]
    early = events().filter((pl.col("who") != name) | (pl.col("at") < moment))
    files = {kind: pl.read_csv(world_folder() / f"{kind}.csv") for kind in ("items", "users")}
    past = motet.open(trained_run(), events=early, **files)
    top = Scorer(bundle.model, dataset, LENGTH).next_item(view, "next", TEST, 5).top_QK[0]
    found = past.recommend(users=[name], k=5)["item"].to_list()
    assert found == bundle.catalogue.ids.gather(top - 1).to_list()


def test_no_users_get_no_lists():
    assert opened().recommend(users=[]).height == 0


def test_an_unknown_user_and_a_task_that_does_not_rank_are_refused():
    with pytest.raises(DataError, match="user 'nobody' has no event in the log of small"):
        opened().recommend(users=[NAME.format(1), "nobody"])
    with pytest.raises(ConfigError, match=r"'click' is no task that ranks items.*: next"):
        opened().recommend(task="click")


def test_alike_items_are_near_by_cosine_and_never_the_item_itself():
    found = opened().similar(101, k=99)
    assert found.columns == ["rank", "item", "score"]
    assert found["rank"].to_list() == list(range(1, 20))
    assert set(found["item"]) == set(range(100, 120)) - {101}
    item_ID = opened().item_PID[opened().bundle.model]
    vector = {item: v for item, v in zip(opened().bundle.catalogue.ids, item_ID[1:], strict=True)}
    cosines = [torch.cosine_similarity(vector[101], vector[item], dim=0).item() for item in found["item"]]
    assert found["score"].to_list() == pytest.approx(cosines, abs=1e-5)
    assert cosines == sorted(cosines, reverse=True)


def test_an_item_that_the_catalogue_lacks_has_none_alike():
    with pytest.raises(DataError, match="item 9 is not in the catalogue"):
        opened().similar(9)


def test_tables_in_memory_stand_for_the_files():
    frames = {kind: pl.read_csv(world_folder() / f"{kind}.csv") for kind in ("items", "users", "events")}
    given = motet.open(trained_run(), **frames)
    assert given.recommend(k=3).equals(opened().recommend(k=3))
    assert given.predict(rows(), "click").equals(opened().predict(rows(), "click"))


def test_titles_are_texts_or_ids():
    titles = opened().bundle.titles()
    assert titles[0] == ""
    assert all(title.startswith("the ") for title in titles[1:])


@pytest.mark.parametrize("given", [pl.DataFrame.lazy, pl.DataFrame.to_pandas, pl.DataFrame.to_arrow])
def test_rows_may_be_a_table_of_any_library(given):
    asked = rows().head(5)
    for table in (asked, asked.drop("at")):
        wanted = opened().predict(table, "click")
        assert (
            opened().predict(given(table), "click")["prediction"].to_list() == wanted["prediction"].to_list()
        )


def test_a_chain_is_predicted_link_by_link_and_follows_the_days(tmp_path, monkeypatch):
    click = {"name": "click", "kind": "binary", "label": "dwell >= 35", "types": ["impression"]}
    stay = click | {"name": "stay", "label": "dwell >= 60", "after": "click"}
    changes = {"tasks": [click, stay], "training__epochs": 1, "report__twins": "none",
               "report__ablations": [], "report__baselines": []}  # fmt: skip
    frames = {name: pl.read_csv(world_folder() / f"{name}.csv") for name in ("items", "users", "events")}
    motet.train(run_settings(**changes), tmp_path / "run", **frames)
    model, asked = motet.open(tmp_path / "run", **frames), rows()

    def product() -> tuple[np.ndarray, np.ndarray]:
        first, both = model.predict(asked, "click"), model.predict(asked, "stay")
        assert "given_click" not in first.columns
        joined = both["prediction"].to_numpy()
        assert (joined <= first["prediction"].to_numpy()).all()
        return first["prediction"].to_numpy() * both["given_click"].to_numpy(), joined

    plain = product()
    np.testing.assert_allclose(*plain, rtol=1e-5)
    for place in (calibration, following):
        monkeypatch.setattr(place, "MANY", 1)
    curved = product()
    np.testing.assert_allclose(*curved, rtol=1e-5)
    assert (np.abs(curved[1] - plain[1]) > 1e-3).any()
    scored = model.examiner.examine(model.bundle.model, TEST)["stay"]
    np.testing.assert_allclose(sorted(curved[1]), sorted(scored.prediction_N), rtol=1e-4)


def test_a_run_of_tables_asks_for_them_again(tmp_path):
    frames = {name: pl.read_csv(world_folder() / f"{name}.csv") for name in ("items", "users", "events")}
    changes = {
        "training__epochs": 1,
        "report__twins": "none",
        "report__ablations": [],
        "report__baselines": [],
    }
    motet.train(run_settings(**changes), tmp_path / "run", **frames)
    with pytest.raises(
        DataError, match=r"was trained from tables in Python.*motet.open\(RUN, events=..., items=...\)"
    ):
        motet.open(tmp_path / "run").recommend(k=1)
    assert len(motet.open(tmp_path / "run", **frames).recommend(k=1)) > 0


def test_one_user_may_be_named_without_a_list():
    user = NAME.format(3)
    assert opened().recommend(users=user, k=2).equals(opened().recommend(users=[user], k=2))
