"""What is told while something runs: lines, warnings, progress with the latest figures, a log of JSON lines.

All but the log goes to standard error; standard output is left to results.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from motet.system.files import plain

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_bars: "Progress | None" = None  # the bars on the screen at this moment; one set for the whole process


class Bar(Protocol):
    """What a piece of work reports its progress to."""

    def advance(self, steps: int = 1, values: Mapping[str, float] | None = None) -> None:
        """Count steps as done; `values` are shown beside the bar until others of the same name come."""
        ...


def say(text: str) -> None:
    """Print a line for the person who waits."""
    if _bars is None:
        print(text, file=sys.stderr, flush=True)
    else:
        _bars.console.print(text, markup=False, highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print a line about something that a person should know of but that does not stop the work."""
    say(f"warning: {text}")


@contextmanager
def progress(total: int | None, what: str, *, every: float = 10.0) -> Iterator[Bar]:
    """Show how far a piece of work is, with its rate, the time left and its latest figures.

    On a terminal this is a bar (bars stack when one piece of work holds another); elsewhere it is one line
    every `every` seconds, so that a log file stays readable.

    Args:
        total: How many steps there are, or None when nobody knows.
        what: A word or two, for example ``epoch 3``.
        every: Seconds between two lines where there is no terminal.
    """
    if not sys.stderr.isatty():
        yield Lines(total, what, every)
        return
    with _screen() as bars:
        task = bars.add_task(what, total=total, figures="")
        try:
            yield _ScreenBar(bars, task)
        finally:
            bars.remove_task(task)


@contextmanager
def stage(what: str, *, after: float = 2.0, every: float = 10.0) -> Iterator[None]:
    """Tell of a piece of work whose steps cannot be seen from outside, if it takes longer than a moment.

    On a terminal this is a bar without an end; elsewhere lines with the time that went by. It decorates a
    function too. Nothing that shows progress of its own may happen inside.

    Args:
        what: A word or two, for example ``cleaning``.
        after: Seconds until anything is told.
        every: Seconds between two lines where there is no terminal.
    """
    over = threading.Event()
    teller = threading.Thread(target=_tell, args=(what, over, after, every), daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _tell(what: str, over: threading.Event, after: float, every: float) -> None:
    start = time.monotonic()
    if over.wait(after):
        return
    if sys.stderr.isatty():
        with progress(None, what):
            over.wait()
        return
    while True:
        passed = duration(time.monotonic() - start)
        if over.is_set():
            say(f"{what}: done in {passed}")
            return
        say(f"{what}: {passed} so far")
        over.wait(every)


class Lines:
    """Progress for a log file: a line now and then."""

    def __init__(
        self, total: int | None, what: str, every: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total, self.what, self.every, self.clock = total, what, every, clock
        self.done = 0
        self.values: dict[str, float] = {}
        self.start = self.last = clock()

    def advance(self, steps: int = 1, values: Mapping[str, float] | None = None) -> None:
        """Count steps as done, and print a line when enough time went by."""
        self.done += steps
        self.values.update(values or {})
        now = self.clock()
        if now - self.last >= self.every:
            self.last = now
            say(describe(self.what, self.done, self.total, now - self.start, self.values))


class _ScreenBar:
    """Progress on a terminal."""

    def __init__(self, bars: "Progress", task: "TaskID") -> None:
        self.bars, self.task = bars, task
        self.values: dict[str, float] = {}

    def advance(self, steps: int = 1, values: Mapping[str, float] | None = None) -> None:
        self.values.update(values or {})
        self.bars.update(self.task, advance=steps, figures=figures(self.values))


@contextmanager
def _screen() -> Iterator["Progress"]:
    """The set of bars on the screen: a new one, or the one that is there already."""
    global _bars
    if _bars is not None:
        yield _bars
        return
    with _new_bars() as bars:
        _bars = bars
        try:
            yield bars
        finally:
            _bars = None


def _new_bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3g}/s" if task.speed else "")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        Rate(),
        TimeLeft(),
        TextColumn("{task.fields[figures]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


def figures(values: Mapping[str, float]) -> str:
    """Several named figures in one line.

    >>> figures({"next": 7.31234, "like.auc": 0.7})
    'next 7.312  like.auc 0.7'
    """
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


def describe(what: str, done: int, total: int | None, seconds: float, values: Mapping[str, float]) -> str:
    """One line of progress.

    >>> describe("epoch 1", 50, 200, 10.0, {"loss": 2.5})
    'epoch 1: 50 of 200, 5/s, 30 s left, loss 2.5'
    """
    rate = done / seconds if seconds > 0 else 0.0
    parts = [f"{done} of {total}" if total is not None else f"{done}", f"{rate:.3g}/s"]
    if total is not None and rate > 0:
        parts.append(f"{duration((total - done) / rate)} left")
    parts += [f"{name} {value:.4g}" for name, value in values.items()]
    return f"{what}: " + ", ".join(parts)


def duration(seconds: float) -> str:
    """A length of time for people.

    >>> [duration(s) for s in (7.2, 125, 7260)]
    ['7 s', '2 min 5 s', '2 h 1 min']
    """
    whole = round(max(seconds, 0))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class JsonLines:
    """A log of one JSON object a line, flushed, so that a killed run leaves all but its last line."""

    def __init__(self, path: Path) -> None:
        """Open the log, to go on where it ends; a torn last line (after a kill) is cut off first."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(self.path)
        self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 - closed by close()

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record; what is not a finite number becomes null."""
        self._file.write(json.dumps(plain(dict(record)), ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """All whole records of a log, in order; a torn last line is left out."""
    if not Path(path).exists():
        return []
    lines = Path(path).read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines if line.strip()]


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    whole = path.read_bytes().rfind(b"\n") + 1
    if whole != path.stat().st_size:
        os.truncate(path, whole)
