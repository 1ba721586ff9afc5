"""What a task has of its own: its way out of the timeline encoder, bottlenecks beside it, ids of its own."""

import torch

from motet.nn.branches import Bottleneck, Branch, Branches

LAYER_KRD = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
STATE_RD = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))


def test_a_task_without_a_branch_reads_what_all_read():
    made = Branches({"like": Branch(), "stars": Branch(depth=3)}, 3, 4)
    assert len(made.paths) == 0
    assert made.state("like", None, STATE_RD) is STATE_RD
    assert not made.parts("like")


def test_an_early_exit_is_its_layer_normalised():
    made = Branches({"like": Branch(depth=2)}, 3, 4)
    wanted = torch.nn.functional.layer_norm(LAYER_KRD[1], (4,))
    torch.testing.assert_close(made.state("like", LAYER_KRD, STATE_RD), wanted)


def test_bottlenecks_change_nothing_at_the_start():
    made = Branches({"like": Branch(adapter=2)}, 3, 4)
    assert torch.equal(made.state("like", LAYER_KRD, STATE_RD), STATE_RD)


def test_bottlenecks_add_up_what_they_make_of_the_layers_up_to_the_exit():
    made = Branches({"like": Branch(depth=2, adapter=2), "stars": Branch(adapter=2)}, 3, 4)
    assert len(made.paths["of_like"].adapters) == 2
    torch.manual_seed(2)
    path, added = made.paths["of_stars"], torch.zeros_like(STATE_RD)
    for place, adapter in enumerate(path.adapters):
        assert isinstance(adapter, Bottleneck)
        torch.nn.init.normal_(adapter.up.weight)
        hidden = adapter.down(torch.nn.functional.layer_norm(LAYER_KRD[place], (4,)))
        added = added + torch.nn.functional.gelu(hidden) @ adapter.up.weight.T
    torch.testing.assert_close(made.state("stars", LAYER_KRD, STATE_RD), STATE_RD + added)


def test_own_ids_are_read_by_all_tasks_and_taught_by_one():
    made = Branches({"like": Branch(), "stars": Branch()}, 3, 4, ids=6, tasks=["like", "stars"])
    id_row_R = torch.tensor([1, 5, 0, 2, 2])
    found = made.candidate("like", STATE_RD, id_row_R)
    like, stars = made.ids["of_like"], made.ids["of_stars"]
    torch.testing.assert_close(found, STATE_RD + like.weight[id_row_R] + stars.weight[id_row_R])
    assert torch.equal(found[2], STATE_RD[2])  # training never met it
    found.sum().backward()
    assert like.weight.grad is not None
    assert like.weight.grad[[1, 2, 5]].abs().min() > 0
    assert stars.weight.grad is None
    assert made.parts("like")


def test_one_task_with_own_ids_has_a_second_table_and_no_more():
    made = Branches({"like": Branch()}, 3, 4, ids=6, tasks=["like"])
    id_row_R = torch.tensor([3])
    torch.testing.assert_close(
        made.candidate("like", STATE_RD[:1], id_row_R), STATE_RD[:1] + made.ids["of_like"].weight[id_row_R]
    )
