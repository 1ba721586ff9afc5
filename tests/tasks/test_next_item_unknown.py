"""Items of which nothing is known."""

import torch

from motet.tasks.next_item import NextItemHead


def test_an_item_of_which_nothing_is_known_comes_after_all_others():
    yes = torch.ones(3, dtype=torch.bool)
    head = NextItemHead(2, yes, yes, "cosine", 0.1, 0.0)
    item_ID = torch.tensor([[0.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    score_RI = head.scores(head.queries(torch.tensor([[1.0, 0.0]])), head.keys(item_ID))
    assert score_RI[0].argsort(descending=True)[0] == 2
