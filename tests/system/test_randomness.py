"""One seed, and a generator for each name."""

import random

import numpy as np
import torch

from motet.system.randomness import derived_seed, generator, seed_all, torch_generator


def test_a_name_always_gives_the_same_seed():
    assert derived_seed(0, "split") == 1456003616910624960
    assert 0 <= derived_seed(-1, "") < 2**63


def test_what_draws_under_one_name_does_not_disturb_another():
    generator(0, "dropout").random(100)
    assert generator(0, "split").random() == generator(0, "split").random()
    assert generator(0, "split").random() != generator(0, "dropout").random()
    assert generator(0, "split").random() != generator(1, "split").random()


def test_a_torch_generator_repeats_itself():
    first, second = (torch.rand(3, generator=torch_generator(5, "batches")) for _ in range(2))
    assert torch.equal(first, second)


def test_seeding_all_repeats_python_numpy_and_torch():
    def draw() -> tuple[float, float, float]:
        seed_all(3)
        return random.random(), np.random.random(), torch.rand(1).item()

    assert draw() == draw()
