"""Devices, measured choices, and what a run cost."""

import os
import subprocess
import sys

import pytest
import torch

from motet.errors import ConfigError
from motet.system import devices, machine


def test_the_cpu_can_be_asked_for_and_what_is_not_there_is_refused():
    assert devices.choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigError, match=r"It has .*cpu"):
        devices.choose_device("abacus")


def test_measuring_threads_leaves_torch_as_it_was():
    before = torch.get_num_threads()
    assert 1 <= devices.measure_threads() <= devices.cores()
    assert torch.get_num_threads() == before


def test_a_second_thread_that_gains_nothing_is_not_used(monkeypatch):
    monkeypatch.setattr(devices, "_seconds", lambda work: 1.0)
    assert devices.measure_threads(most=8) == 1


@pytest.mark.parametrize(
    ("fp32", "bf16", "chosen"), [(1.31, 1.0, "bf16"), (1.29, 1.0, "fp32"), (1.0, 2.0, "fp32")]
)
def test_bf16_is_chosen_only_when_it_pays(monkeypatch, fp32, bf16, chosen):
    times = iter([fp32, bf16])
    monkeypatch.setattr(devices, "_seconds", lambda work: next(times))
    assert devices.measure_precision(64) == chosen


@pytest.mark.parametrize(
    ("name", "ours"), [("THP_MEM_ALLOC_ENABLE", "1"), ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")]
)
def test_memory_is_tuned_unless_somebody_decided(monkeypatch, name, ours):
    for each in ("THP_MEM_ALLOC_ENABLE", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        monkeypatch.setenv(each, "7")  # the tuning of the other one is undone too
    monkeypatch.delenv(name)
    devices.tune_memory()
    assert os.environ[name] == ours
    monkeypatch.setenv(name, "0")
    devices.tune_memory()
    assert os.environ[name] == "0"


def test_computing_costs_cpu_seconds_also_in_children():
    before = machine.cpu_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert machine.cpu_seconds() > before


def test_holding_memory_raises_the_peak():
    """In a process of its own: this one may have held gigabytes before, which it would have to hold again."""
    code = (
        "import numpy as np; from motet.system import machine; before = machine.peak_rss_mb(); "
        "block = np.ones(2**20 * int(before + 100) // 8); print(machine.peak_rss_mb() - before)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(said) >= 50


def test_the_machine_is_described_without_saying_whose_it_is():
    facts = machine.machine()
    assert {"processor", "cores", "memory_gb", "system"} <= set(facts)
    assert os.uname().nodename not in str(facts)


def test_versions_name_python_and_torch():
    assert machine.versions()["torch"] == torch.__version__


def test_freed_memory_can_be_given_back_where_the_c_library_knows_how(monkeypatch):
    asked = []

    class Library:
        def malloc_trim(self, pad: int) -> None:
            asked.append(pad)

    monkeypatch.setattr("ctypes.CDLL", lambda name: Library())
    devices.give_back_memory()
    assert asked == [0]

    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", missing)
    devices.give_back_memory()
