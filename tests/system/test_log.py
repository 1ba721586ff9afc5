"""Lines, progress and the log of JSON lines."""

import io
import queue
import time

import pytest
from rich.console import Console

from motet.system import log
from motet.system.log import JsonLines, Lines, progress, read_json_lines, say, stage, warn


def test_a_line_goes_to_standard_error(capsys):
    say("reading [items]")
    warn("`threads` was not used")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "reading [items]\nwarning: `threads` was not used\n"


def test_a_log_file_gets_a_line_every_ten_seconds(capsys):
    now = iter([0.0, 4.0, 10.0, 12.0, 20.0])
    bar = Lines(100, "epoch 1", every=10.0, clock=lambda: next(now))
    bar.advance(10, {"next": 7.0})
    bar.advance(10, {"like": 0.5})
    bar.advance(10)
    bar.advance(10, {"next": 6.5})
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1: 20 of 100, 2/s, 40 s left, next 7, like 0.5",
        "epoch 1: 40 of 100, 2/s, 30 s left, next 6.5, like 0.5",
    ]


def test_a_total_that_nobody_knows_is_not_invented():
    assert log.describe("rows", 30, None, 10.0, {}) == "rows: 30, 3/s"


def test_short_work_says_nothing_where_there_is_no_terminal(capsys):
    with progress(3, "short") as bar:
        bar.advance(3)
    assert capsys.readouterr().err == ""


def test_a_stage_that_takes_long_is_told_of_and_said_to_be_done(monkeypatch):
    told: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(log, "say", told.put)
    with stage("cleaning", after=0.001, every=0.001):
        assert [told.get(timeout=10) for _ in range(2)] == ["cleaning: 0 s so far"] * 2
    *_, last = list(told.queue)
    assert last == "cleaning: done in 0 s"


def test_a_short_stage_says_nothing_whatever_comes_of_it(capsys):
    @stage("cleaning")
    def refuse(what):
        raise ValueError(what)

    for _ in range(2):  # the same function, once more
        with pytest.raises(ValueError, match="no"):
            refuse("no")
    assert capsys.readouterr().err == ""


@pytest.fixture
def terminal(monkeypatch):
    """A terminal that keeps what was drawn on it."""
    screen = io.StringIO()
    monkeypatch.setattr(log.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: Console(file=screen, force_terminal=True, width=120)
    )
    return screen


def test_bars_stack_and_show_the_latest_figures(terminal):
    with progress(2, "epochs") as outer:
        with progress(5, "steps") as inner:
            inner.advance(5, {"next.loss": 7.25})
            assert log._bars is not None
            log._bars.refresh()
            say("halfway [x]")
        outer.advance(1, {"next.ndcg@10": 0.1})
    assert log._bars is None
    drawn = terminal.getvalue()
    assert "epochs" in drawn
    assert "next.loss 7.25" in drawn
    assert "halfway [x]" in drawn


def test_a_stage_is_a_bar_on_a_terminal(terminal):
    with stage("cleaning", after=0.001):
        wait_until(lambda: log._bars is not None and log._bars.tasks)
        log._bars.refresh()
    assert log._bars is None
    assert "cleaning" in terminal.getvalue()
    assert "so far" not in terminal.getvalue()


def wait_until(fulfilled):
    end = time.monotonic() + 10
    while not fulfilled():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.001)


def test_a_bar_that_fails_leaves_the_screen_free(terminal):
    with pytest.raises(ValueError, match="no"), progress(2, "epochs"):
        raise ValueError("no")
    assert log._bars is None


def test_a_log_of_json_lines_can_be_read_while_it_is_written(tmp_path):
    with JsonLines(tmp_path / "log.jsonl") as lines:
        lines.write({"epoch": 1, "loss": float("nan")})
        assert read_json_lines(tmp_path / "log.jsonl") == [{"epoch": 1, "loss": None}]


def test_a_line_torn_by_a_kill_is_cut_off_before_the_log_goes_on(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"epoch": 1}\n{"epo')
    assert read_json_lines(path) == [{"epoch": 1}]
    with JsonLines(path) as lines:
        lines.write({"epoch": 2})
    assert path.read_text() == '{"epoch": 1}\n{"epoch": 2}\n'


def test_a_log_that_is_not_there_is_empty(tmp_path):
    assert read_json_lines(tmp_path / "log.jsonl") == []
