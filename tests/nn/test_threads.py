"""Threads side by side: the same answers in the same order, and nobody's number of threads is changed."""

import threading
from collections.abc import Iterator

import pytest
import torch

from motet.nn.threads import side_by_side


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_answers_come_in_the_order_of_the_pieces(threads):
    assert list(side_by_side(lambda piece: piece * piece, range(20))) == [n * n for n in range(20)]
    assert list(side_by_side(abs, [])) == []


def test_each_has_its_share_of_the_threads_and_afterwards_all_are_there(threads):
    seen = list(side_by_side(lambda _: (torch.get_num_threads(), threading.get_ident()), range(12)))
    assert {count for count, _ in seen} == {1}
    assert (threading.get_ident() in {who for _, who in seen}) == (threads == 1)
    assert torch.get_num_threads() == threads
    later: list[int] = []
    newcomer = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    newcomer.start()
    newcomer.join()
    assert later == [threads]


def test_as_many_are_at_work_at_once(threads):
    meeting = threading.Barrier(threads, timeout=5)
    assert len(list(side_by_side(lambda _: meeting.wait(), range(threads * 2)))) == threads * 2


def test_a_mistake_in_a_piece_comes_out(threads):
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda piece: 1 // piece, [1, 0, 1]))
    assert torch.get_num_threads() == threads


def test_another_device_has_one_piece_after_the_other(threads):
    assert set(side_by_side(lambda _: threading.get_ident(), range(4), "cuda")) == {threading.get_ident()}
