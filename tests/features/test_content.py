"""What is known of every item, as tensors."""

import numpy as np
import polars as pl
import pytest
import torch

from motet.data.catalogue import Catalogue
from motet.data.timelines import Timelines
from motet.data.vocabulary import Encoding
from motet.features.content import build_content, items_beside


def catalogue(texts: list[str], trained: list[bool]) -> Catalogue:
    size = len(texts)
    return Catalogue(
        ids=pl.Series(range(1, size)), kinds=["item"], kind_I=np.array([-1] + [0] * (size - 1), np.int16),
        encoding=Encoding([], []), code_IJ=np.zeros((size, 0), np.int32),
        number_IV=np.zeros((size, 0), np.float32), text_I=texts, vectors={},
        time_I=np.full(size, -1), trained_I=np.array(trained),
    )  # fmt: skip


def lengths(texts: list[str]) -> np.ndarray:
    return np.array([[len(text), 1.0] for text in texts], np.float32)


def test_each_item_has_the_vector_of_its_own_text_and_zeros_without_one():
    content = build_content(catalogue(["", "abc", "", "a"], [False, True, True, True]), lengths)
    assert content.text_IT.tolist() == [[0, 0], [3, 1], [0, 0], [1, 1]]


def test_the_language_model_reads_only_items_that_have_a_text():
    read: list[str] = []

    def encode(texts):
        read.extend(texts)
        return lengths(texts)

    build_content(catalogue(["", "abc", "", "a"], [False] * 4), encode)
    assert read == ["abc", "a"]


def test_there_are_no_text_vectors_without_a_language_model_or_without_texts():
    assert build_content(catalogue(["", "abc"], [False, True]), None).text_IT is None
    assert build_content(catalogue(["", ""], [False, True]), lengths).text_IT is None


def test_ids_are_numbered_densely_over_the_items_that_training_met():
    content = build_content(catalogue([""] * 5, [False, True, False, True, True]), None)
    assert torch.equal(content.id_row_I, torch.tensor([0, 1, 0, 2, 3]))


def log(train: list[bool], positive: list[bool]) -> Timelines:
    """Users 0 and 1 with items 1, 2, 3 and 1, 2, 4."""
    nothing, size = np.zeros((6, 0)), 6
    return Timelines(
        user_ids=pl.Series(["a", "b"]), offset_U=np.array([0, 3, 6]), item_N=np.array([1, 2, 3, 1, 2, 4]),
        time_N=np.arange(size), timed=True, moment_N=np.arange(size), ask_N=np.arange(size),
        event_code_NJ=nothing, event_number_NV=nothing, request_code_NJ=nothing, request_number_NV=nothing,
        user_code_UJ=np.zeros((2, 0)), user_number_UV=np.zeros((2, 0)), label={},
        positive={"next": np.array(positive)}, part={"next": np.where(train, 0, 2)}, seen_once=True,
    )  # fmt: skip


def test_items_that_the_same_users_had_lie_beside_each_other_and_shares_sum_to_one():
    neighbour_IM, share_IM = items_beside(log([True] * 6, [True] * 6), 5, 2)
    assert neighbour_IM[1].tolist() == [2, 3]
    assert share_IM.sum(1).tolist() == pytest.approx([0, 1, 1, 1, 1, 0])
    assert share_IM[1, 0] > share_IM[1, 1]


def test_held_out_and_negative_events_lay_nothing_beside():
    neighbour_IM, _ = items_beside(log([True] * 5 + [False], [True, True, False, True, True, True]), 5, 2)
    assert neighbour_IM[[3, 4]].sum() == 0


def test_without_neighbours_nothing_is_counted():
    assert items_beside(log([True] * 6, [True] * 6), 5, 0) is None
