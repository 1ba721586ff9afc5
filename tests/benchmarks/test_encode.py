"""The benchmark of encoding: ratios of turns, agreement of vectors, a program that answers line by line."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import environment
from benchmarks.encode import BATCH_SIZES, Cell, Side, agreement, claims_of, titles


def turns(*seconds: float) -> list[dict[str, float]]:
    return [{"seconds": each, "cpu_seconds": each} for each in seconds]


def cosines(least: float) -> dict[str, dict[str, dict[str, float]]]:
    return {"beauty": {"ours fp32, peer fp32": {"least": least}}}


def test_the_claim_is_the_median_turn_of_the_worst_cell():
    cells = {
        1: {
            "beauty.fp32": Cell(100, turns(1, 1, 1), turns(3, 2, 2.5)),
            "beauty.bf16": Cell(100, turns(1, 2, 1), turns(1.5, 2.8, 1.1)),
            "beauty.int8": Cell(100, turns(1.0), turns(1.2)),
        }
    }
    found = {each["name"]: each for each in claims_of(cells, cosines(0.999))}
    ratio = found["encode.throughput_ratio"]
    assert (ratio["value"], ratio["low"], ratio["high"]) == (1.4, 1.1, 1.5)
    assert found["encode.int8_ratio"]["value"] == 1.2
    assert found["encode.beauty.fp32.threads_1"]["value"] == 100
    assert found["encode.beauty.fp32.threads_1"]["peer"] == {"name": "sentence-transformers", "value": 40}
    assert found["encode.beauty.int8.threads_1"]["peer"] is None
    assert found["encode.least_cosine"]["value"] == 0.999


def test_vectors_agree_by_angle_whatever_their_length(tmp_path):
    random = np.random.default_rng(0)
    vectors = random.standard_normal((30, 8)).astype(np.float32)
    for side in ("ours", "peer"):
        for precision in ("fp32", "bf16"):
            np.save(tmp_path / f"{side}-x-{precision}.npy", vectors * (2 if side == "ours" else 1))
    turned = vectors.copy()
    turned[3] = -turned[3]
    np.save(tmp_path / "ours-x-int8.npy", turned)
    found = agreement(tmp_path, "x")
    assert found["ours fp32, peer fp32"] == pytest.approx({"least": 1.0, "mean": 1.0, "of ten nearest": 1.0})
    assert found["ours int8, peer fp32"]["least"] == pytest.approx(-1.0)
    assert found["ours int8, peer fp32"]["mean"] == pytest.approx(28 / 30)
    assert found["ours int8, peer fp32"]["of ten nearest"] < 1


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An encoder whose vector is how long a text is, times an option."""
    (tmp_path / "counts.py").write_text(
        "import sys\nimport numpy as np\nfrom benchmarks.peers.asked import answer\n"
        "print('this is no answer', file=sys.stderr)\n"
        "def opened(precision, options):\n"
        "    print('neither is this')\n"
        "    return lambda texts: np.array([[len(text) * options.get('times', 1)] for text in texts])\n"
        "answer(opened)\n"
    )
    return str(tmp_path)


def test_a_side_stays_and_answers_what_it_is_asked(program, tmp_path):
    side = Side(["counts"], 1, {"PYTHONPATH": program})
    (tmp_path / "texts.json").write_text(json.dumps(["a", "bcd"]))
    first = side.ask(tmp_path / "texts.json", "fp32", tmp_path / "found.npy")
    assert first["seconds"] >= 0
    assert np.load(tmp_path / "found.npy").tolist() == [[1], [3]]
    side.ask(tmp_path / "texts.json", "fp32", tmp_path / "found.npy", times=2)
    assert np.load(tmp_path / "found.npy").tolist() == [[2], [6]]
    side.end()
    assert side.process.returncode == 0


def test_a_side_that_ends_says_so(program, tmp_path):
    side = Side(["counts"], 1, {"PYTHONPATH": program})
    with pytest.raises(RuntimeError, match="ended"):
        side.ask(tmp_path / "missing.json", "fp32")


@pytest.mark.data
def test_titles_differ_and_are_drawn_by_the_seed(data_folder):
    data = data_folder("amazon-beauty-2014").parent
    some = titles(data, "amazon-beauty-2014", 50)
    assert len(set(some)) == 50
    assert titles(data, "amazon-beauty-2014", 50) == some
    assert titles(data, "amazon-beauty-2014", 50, seed=1) != some


def test_packages_beside_ours_are_installed_once(tmp_path, monkeypatch):
    import subprocess

    done: list[list[str]] = []

    def run(command, **_):
        done.append(command)
        return subprocess.CompletedProcess(command, len(done) > 1)

    monkeypatch.setattr(environment.subprocess, "run", run)
    for _ in range(2):
        assert environment.beside("encoding", tmp_path / "made") == tmp_path / "made"
    assert len(done) == 1
    assert {"--no-deps", "--target", str(tmp_path / "made")} <= set(done[0])
    with pytest.raises(RuntimeError, match="try by hand"):
        environment.beside("encoding", tmp_path / "other")


def test_the_peer_has_a_choice_of_batch_sizes():
    assert 32 in BATCH_SIZES  # its own default
    assert len(BATCH_SIZES) > 1
