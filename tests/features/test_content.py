"""What is known of every item, as tensors."""

import numpy as np
import polars as pl
import torch

from motet.data.catalogue import Catalogue
from motet.data.vocabulary import Encoding
from motet.features.content import build_content


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
