"""From the columns of a row to a vector."""

import pytest
import torch

from motet.features.columns import ColumnEncoder

NAN = float("nan")


def encoder(codes: int = 5, numbers: int = 2) -> ColumnEncoder:
    torch.manual_seed(0)
    return ColumnEncoder(codes, numbers, width=3)


def test_a_row_is_the_sum_of_its_codes_and_a_linear_map_of_its_numbers():
    columns = encoder()
    found = columns(torch.tensor([[2, 4]]), torch.tensor([[0.5, -1.0]]))
    table, matrix = columns.embedding.weight, columns.linear.weight
    wanted = table[2] + table[4] + 0.5 * matrix[:, 0] - 1.0 * matrix[:, 1]
    assert torch.allclose(found[0], wanted, atol=1e-6)


def test_an_empty_slot_adds_nothing_and_never_learns():
    columns = encoder(numbers=0)
    assert torch.equal(columns(torch.tensor([[0, 3]]), torch.zeros(1, 0))[0], columns.embedding.weight[3])
    columns(torch.tensor([[0, 3]]), torch.zeros(1, 0)).sum().backward()
    assert columns.embedding.weight.grad[0].abs().sum() == 0


def test_a_missing_number_is_the_mean_and_a_vector_of_its_own():
    columns = encoder(codes=1)
    missing = columns(torch.zeros(1, 0, dtype=torch.int64), torch.tensor([[NAN, 2.0]]))[0]
    matrix = columns.linear.weight
    assert torch.allclose(missing, 2.0 * matrix[:, 1] + matrix[:, 2], atol=1e-6)
    assert not missing.isnan().any()


def test_a_row_without_columns_is_zero_in_any_shape():
    columns = encoder(codes=1, numbers=0)
    found = columns(torch.zeros(4, 7, 0, dtype=torch.int64), torch.zeros(4, 7, 0))
    assert torch.equal(found, torch.zeros(4, 7, 3))
    assert list(columns.parameters()) == []


@pytest.mark.parametrize("codes", [2, 9, 200])
def test_codes_of_any_range_add_their_vectors_and_learn_alike(codes: int):
    torch.manual_seed(0)
    encoder = ColumnEncoder(codes, 0, 4)
    code = torch.randint(0, codes, (5, 3, 6))
    mixed = torch.randn(5, 3, 4)
    (encoder(code, torch.zeros(5, 3, 0)) * mixed).sum().backward()
    looked_up = encoder.embedding(code).sum(-2)
    torch.testing.assert_close(encoder(code, torch.zeros(5, 3, 0)), looked_up)
    learned = encoder.embedding.weight.grad.clone()
    encoder.zero_grad()
    (looked_up * mixed).sum().backward()
    torch.testing.assert_close(learned, encoder.embedding.weight.grad)  # sums are rounded in another order
    assert torch.equal(learned[0], torch.zeros(4))


def test_an_empty_batch_of_rows_has_no_vectors():
    assert ColumnEncoder(5, 0, 4)(torch.zeros(0, 3, dtype=torch.int64), torch.zeros(0, 0)).shape == (0, 4)
