"""The linear chain against all sequences of tags, counted out."""

import itertools

import pytest
import torch
from torch import Tensor

from motet.nn.crf import LinearChain

K = 3  # O, B-X, I-X
MAY = torch.tensor([[True, True, False], [True, True, True], [True, True, True]])
FIRST = torch.tensor([True, True, False])


@pytest.fixture
def chain() -> LinearChain:
    torch.manual_seed(0)
    made = LinearChain(MAY, FIRST)
    torch.nn.init.normal_(made.move_KK)
    torch.nn.init.normal_(made.begin_K)
    return made


def score(chain: LinearChain, raw_UK: Tensor, tags: tuple[int, ...]) -> float | None:
    """Of one sequence; None where it may not be."""
    allowed = FIRST[tags[0]] and all(MAY[one, other] for one, other in itertools.pairwise(tags))
    if not allowed:
        return None
    steps = sum(chain.move_KK[one, other] for one, other in itertools.pairwise(tags))
    places = sum(raw_UK[place, tag] for place, tag in enumerate(tags))
    return float((chain.begin_K[tags[0]] + steps + places).detach())


def everything(chain: LinearChain, raw_UK: Tensor) -> dict[tuple[int, ...], float]:
    found = {tags: score(chain, raw_UK, tags) for tags in itertools.product(range(K), repeat=len(raw_UK))}
    return {tags: value for tags, value in found.items() if value is not None}


@pytest.fixture
def texts() -> tuple[Tensor, Tensor]:
    """Four places, and two with padding behind them that would change everything."""
    torch.manual_seed(1)
    raw_BUK = 2 * torch.randn(2, 4, K)
    raw_BUK[1, 2:] = 50.0 * torch.randn(2, K)
    return raw_BUK, torch.tensor([[True] * 4, [True, True, False, False]])


def lengths(real_BU: Tensor) -> list[int]:
    return real_BU.sum(1).tolist()


def test_the_loss_is_the_nats_of_the_right_sequence_among_all(chain, texts):
    raw_BUK, real_BU = texts
    tag_BU = torch.tensor([[1, 2, 2, 0], [0, 1, -1, -1]])
    loss_B = chain.loss(raw_BUK, tag_BU, real_BU)
    for at, size in enumerate(lengths(real_BU)):
        scores = everything(chain, raw_BUK[at, :size])
        right = scores[tuple(tag_BU[at, :size].tolist())]
        total = torch.logsumexp(torch.tensor(list(scores.values())), 0)
        assert float(loss_B[at].detach()) == pytest.approx(float(total) - right, abs=1e-4)


def test_the_best_sequence_is_the_best_of_all_that_may_be(chain, texts):
    raw_BUK, real_BU = texts
    found_BU = chain.best(raw_BUK, real_BU)
    for at, size in enumerate(lengths(real_BU)):
        scores = everything(chain, raw_BUK[at, :size])
        assert tuple(found_BU[at, :size].tolist()) == max(scores, key=lambda tags: scores[tags])
    assert found_BU[1, 2:].tolist() == [0, 0]


def test_shares_are_those_of_all_sequences_that_may_be(chain, texts):
    raw_BUK, real_BU = texts
    share_BUK = chain.shares(raw_BUK, real_BU)
    for at, size in enumerate(lengths(real_BU)):
        scores = everything(chain, raw_BUK[at, :size])
        chance = dict(zip(scores, torch.softmax(torch.tensor(list(scores.values())), 0), strict=True))
        for place, tag in itertools.product(range(size), range(K)):
            wanted = sum(float(each) for tags, each in chance.items() if tags[place] == tag)
            assert float(share_BUK[at, place, tag]) == pytest.approx(wanted, abs=1e-4)


def test_what_may_not_be_never_comes_however_much_a_place_says_so(chain):
    raw_BUK = torch.zeros(1, 3, K)
    raw_BUK[..., 2] = 100.0
    assert chain.best(raw_BUK, torch.ones(1, 3, dtype=torch.bool)).tolist() == [[1, 2, 2]]


def test_it_learns_to_end_a_span_after_two(chain):
    """Places say nothing: what is learned lies in the steps from tag to tag."""
    tag_BU = torch.tensor([[1, 2, 0, 1, 2, 0]])
    real_BU = torch.ones_like(tag_BU, dtype=torch.bool)
    optimizer = torch.optim.Adam(chain.parameters(), 0.1)
    for _ in range(100):
        optimizer.zero_grad()
        chain.loss(torch.zeros(1, 6, K), tag_BU, real_BU).sum().backward()
        optimizer.step()
    assert chain.best(torch.zeros(1, 6, K), real_BU).tolist() == tag_BU.tolist()
