"""Several feeds as one."""

from collections.abc import Iterator

from motet.data.mixed import MixedFeed


class Numbers:
    """A feed whose batches are numbers."""

    def __init__(self, first: int, count: int) -> None:
        self.first, self.count = first, count

    def epoch(self, number: int) -> "Numbers":
        return Numbers(self.first + 1000 * number, self.count)

    def __len__(self) -> int:
        return self.count

    def since(self, first: int) -> Iterator[int]:
        yield from range(self.first + first, self.first + self.count)


def feed(seed: int = 0) -> MixedFeed:
    return MixedFeed([Numbers(0, 7), Numbers(100, 3), Numbers(200, 5)], seed)


def test_all_batches_come_and_those_of_one_feed_in_their_order():
    epoch = feed().epoch(2)
    found = list(epoch.since(0))
    assert len(epoch) == len(found) == 15
    for first, count in ((0, 7), (100, 3), (200, 5)):
        mine = [each for each in found if first <= each - 2000 < first + 100]
        assert mine == list(range(2000 + first, 2000 + first + count))


def test_they_take_turns_at_random_and_an_epoch_is_the_same_whenever_it_is_asked_for():
    found = [
        [each % 1000 for each in feed(seed).epoch(number).since(0)]
        for seed, number in ((0, 0), (0, 1), (1, 0))
    ]
    assert found[0] != found[1]
    assert found[0] != found[2]
    assert found[0] == list(feed().epoch(0).since(0))
    assert found[0] != sorted(found[0])


def test_an_epoch_goes_on_where_it_was_left():
    whole = list(feed().epoch(1).since(0))
    for first in range(len(whole) + 1):
        assert list(feed().epoch(1).since(first)) == whole[first:]
