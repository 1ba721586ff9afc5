"""Heads that give a number."""

import pytest
import torch
import torch.nn.functional as F

from motet.tasks.regression import RegressionHead

LABELS = torch.tensor([1.0, 2.0, 3.0, 6.0])
MEAN, DEVIATION = 3.0, LABELS.std(correction=0).item()


def head(loss: str = "squared", deviation: float = DEVIATION) -> RegressionHead:
    torch.manual_seed(0)
    return RegressionHead(4, MEAN, deviation, loss)


def test_before_training_a_head_predicts_about_the_mean():
    made = head()
    assert made.prediction(made(torch.zeros(2, 4))).tolist() == [MEAN, MEAN]


def test_the_squared_loss_of_the_mean_is_one():
    assert head().loss(torch.zeros(4), LABELS).item() == pytest.approx(1.0)


def test_a_prediction_is_on_the_scale_of_the_label():
    made, raw = head(), torch.tensor([-1.0, 0.5])
    assert made.prediction(raw).tolist() == pytest.approx([MEAN - DEVIATION, MEAN + DEVIATION / 2])


def test_a_right_prediction_has_no_loss():
    raw = (LABELS - MEAN) / DEVIATION
    for loss in ("squared", "absolute", "huber"):
        assert head(loss).loss(raw, LABELS).item() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("loss", "reference"), [("squared", F.mse_loss), ("absolute", F.l1_loss), ("huber", F.huber_loss)]
)
def test_errors_count_in_units_of_the_deviation(loss, reference):
    made, raw = head(loss), torch.randn(4)
    wanted = reference(made.prediction(raw) / DEVIATION, LABELS / DEVIATION)
    assert made.loss(raw, LABELS).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_a_label_that_never_varies_gives_a_finite_loss():
    made = head(deviation=0.0)
    assert torch.isfinite(made.loss(torch.zeros(3), torch.full((3,), MEAN)))
    assert made.prediction(torch.zeros(1)).item() == MEAN
