"""Point-in-time counters: what had happened to a user, an item, an author, ... strictly before a row.

One code serves training and serving: :meth:`Counters.run` reads a whole log, :meth:`Counters.read` and
:meth:`Counters.update` go moment by moment, and the features are equal. A row sees events whose time is
*before* its as-of time, never those of the same moment or request, and never its own.

Shapes: N rows, K kinds of key, M targets, F features.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motet.data.fading import NEVER, AsOf, Entries, Ints, Ledger, Past
from motet.errors import ArtifactError, DataError
from motet.system.log import Bar

Features = NDArray[np.float32]

NEVER_RECENCY = 20.0  # log seconds of about 15 years: stands for "no event yet", beside a flag that says so
_START = np.iinfo(np.int64).min
EVERY = slice(None)


@dataclass(frozen=True)
class CounterPlan:
    """What is counted.

    Args:
        keys: What to count for: ``user``, ``item``, ``author``, ``user*author``.
        targets: Labels whose past rate (or mean) is kept: ``click``, ``rating``.
        half_lives_ms: Half-lives of the fading counts and rates, beside the plain ones.
        smoothing: Events' worth of the overall mean that a rate starts from.
        evidence: Targets for which it is also kept how often they were known.
    """

    keys: tuple[str, ...]
    targets: tuple[str, ...] = ()
    half_lives_ms: tuple[int, ...] = ()
    smoothing: float = 20.0
    evidence: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Names of the F features, in their order."""
        spans = ["", *(f"@{_span(length)}" for length in self.half_lives_ms)]
        names = []
        for key in self.keys:
            names += [f"{key}.count{span}" for span in spans]
            names += [f"{key}.{target}{span}" for span in spans for target in self.targets]
            names += [f"{key}.{target}.known" for target in self.evidence]
            names += [f"{key}.recency", f"{key}.never"]
        return names


class Counters:
    """Counts, rates and recency for each key, as they stood just before each row."""

    def __init__(self, plan: CounterPlan, bar: Bar | None = None) -> None:
        """Counters that have seen nothing; `bar` is told of each kind of key that was looked up."""
        self.plan, self._bar = plan, bar
        half_lives, num_keys = (0, *plan.half_lives_ms), len(plan.keys)
        self._events = Ledger(num_keys, 0, half_lives)
        self._targets = Ledger(num_keys + 1, len(plan.targets), half_lives)  # the last kind is everything
        self._settled = _START

    def names(self) -> list[str]:
        """Names of the F features, in their order."""
        return self.plan.names()

    def run(
        self,
        key_KN: Ints,
        time_N: Ints,
        asof_N: Ints,
        target_MN: NDArray[Any],
        ready_MN: Ints | None = None,
        wanted: NDArray[np.bool_] | slice = EVERY,
    ) -> Features:
        """Features of rows of a log, all of which are counted. A longer log may be run in parts.

        Args:
            key_KN: Dense numbers of the keys, in the plan's order; -1: the row has no such key.
            time_N: When the event happened, Unix milliseconds.
            asof_N: As of when the row is scored: the earliest time of its request.
            target_MN: Values of the targets; NaN: none.
            ready_MN: When each target value became known (a window that closes), ``(N,)`` where all did
                together; null: with the event.
            wanted: The rows whose features are asked for, ``(N,)``.

        Returns:
            ``(N, F)``, or those of the wanted rows.

        Raises:
            DataError: A row is scored after its own event, or before rows of an earlier part.
        """
        self._check_order(time_N, asof_N)
        self._fold()
        self._take(key_KN, time_N, target_MN, ready_MN)
        features_NF = self._look(key_KN[:, wanted], asof_N[wanted])
        if asof_N.size:
            self._settle(int(asof_N.max()))
        return features_NF

    def read(self, key_KN: Ints, asof_N: Ints) -> Features:
        """Features as things stand; nothing is counted.

        Args:
            key_KN: Dense numbers of the keys; -1, or a number never counted: nothing is known of it.
            asof_N: As of when, Unix milliseconds. What is settled counts, even for a late reader.

        Returns:
            ``(N, F)``.
        """
        self._fold()
        return self._look(key_KN, np.maximum(asof_N, self._settled))

    def update(
        self, key_KN: Ints, time_N: Ints, target_MN: NDArray[Any], ready_MN: Ints | None = None
    ) -> None:
        """Count events. No row is to be read as of a moment before the earliest of them any more."""
        if time_N.size:
            self._fold()
            self._take(key_KN, time_N, target_MN, ready_MN)
            self._settle(int(time_N.min()))

    def save(self) -> dict[str, NDArray[Any]]:
        """Everything counted, as plain arrays by name."""
        self._fold()
        arrays: dict[str, NDArray[Any]] = {"settled": np.array([self._settled])}
        for name, ledger in (("events", self._events), ("targets", self._targets)):
            for kind, (sums, last) in enumerate(zip(ledger.sums, ledger.last, strict=True)):
                arrays |= {f"{name}.{kind}.sums": sums, f"{name}.{kind}.last": last}
            parts = zip(("key", "visible", "happened", "target"), ledger.waiting.arrays(), strict=True)
            arrays |= {f"{name}.waiting.{part}": np.ascontiguousarray(array) for part, array in parts}
        return arrays

    def load(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take up what :meth:`save` gave, of counters with the same plan."""
        if _outline(arrays) != _outline(Counters(self.plan).save()):
            raise ArtifactError(
                f"counters: the saved arrays do not fit the plan {self.plan}. "
                "Train again, or restore the configuration they were saved with."
            )
        self._settled = int(arrays["settled"][0])
        for name, ledger in (("events", self._events), ("targets", self._targets)):
            for kind in range(len(ledger.sums)):
                ledger.sums[kind] = np.array(arrays[f"{name}.{kind}.sums"], np.float64)
                ledger.last[kind] = np.array(arrays[f"{name}.{kind}.last"], np.int64)
            parts = [arrays[f"{name}.waiting.{part}"] for part in ("key", "visible", "happened", "target")]
            ledger.waiting = Entries(*parts)

    def _check_order(self, time_N: Ints, asof_N: Ints) -> None:
        late_N = asof_N > time_N
        if late_N.any():
            raise DataError(
                f"counters: row {int(np.argmax(late_N))} is scored after its own event and would see it. "
                "Give the earliest time of the row's request as its as-of time."
            )
        if asof_N.size and int(asof_N.min()) < self._settled:
            raise DataError(
                f"counters: a row is scored as of {int(asof_N.min())} ms, but events up to "
                f"{self._settled} ms were counted before. Run the parts of a log in the order of their "
                "as-of times."
            )

    def _take(self, key_KN: Ints, time_N: Ints, target_MN: NDArray[Any], ready_MN: Ints | None) -> None:
        assert key_KN.shape == (len(self.plan.keys), time_N.size), key_KN.shape
        assert target_MN.shape == (len(self.plan.targets), time_N.size), target_MN.shape
        time_N = time_N.astype(np.int64, copy=False)
        self._events.wait(Entries(key_KN, time_N, time_N, np.zeros((0, time_N.size), np.float32)))
        if self.plan.targets:
            all_KN = np.concatenate([key_KN, np.zeros((1, time_N.size), np.int64)])
            for known_N, known_MN in _known_together(
                time_N, target_MN.astype(np.float32, copy=False), ready_MN
            ):
                self._targets.wait(Entries(all_KN, known_N, time_N, known_MN))

    def _settle(self, before_ms: int) -> None:
        self._settled = max(self._settled, before_ms)

    def _fold(self) -> None:
        """Fold what is settled, which waits until it is needed: most logs are read once."""
        self._events.settle(self._settled)
        self._targets.settle(self._settled)

    def _look(self, key_KN: Ints, asof_N: Ints) -> Features:
        num_kinds, num_targets = len(self.plan.keys), len(self.plan.targets)
        width = (1 + len(self.plan.half_lives_ms)) * (1 + num_targets) + len(self.plan.evidence) + 2
        out = np.empty((asof_N.size, num_kinds * width), np.float32)
        events, targets = self._events.as_of(asof_N), self._targets.as_of(asof_N)
        prior_MN = self._prior(targets, asof_N.size)
        for kind in range(num_kinds):
            out_NW = out[:, kind * width : (kind + 1) * width]
            self._write_counts(out_NW, events.of(kind, key_KN[kind]), asof_N)
            if num_targets:
                self._write_rates(out_NW, targets.of(kind, key_KN[kind]), prior_MN)
            if self._bar is not None:
                self._bar.advance()
        return out

    def _prior(self, targets: AsOf, rows: int) -> NDArray[np.float64]:
        """Mean of each target over all events before each row; 0 before the first: `(M, N)`."""
        prior_MN = np.zeros((len(self.plan.targets), rows))
        if self.plan.targets:
            everything = targets.of(len(self.plan.keys), np.zeros(rows, np.int64))
            for start, sums_CN in everything.sums(0):
                prior_MN[start // 2 :][: len(sums_CN) // 2] = sums_CN[0::2] / np.maximum(sums_CN[1::2], 1.0)
        return prior_MN

    def _write_counts(self, out_NW: Features, past: Past, asof_N: Ints) -> None:
        for number in range(1 + len(self.plan.half_lives_ms)):
            for _, sums_CN in past.sums(number):
                out_NW[:, number] = np.log1p(sums_CN[0])
        last_N = past.last()
        never_N = last_N == NEVER
        seconds_N = np.maximum(asof_N - last_N, 0) / 1000.0
        out_NW[:, -2] = np.where(never_N, NEVER_RECENCY, np.log1p(seconds_N))
        out_NW[:, -1] = never_N

    def _write_rates(self, out_NW: Features, past: Past, prior_MN: NDArray[np.float64]) -> None:
        num_targets, smoothing = len(prior_MN), self.plan.smoothing
        first = 1 + len(self.plan.half_lives_ms)
        for number in range(first):
            for start, sums_CN in past.sums(number):
                for pair in range(len(sums_CN) // 2):
                    target = start // 2 + pair
                    total_N = sums_CN[2 * pair] + smoothing * prior_MN[target]
                    column = first + number * num_targets + target
                    out_NW[:, column] = total_N / (sums_CN[2 * pair + 1] + smoothing)
                    if number == 0 and (name := self.plan.targets[target]) in self.plan.evidence:
                        column = first * (1 + num_targets) + self.plan.evidence.index(name)
                        out_NW[:, column] = np.log1p(sums_CN[2 * pair + 1])


def _known_together(
    time_N: Ints, target_MN: NDArray[np.float32], ready_MN: Ints | None
) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
    """The targets in groups that become known at the same times, each with NaN for all others."""
    if ready_MN is None:
        yield time_N, target_MN
        return
    known_MN = np.maximum(np.broadcast_to(ready_MN, target_MN.shape), time_N)
    ready_GN, group_M = np.unique(known_MN, axis=0, return_inverse=True)
    for group, ready_N in enumerate(ready_GN):
        mine_M1 = (group_M.reshape(-1) == group)[:, None]
        yield ready_N, np.where(mine_M1, target_MN, np.float32(np.nan))


def _outline(arrays: dict[str, NDArray[Any]]) -> dict[str, tuple[int, ...]]:
    """The sizes that follow from the plan alone: kinds, targets, half-lives, not keys or entries."""
    tables = {name: array.shape[1:] for name, array in arrays.items() if name.endswith(".sums")}
    return tables | {name: array.shape[:-1] for name, array in arrays.items() if not name.endswith(".sums")}


class CounterScaler:
    """Standardises features with the mean and spread of training rows, and clips what lies far out."""

    LIMIT = 8.0
    _ROWS = 100_000

    def __init__(self, mean_F: NDArray[Any], std_F: NDArray[Any]) -> None:
        """From known statistics; see :meth:`fit`."""
        self.mean = np.asarray(mean_F, np.float32)
        self.std = np.asarray(std_F, np.float32)

    @classmethod
    def fit(cls, features_NF: Features, train_N: NDArray[np.bool_] | None = None) -> "CounterScaler":
        """Mean and standard deviation of the training rows; a feature that never varies has spread 1."""
        blocks = [slice(start, start + cls._ROWS) for start in range(0, len(features_NF), cls._ROWS)]
        chosen = [features_NF[b] if train_N is None else features_NF[b][train_N[b]] for b in blocks]
        count = max(sum(len(block) for block in chosen), 1)
        zero_F = np.zeros(features_NF.shape[1])
        mean_F = sum((block.sum(0, dtype=np.float64) for block in chosen), zero_F) / count
        std_F = np.sqrt(sum((np.square(block - mean_F).sum(0) for block in chosen), zero_F) / count)
        return cls(mean_F, np.where(std_F < 1e-6, 1.0, std_F))

    def apply(self, features_NF: Features, out: Features | None = None) -> Features:
        """Standardised features within ±8: `(N, F)`; `out` may be the input itself."""
        out = np.subtract(features_NF, self.mean, out=out)
        np.divide(out, self.std, out=out)
        return np.clip(out, -self.LIMIT, self.LIMIT, out=out)

    def save(self) -> dict[str, NDArray[Any]]:
        """The statistics, as arrays by name."""
        return {"mean": self.mean, "std": self.std}

    @classmethod
    def load(cls, arrays: dict[str, NDArray[Any]]) -> "CounterScaler":
        """From what :meth:`save` gave."""
        return cls(arrays["mean"], arrays["std"])


def _span(milliseconds: int) -> str:
    """Shortest writing of a duration.

    >>> _span(604_800_000), _span(90_000)
    ('7d', '90s')
    """
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms"
