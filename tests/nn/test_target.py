"""Attention from a candidate over the events before its row."""

import torch

from motet.nn.target import CrossAttention, TargetAttention


def attention(width: int = 4) -> TargetAttention:
    torch.manual_seed(0)
    return TargetAttention(width)


def test_target_attention_sees_nothing_from_its_own_place_on():
    model = attention()
    candidate_BPD, event_BLD = torch.randn(2, 3, 4), torch.randn(2, 5, 4)
    visible_BP = torch.tensor([[0, 2, 5], [1, 1, 3]])
    before = model(candidate_BPD, event_BLD, visible_BP)
    for row, place in ((0, 1), (1, 0), (1, 2)):
        changed = event_BLD.clone()
        changed[row, visible_BP[row, place] :] = 1e4
        after = model(candidate_BPD, changed, visible_BP)
        assert torch.equal(before[row, place], after[row, place])


def test_a_candidate_that_may_see_nothing_finds_zero():
    found = attention()(torch.randn(1, 2, 4), torch.randn(1, 3, 4), torch.tensor([[0, 1]]))
    assert torch.equal(found[0, 0], torch.zeros(4))
    assert found[0, 1].abs().sum() > 0


def test_a_candidate_that_sees_one_event_finds_its_value():
    model, event_BLD = attention(), torch.randn(1, 3, 4)
    found = model(torch.randn(1, 1, 4), event_BLD, torch.tensor([[1]]))
    assert torch.allclose(found[0, 0], model.value(event_BLD[0, 0]), atol=1e-6)


def test_target_attention_is_a_softmax_of_products_over_the_root_of_the_width():
    model = attention()
    candidate_BPD, event_BLD = torch.randn(1, 1, 4), torch.randn(1, 3, 4)
    score_L = model.key(event_BLD)[0, :2] @ model.query(candidate_BPD)[0, 0] / 2.0
    wanted = torch.softmax(score_L, 0) @ model.value(event_BLD)[0, :2]
    assert torch.allclose(model(candidate_BPD, event_BLD, torch.tensor([[2]]))[0, 0], wanted, atol=1e-6)


def test_target_attention_over_no_events_at_all_is_zero():
    found = attention()(torch.randn(2, 3, 4), torch.randn(2, 0, 4), torch.zeros(2, 3, dtype=torch.int64))
    assert torch.equal(found, torch.zeros(2, 3, 4))


def crossing() -> CrossAttention:
    torch.manual_seed(0)
    return CrossAttention(8, 2, 0.0)


def test_cross_attention_sees_no_state_that_knows_its_own_row():
    model = crossing()
    candidate_BPD, state_BSD = torch.randn(2, 3, 8), torch.randn(2, 6, 8)
    visible_BP = torch.tensor([[0, 2, 5], [1, 1, 3]])
    before = model(candidate_BPD, state_BSD, visible_BP)
    for row, place in ((0, 0), (0, 1), (1, 0), (1, 2)):
        changed = state_BSD.clone()
        changed[row, visible_BP[row, place] + 1 :] = 1e4
        assert torch.equal(before[row, place], model(candidate_BPD, changed, visible_BP)[row, place])
        changed[row, visible_BP[row, place]] += 1
        assert not torch.equal(before[row, place], model(candidate_BPD, changed, visible_BP)[row, place])


def test_cross_attention_over_one_state_is_its_value_fed_forward():
    model, state_BSD = crossing(), torch.randn(1, 4, 8)
    found = model(torch.randn(1, 1, 8), state_BSD, torch.tensor([[0]]))[0, 0]
    asked = model.out(model.pair(state_BSD[0, 0])[8:])
    torch.testing.assert_close(found, asked + model.feed(model.norm_out(asked)))


def test_cross_attention_has_heads_of_their_own_scale():
    model = crossing()
    candidate_BPD, state_BSD = torch.randn(1, 1, 8), torch.randn(1, 4, 8)
    query, (key, value) = (
        model.query(model.norm(candidate_BPD))[0, 0],
        model.pair(state_BSD[0, :3]).chunk(2, -1),
    )
    heads = [
        torch.softmax(key[:, part] @ query[part] / 2, 0) @ value[:, part] for part in (slice(4), slice(4, 8))
    ]
    asked = model.out(torch.cat(heads))
    found = model(candidate_BPD, state_BSD, torch.tensor([[2]]))[0, 0]
    torch.testing.assert_close(found, asked + model.feed(model.norm_out(asked)))
