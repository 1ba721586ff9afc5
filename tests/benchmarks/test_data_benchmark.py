"""The benchmark on data, on a log of 20,000 events."""

import json
import subprocess
import sys

import pytest

from benchmarks.data import make_log, prepare
from benchmarks.environment import ROOT
from motet.config.read import read_config
from motet.data.survey import survey


def test_a_made_up_log_can_be_checked_and_prepared(tmp_path):
    make_log(tmp_path, 20_000, 0)
    found = survey(read_config(tmp_path / "motet.yaml"), tmp_path)
    assert found["cleaning"]["rows"]["events"]["in"] == 20_000
    assert prepare(tmp_path) == found["cleaning"]["rows"]["events"]["out"] == 20_000 - 20 - 2


@pytest.mark.slow
def test_a_child_process_is_measured():
    # In a small process: what the measuring process holds at the fork counts as the child's.
    hungry = "d.measure(['-c', 'x = bytearray(900_000_000)'])"
    code = f"import json, benchmarks.data as d; print(json.dumps({hungry}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    found = json.loads(ran.stdout)
    assert 858 < found["memory_mb"] < 1000  # a MB is 2^20 bytes
    assert found["seconds"] > 0
