"""Views of timelines: what each kind changes and what it leaves, and the loss of two of them."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from motet.batch import Batch, Encoded
from motet.features.views import KINDS, Contrast, apart
from tests.features.test_events import batch as one

SHARES = {"crop": 0.5, "mask": 0.5, "reorder": 0.5, "insert": 0.5}
LENGTHS = [10, 3, 1, 0]


def made() -> Batch:
    """Timelines of 10, 3, 1 and 0 events; their items are 1 to 14, their codes twice that."""
    whole = one([0.0])
    item_BL = torch.zeros(4, 10, dtype=torch.int64)
    begin = 1
    for row, length in enumerate(LENGTHS):
        item_BL[row, :length] = torch.arange(begin, begin + length)
        begin += length
    return replace(
        whole,
        item_BL=item_BL,
        code_BLJ=2 * item_BL[..., None],
        number_BLV=3.0 * item_BL[..., None].float(),
        time_BL=(torch.arange(10).double()[None] * 7).expand(4, 10) * (item_BL > 0),
        length_B=torch.tensor(LENGTHS),
        user_code_BJ=torch.ones(4, 1, dtype=torch.int64),
        user_number_BV=torch.zeros(4, 0),
    )


def catalogue() -> torch.Tensor:
    return torch.randn(20, 6, generator=torch.Generator().manual_seed(0))


def views(kind: str, count: int = 40) -> list[Batch]:
    torch.manual_seed(1)
    contrast = Contrast(1.0, [kind], SHARES, 0.1)
    return [contrast.view(made(), catalogue()) for _ in range(count)]


def events(view: Batch, row: int) -> list[int]:
    length = int(view.length_B[row])
    assert not view.item_BL[row, length:].any()
    assert not view.code_BLJ[row, length:].any()
    return view.item_BL[row, :length].tolist()


def test_crop_keeps_a_part_in_order():
    begins = set()
    for view in views("crop"):
        kept = events(view, 0)
        assert kept == list(range(kept[0], kept[0] + 5))
        begins.add(kept[0])
        assert len(events(view, 1)) == 2
        assert events(view, 2) == [14]
        assert events(view, 3) == []
        assert torch.equal(view.code_BLJ[..., 0], 2 * view.item_BL)
    assert begins == {1, 2, 3, 4, 5, 6}


def test_mask_hides_items_and_nothing_else():
    hidden = 0
    for view in views("mask"):
        real = view.item_BL > 0
        assert torch.equal(view.item_BL[real], made().item_BL[real])
        assert torch.equal(view.length_B, made().length_B)
        assert torch.equal(view.code_BLJ, made().code_BLJ)
        hidden += int((made().item_BL > 0).sum() - real.sum())
    assert hidden / (40 * 14) == pytest.approx(0.5, abs=0.08)


def test_reorder_shuffles_one_part_and_times_stay():
    moved = set()
    for view in views("reorder"):
        assert sorted(events(view, 0)) == list(range(1, 11))
        changed = [place for place, item in enumerate(events(view, 0)) if item != place + 1]
        assert not changed or changed[-1] - changed[0] < 5
        moved |= set(changed)
        assert torch.equal(view.time_BL, made().time_BL)
        assert torch.equal(view.code_BLJ[..., 0], 2 * view.item_BL)
    assert moved == set(range(10))


def test_insert_puts_the_likest_item_before_events_and_the_latest_stay():
    item_ID = F.normalize(catalogue(), dim=-1)
    alike_II = item_ID @ item_ID.T - 9 * torch.eye(20)
    alike_II[:, 0] = -9
    more = 0
    for view in views("insert"):
        found = events(view, 1)
        rest = []
        for place, item in enumerate(found):
            own = (
                int(view.code_BLJ[1, place, 0]) // 2
            )  # what is inserted has the codes of what it stands before
            if item != own:
                assert item == int(alike_II[own].argmax())
                assert found[place + 1] == own
                more += 1
            else:
                rest.append(item)
        assert rest == [11, 12, 13]
        long = [int(code) // 2 for code in view.code_BLJ[0, :, 0]]
        assert len(long) == 10
        assert long[-1] == 10
        assert long == sorted(long)
        assert view.time_BL[0].diff().min() >= 0
    assert more / (40 * 3) == pytest.approx(0.5, abs=0.15)


def test_a_catalogue_of_one_item_has_nothing_to_insert():
    torch.manual_seed(0)
    view = Contrast(1.0, ["insert"], SHARES, 0.1).view(made(), catalogue()[:2])
    assert torch.equal(view.item_BL, made().item_BL)


def test_the_loss_of_two_timelines_by_hand():
    first, second = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    half = math.sqrt(0.5)
    cosine = {(0, 1): 0.0, (0, 2): 1.0, (0, 3): half, (1, 2): 0.0, (1, 3): half, (2, 3): half}
    alike = cosine | {(b, a): value for (a, b), value in cosine.items()}
    other = {0: 2, 1: 3, 2: 0, 3: 1}
    by_hand = [
        -alike[a, other[a]] / 0.5 + math.log(sum(math.exp(alike[a, b] / 0.5) for b in range(4) if b != a))
        for a in range(4)
    ]
    assert float(apart(first, second, 0.5)) == pytest.approx(sum(by_hand) / 4, rel=1e-6)


def test_the_loss_is_one_for_a_guess_and_reads_the_state_after_the_last_event():
    asked: list[Batch] = []

    def encode(view: Batch, item_ID: torch.Tensor, told: bool) -> Encoded:
        asked.append(view)
        state_BSD = torch.zeros(4, 11, 8) + torch.eye(8)[7]
        for row, length in enumerate(view.length_B.tolist()):
            state_BSD[row, length] = torch.eye(8)[row if told else 0]
        return Encoded(item_ID, state_BSD[:, 1:], state_BSD[:, 0], state_BSD)

    contrast = Contrast(0.3, KINDS, SHARES, 0.05)
    guess = contrast.loss(made(), catalogue(), lambda view, item_ID: encode(view, item_ID, told=False))
    assert float(guess) == pytest.approx(0.3)
    told = contrast.loss(made(), catalogue(), lambda view, item_ID: encode(view, item_ID, told=True))
    assert float(told) < 1e-6
    assert len(asked) == 4
    short = replace(made(), length_B=torch.tensor([10, 1, 1, 0]))
    assert contrast.loss(short, catalogue(), lambda view, item_ID: encode(view, item_ID, told=True)) is None
