"""Made worlds: the knobs do what they say, the truth is the truth, and a seed makes one world."""

import numpy as np
import polars as pl
import pytest

from motet.config.read import read_config
from motet.data.readers import read_tables
from motet.data.synthetic import PARTS, TOPICS, make, write
from motet.data.synthetic_truth import KINDS, MOST, Knobs, best_auc, part_of_view, probability
from motet.errors import ArtifactError, ConfigError
from motet.metrics.classes import auc

MANY = {"users": 1000, "items": 40, "dimension": 5}


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_the_same_seed_makes_the_same_world_and_another_one_another():
    one, again, other = (make(Knobs(users=20, items=10), seed) for seed in (3, 3, 4))
    for name in ("items", "users", "events"):
        assert getattr(one, name).equals(getattr(again, name))
        assert not getattr(one, name).equals(getattr(other, name))


@pytest.mark.parametrize("conflict", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_the_scores_of_click_and_like_have_the_correlation_that_conflict_says(conflict):
    click_UI, like_UI = make(Knobs(**MANY, conflict=conflict, popularity=0.3)).score_TUI
    assert correlation(click_UI, like_UI) == pytest.approx(1 - 2 * conflict, abs=0.03)
    assert like_UI.var() == pytest.approx(1, abs=0.1)
    if conflict in (0, 1):
        np.testing.assert_allclose(like_UI, (1 - 2 * conflict) * click_UI)


@pytest.mark.parametrize("shared", [0.0, 0.4, 1.0])
def test_interests_in_two_kinds_have_the_correlation_that_shared_says(shared):
    interest_UCK = make(Knobs(**MANY, shared=shared)).interest_TUCK[0]
    assert correlation(interest_UCK[:, 0], interest_UCK[:, 1]) == pytest.approx(shared, abs=0.03)
    if shared == 1:
        np.testing.assert_array_equal(interest_UCK[:, 0], interest_UCK[:, 2])


def test_a_knob_leaves_alone_what_it_does_not_turn():
    one, other = make(Knobs(users=20, conflict=0.0)), make(Knobs(users=20, conflict=0.5))
    assert one.events.drop("liked").equals(other.events.drop("liked"))
    assert not one.events["liked"].equals(other.events["liked"])


def test_a_score_is_the_product_of_interest_and_item_as_the_formula_says():
    knobs = Knobs(users=3, items=2, dimension=4, shared=0.5)
    world = make(knobs)
    by_hand = world.interest_TUCK[0, 1, 2] @ world.item_TIK[0, 5] / 2  # user 1, the second ad, sqrt(4)
    assert world.score_TUI[0, 1, 5] == pytest.approx(by_hand)
    place = world.events.with_row_index().filter(user_id=1, item_id=5)["index"]
    assert len(place) > 0
    expected = 1 / (1 + np.exp(-3 * by_hand))
    np.testing.assert_allclose(world.probability_TN[0, place.to_numpy()], expected)


def test_labels_come_as_often_as_their_probabilities_say():
    world = make(Knobs(users=1000, level=-1.0))
    clicked_N, said_N = world.events["clicked"].to_numpy(), world.probability_TN[0]
    for low in (0.0, 0.25, 0.5, 0.75):
        rows_N = (said_N >= low) & (said_N < low + 0.25)
        assert clicked_N[rows_N].mean() == pytest.approx(said_N[rows_N].mean(), abs=0.02)


def test_with_nothing_but_noise_all_labels_are_coins():
    score = np.array([-2.0, 0.0, 5.0])
    np.testing.assert_allclose(probability(score, Knobs(noise=1.0)), 0.5)
    assert probability(np.array([0.0]), Knobs(level=1.0))[0] == pytest.approx(1 / (1 + np.exp(-1)))


def test_the_best_auc_by_hand_and_on_drawn_labels():
    # pairs (yes, no): (.9, .4) right, (.4, .9) wrong, and each with itself half
    right, wrong, equal = 0.9 * 0.6, 0.4 * 0.1, (0.9 * 0.1 + 0.4 * 0.6) / 2
    assert best_auc(np.array([0.9, 0.4])) == pytest.approx((right + equal) / (right + wrong + 2 * equal))
    world = make(Knobs(users=1000))
    reached = auc(world.events["clicked"].to_numpy(), world.probability_TN[0])
    assert reached == pytest.approx(best_auc(world.probability_TN[0]), abs=0.005)


def test_views_are_even_without_an_aim_and_go_to_what_pleases_with_one():
    for aim, least, most in ((0.0, -0.03, 0.03), (2.0, 0.8, 2.0)):
        world = make(Knobs(users=500, aim=aim))
        seen_N = world.score_TUI[0][world.events["user_id"].to_numpy(), world.events["item_id"].to_numpy()]
        assert least < seen_N.mean() < most


def test_no_item_comes_again_before_all_of_its_kind_have_come():
    events = make(Knobs(users=10, items=3, events=30, mix=(1.0, 0.0, 0.0))).events
    counts = events.group_by("user_id", "item_id").len()
    assert set(counts["len"]) == {10}
    first = events.filter(pl.col("user_id") == 0)["item_id"].to_list()
    assert sorted(first[:3]) == [0, 1, 2]


def test_parts_follow_one_another_in_time():
    events = make(Knobs(users=5, events=10)).events
    assert events.filter(user_id=2)["part"].to_list() == ["train"] * 6 + ["valid"] * 2 + ["test"] * 2
    assert events.filter(user_id=2)["time"].is_sorted()
    assert [int((part_of_view(10) == part).sum()) for part in range(3)] == [6, 2, 2]


def test_newcomers_see_articles_until_their_test_rows_and_products_there():
    world = make(Knobs(users=200, newcomers=0.4))
    assert world.newcomer_U.mean() == pytest.approx(0.4, abs=0.1)
    new = world.events.filter(pl.col("user_id").is_in(np.flatnonzero(world.newcomer_U).tolist()))
    assert set(new.filter(part="test")["did"]) == {"view_product"}
    assert set(new.filter(pl.col("part") != "test")["did"]) == {"view_article"}


def test_likes_are_known_of_the_share_that_is_rated():
    liked = make(Knobs(users=500, rated=0.2)).events["liked"]
    assert liked.is_not_null().mean() == pytest.approx(0.2, abs=0.01)


def test_words_tell_the_topic_of_an_item():
    world = make(Knobs(users=1, items=200, dimension=3))
    topic_I = world.item_TIK[0].argmax(1)
    found = [
        sum(word in TOPICS[topic] for word in title.split()[:4])
        for topic, title in zip(topic_I, world.items["title"], strict=True)
    ]
    assert np.mean(found) > 2.5  # of four, where chance would give 1.3
    assert len(TOPICS) == 2 * MOST
    assert len({word for topic in TOPICS for word in topic.split()}) == 8 * len(TOPICS)


def test_a_written_world_can_be_read_with_its_configuration(tmp_path):
    world = write(tmp_path / "world", Knobs(users=10, items=5), seed=1)
    config = read_config(tmp_path / "world" / "motet.yaml")
    tables = read_tables(config.data, tmp_path / "world")
    assert tables.events.collect().height == 400
    assert set(tables.items["@kind"]) == set(KINDS)
    truth = pl.read_parquet(tmp_path / "world" / "truth.parquet")
    np.testing.assert_array_equal(truth["click"].to_numpy(), world.probability_TN[0])
    assert set(world.events["part"]) == set(PARTS)
    with pytest.raises(ArtifactError, match="exists already"):
        write(tmp_path / "world")


@pytest.mark.parametrize(
    ("knobs", "said"),
    [({"shared": 1.5}, "shared is 1.5; give a number from 0 to 1"), ({"dimension": 9}, "give 1 to 7"),
     ({"events": 2}, "nothing to train"), ({"mix": (0.5, 0.2, 0.2)}, "in all 1")],
)  # fmt: skip
def test_a_knob_out_of_its_range_says_what_to_write(knobs, said):
    with pytest.raises(ConfigError, match=said):
        Knobs(**knobs)
