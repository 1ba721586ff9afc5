"""From what is known of an item to its vector."""

from dataclasses import replace

import pytest
import torch

from motet.features.items import ItemContent, ItemEncoder
from motet.features.nearest import nearest_texts
from motet.features.whitening import Whitening

NAN = float("nan")
ITEMS = 7  # number 0 included; items 5 and 6 were never met in training


def content() -> ItemContent:
    torch.manual_seed(0)
    return ItemContent(
        code_IJ=torch.tensor([[0], [1], [2], [3], [1], [2], [3]]),
        number_IV=torch.randn(ITEMS, 1),
        text_IT=torch.randn(ITEMS, 4),
        vectors={"image.small": torch.tensor([[NAN, NAN], *[[float(i), 1.0] for i in range(1, ITEMS)]])},
        id_row_I=torch.tensor([0, 1, 2, 3, 4, 0, 0]),
    )


def encoder(
    known: ItemContent | None = None, ids: int = 5, id_dropout: float = 0.0, *, whiten: bool = False
) -> ItemEncoder:
    torch.manual_seed(1)
    return ItemEncoder(known or content(), 4, 3, ids, id_dropout, dropout=0.0, whiten=whiten)


def test_an_item_is_the_sum_of_its_parts():
    items, known = encoder().eval(), content()
    wanted = items.columns(known.code_IJ[2], known.number_IV[2]) + items.text(known.text_IT[2])
    wanted = (
        wanted + items.projections["vector_image%2Esmall"](torch.tensor([2.0, 1.0])) + items.ids.weight[2]
    )
    assert torch.allclose(items()[2], wanted, atol=1e-6)


def test_some_items_are_rows_of_the_whole_catalogue():
    items = encoder().eval()
    some = torch.tensor([3, 0, 3, 6])
    assert torch.allclose(items(some), items()[some], atol=1e-6)


def test_items_that_training_never_met_have_no_id_vector():
    items, bare = encoder().eval(), encoder(ids=0).eval()
    bare.load_state_dict({key: value for key, value in items.state_dict().items() if key != "ids.weight"})
    id_ID = items() - bare()
    assert id_ID[[0, 5, 6]].abs().max() < 1e-6
    assert (id_ID[1:5].abs().sum(1) > 0).all()


def test_an_item_without_a_ready_made_vector_is_not_moved_by_its_projection():
    known = content()
    known.vectors["image.small"][4] = NAN
    items = encoder(known).eval()
    before = items()
    with torch.no_grad():
        items.projections["vector_image%2Esmall"].bias.add_(100.0)
    moved = (items() - before).abs().sum(1) > 1
    assert moved.tolist() == [False, True, True, True, False, True, True]


def test_id_dropout_hides_some_ids_wholly_and_leaves_the_others():
    items = encoder(id_dropout=0.5).train()
    shown, bare = items.eval()(), encoder(ids=0).eval()
    bare.load_state_dict({key: value for key, value in items.state_dict().items() if key != "ids.weight"})
    hidden = bare()
    items.train()
    seen = set()
    for _ in range(50):
        found = items()
        for number in range(1, 5):
            whole = torch.allclose(found[number], shown[number], atol=1e-6)
            assert whole or torch.allclose(found[number], hidden[number], atol=1e-6)
            seen.add((number, whole))
    assert len(seen) == 8


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_id_dropout_hides_its_share_of_the_ids(share):
    ids = 4001
    known = ItemContent(
        torch.zeros(ids, 0, dtype=torch.int64), torch.zeros(ids, 0), None, {}, torch.arange(ids)
    )
    items = ItemEncoder(known, 1, 2, ids, share, dropout=0.0).train()
    gone = (items()[1:] == 0).all(1).float().mean().item()
    assert gone == pytest.approx(share, abs=0.03)


def test_ids_are_never_hidden_in_use():
    items = encoder(id_dropout=0.9).eval()
    assert torch.equal(items(), items())
    assert torch.allclose(items(), encoder().eval()(), atol=1e-6)


def test_another_catalogue_takes_the_place_of_the_first():
    items, known = encoder().eval(), content()
    order = torch.tensor([0, 6, 5, 4, 3, 2, 1])
    turned = replace(
        known,
        code_IJ=known.code_IJ[order],
        number_IV=known.number_IV[order],
        text_IT=known.text_IT[order],
        vectors={name: vector[order] for name, vector in known.vectors.items()},
        id_row_I=known.id_row_I[order],
    )
    before = items()
    items.set_content(turned)
    assert torch.allclose(items(), before[order], atol=1e-6)


def test_what_is_known_of_the_items_is_not_among_the_weights():
    names = set(encoder().state_dict())
    assert names == {
        "columns.embedding.weight", "columns.linear.weight", "ids.weight", "text.weight", "text.bias",
        "projections.vector_image%2Esmall.weight", "projections.vector_image%2Esmall.bias",
    }  # fmt: skip


def with_neighbours() -> ItemContent:
    neighbour_IM = torch.tensor([[0, 0], [2, 3], [1, 0], [1, 0], [0, 0], [0, 0], [0, 0]])
    share_IM = torch.tensor([[0, 0], [0.75, 0.25], [1, 0], [1, 0], [0, 0], [0, 0], [0, 0]])
    return replace(content(), beside=(neighbour_IM, share_IM))


def test_neighbours_add_the_mean_of_their_own_vectors():
    mixed, bare = encoder(with_neighbours()).eval(), encoder().eval()
    bare.load_state_dict({key: value for key, value in mixed.state_dict().items() if key != "mix.weight"})
    own, both = bare(), mixed()
    assert torch.allclose(both[1], own[1] + 0.75 * own[2] + 0.25 * own[3], atol=1e-6)
    assert torch.allclose(both[0], own[0], atol=1e-6)
    some = torch.tensor([1, 6, 2, 1])
    assert torch.allclose(mixed(some), both[some], atol=1e-6)


def test_an_item_that_no_user_had_takes_the_whole_vectors_of_those_whose_texts_are_nearest():
    known = with_neighbours()
    known.text_IT[6] = known.text_IT[1] + 0.01
    mixed, bare = encoder(known).eval(), encoder(replace(known, beside=None)).eval()
    bare.load_state_dict({key: value for key, value in mixed.state_dict().items() if key != "mix.weight"})
    near, share = nearest_texts(known.text_IT, torch.tensor([6]), torch.arange(ITEMS).clamp(max=5) % 5 > 0, 2)
    assert near[0, 0] == 1
    own, both = bare(), mixed()
    met = torch.cat([own[:1], both[1:4], own[4:]])  # items 1 to 3 have neighbours
    assert torch.allclose(both[6], own[6] + (share[0, :, None] * met[near[0]]).sum(0), atol=1e-5)
    some = torch.tensor([6, 3, 6])
    assert torch.allclose(mixed(some), both[some], atol=1e-6)


def test_nearness_is_that_of_whitened_texts():
    known = with_neighbours()
    known.text_IT[:, 0] = 1000 * torch.arange(ITEMS)  # outweighs all else before whitening
    known.text_IT[6, 1:] = known.text_IT[2, 1:]
    white_IT = Whitening(known.text_IT[1:5])(known.text_IT)
    near, _ = nearest_texts(white_IT, torch.tensor([6]), known.id_row_I > 0, 2)
    assert encoder(known, whiten=True).get_buffer("near_IM")[6].tolist() == near[0].tolist()


def test_without_texts_an_item_that_no_user_had_has_no_neighbours():
    known = replace(with_neighbours(), text_IT=None)
    mixed, bare = encoder(known).eval(), encoder(replace(known, beside=None)).eval()
    bare.load_state_dict({key: value for key, value in mixed.state_dict().items() if key != "mix.weight"})
    assert torch.allclose(mixed()[4:], bare()[4:], atol=1e-6)


def test_a_neighbour_learns_from_the_items_beside_it():
    mixed = encoder(with_neighbours()).eval()
    mixed()[1].sum().backward()
    assert (mixed.ids.weight.grad[[1, 2, 3]].abs().sum(1) > 0).all()


def test_texts_are_whitened_by_the_items_that_training_met():
    known = content()
    items = encoder(known, whiten=True).eval()
    white_IT = Whitening(known.text_IT[1:5])(known.text_IT)
    bare = encoder(replace(known, text_IT=white_IT)).eval()
    assert torch.allclose(items(), bare(), atol=1e-5)


def test_a_new_catalogue_is_whitened_as_the_first_one_was():
    items, known = encoder(whiten=True).eval(), content()
    before = items()
    items.set_content(replace(known, text_IT=torch.cat([known.text_IT[:6], 50 * known.text_IT[6:]])))
    assert torch.equal(items()[:6], before[:6])
    assert not torch.allclose(items()[6], before[6])


def test_the_whitening_is_saved_with_the_weights():
    assert {"whitening.mean_T", "whitening.map_TT"} <= set(encoder(whiten=True).state_dict())


def test_an_encoder_that_whitens_takes_a_catalogue_without_texts():
    known = replace(content(), text_IT=None)
    assert torch.equal(encoder(known, whiten=True).eval()(), encoder(known).eval()())
