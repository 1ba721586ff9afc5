"""Running sums that fade: per key, what its earlier entries add up to, seen from any later moment.

An entry is a key, a moment and some numbers; seen from a later moment it weighs ``2 ** -(age / half_life)``,
or 1 in a plain sum. Sums over a log are a segmented scan: blocks of eight entries of one key by doubling
(Hillis & Steele, CACM 1986, doi.org/10.1145/7902.7903), then the blocks' totals in the same way, level by
level. Weights are taken from differences of times, so nothing overflows. The tree of additions depends on an
entry's place among its key's own entries alone: what comes later, or belongs to another key, moves no bit.

Shapes: E entries, N questions, K kinds of key, M targets, C channels, H half-lives, the plain sum (0) first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

VISIBLE: Literal["left", "right"] = "left"
"""Side on which an as-of time is searched among the times: left is *strictly before*; right leaks."""

NEVER = -(2**62)
_BLOCK = 8
_CHUNK = 1 << 21  # numbers in a chunk of channels: bounds memory on long logs, saves calls on short ones


def fade(age: NDArray[Any], half_life_ms: int) -> Floats:
    """Weight of what is `age` milliseconds old; a half-life of 0 means that nothing fades."""
    if half_life_ms == 0:
        return np.ones(age.shape)
    weight: Floats = np.exp2(np.maximum(age, 0) * (-1.0 / half_life_ms))
    return weight


class RunningSums:
    """Inclusive sums over the entries of one key after another, each key's in order of time."""

    def __init__(self, place_E: Ints, time_E: Ints) -> None:
        """Lay out the levels; `place_E` counts each key's entries from 0."""
        self._place, self._time = place_E, time_E
        self._local = place_E % _BLOCK
        closes = self._local == _BLOCK - 1
        self._ends = np.flatnonzero(closes)
        self._above: RunningSums | None = None
        if self._ends.size:
            self._carried = np.flatnonzero(place_E >= _BLOCK)
            self._carrier = (np.cumsum(closes) - closes)[self._carried] - 1
            self._above = RunningSums(place_E[self._ends] // _BLOCK, time_E[self._ends])

    def weights(self, half_life_ms: int) -> list[Floats]:
        """What an earlier sum weighs at a later place, for each step of each level: for :meth:`add`."""
        steps = []
        for step in (1, 2, 4):
            age = self._time[step:] - self._time[:-step]
            steps.append(np.where(self._local[step:] >= step, fade(age, half_life_ms), 0.0))
        if self._above is None:
            return steps
        carrier_time = self._time[self._ends][self._carrier]
        steps.append(fade(self._time[self._carried] - carrier_time, half_life_ms))
        return steps + self._above.weights(half_life_ms)

    def add(self, value_CE: Floats, weights: list[Floats]) -> None:
        """Turn each value, in place, into the sum of its key's values up to and with it."""
        spare_CE = np.empty_like(value_CE)
        for step, weight in zip((1, 2, 4), weights, strict=False):
            earlier = np.multiply(value_CE[:, :-step], weight, out=spare_CE[:, step:])
            value_CE[:, step:] += earlier
        if self._above is not None:
            total = value_CE[:, self._ends]
            self._above.add(total, weights[4:])
            value_CE[:, self._carried] += total[:, self._carrier] * weights[3]


@dataclass(frozen=True)
class Entries:
    """Keys `(K, E)`, moments of becoming visible and of happening `(E,)`, targets `(M, E)` with NaN."""

    key: Ints
    visible: Ints
    happened: Ints
    target: NDArray[np.float32]

    def __len__(self) -> int:
        return self.visible.size

    def take(self, chosen: NDArray[Any]) -> "Entries":
        """The chosen entries, by mask or by place."""
        happened, target = self.happened[chosen], self.target[:, chosen]
        return Entries(self.key[:, chosen], self.visible[chosen], happened, target)

    def without_keys(self) -> "Entries":
        """The same with no key, to be taken apart for one kind of key."""
        return replace(self, key=self.key[:0])

    def after(self, earlier: "Entries") -> "Entries":
        """`earlier`, then these."""
        if not len(earlier):
            return self
        key = np.concatenate([earlier.key, self.key], axis=1)
        visible = np.concatenate([earlier.visible, self.visible])
        happened = np.concatenate([earlier.happened, self.happened])
        return Entries(key, visible, happened, np.concatenate([earlier.target, self.target], axis=1))

    def arrays(self) -> tuple[Ints, Ints, Ints, NDArray[np.float32]]:
        """The four arrays."""
        return self.key, self.visible, self.happened, self.target

    def channels(self, start: int, stop: int) -> Floats:
        """Numbers to be summed: one channel of ones, or each target's value and whether it is known."""
        if not len(self.target):
            return np.ones((1, len(self)))
        target = self.target[start // 2 : stop // 2]
        known = ~np.isnan(target)
        value = np.empty((stop - start, len(self)))
        value[0::2] = np.where(known, target, 0.0)
        value[1::2] = known
        return value


class Ledger:
    """Fading sums for every key of K kinds: settled ones, folded by key, and entries that wait to be settled.

    Entries wait so that a question may be asked as of a moment that lies before some of them.
    """

    def __init__(self, kinds: int, targets: int, half_lives_ms: tuple[int, ...]) -> None:
        """An empty ledger; the first of `half_lives_ms` is 0, the plain sum."""
        self.half_lives_ms = half_lives_ms
        self.num_channels = 2 * targets or 1
        empty = np.zeros((1, len(half_lives_ms), self.num_channels))  # row 0: no key; row k + 1: key k
        self.sums = [empty.copy() for _ in range(kinds)]
        self.last = [np.full(1, NEVER, np.int64) for _ in range(kinds)]
        none = np.zeros(0, np.int64)
        self.waiting = Entries(np.zeros((kinds, 0), np.int64), none, none, np.zeros((targets, 0), np.float32))

    def wait(self, entries: Entries) -> None:
        """Take entries in; they wait."""
        self.waiting = entries.after(self.waiting)

    def settle(self, before_ms: int) -> None:
        """Fold what became visible before this moment; nothing is to be asked as of an earlier one."""
        due = self.waiting.visible < before_ms
        if due.any():
            settled = self.waiting.take(due)
            for kind, key_E in enumerate(settled.key):
                self._fold(kind, key_E[key_E >= 0], settled.without_keys().take(key_E >= 0))
            self.waiting = self.waiting.take(~due)

    def _fold(self, kind: int, key_E: Ints, entries: Entries) -> None:
        row_U, owner_E = np.unique(key_E + 1, return_inverse=True)
        if not row_U.size:
            return
        self._make_room(kind, int(row_U[-1]) + 1)
        before_U = self.last[kind][row_U]
        last_U = before_U.copy()
        np.maximum.at(last_U, owner_E, entries.visible)
        value_CE = entries.channels(0, self.num_channels)
        for number, half_life in enumerate(self.half_lives_ms):
            weight_E = fade(last_U[owner_E] - entries.happened, half_life)
            new_UC = np.stack([np.bincount(owner_E, value_E * weight_E) for value_E in value_CE], axis=1)
            kept_UC = self.sums[kind][row_U, number] * fade(last_U - before_U, half_life)[:, None]
            self.sums[kind][row_U, number] = kept_UC + new_UC
        self.last[kind][row_U] = last_U

    def _make_room(self, kind: int, rows: int) -> None:
        had = len(self.last[kind])
        if rows > had:
            more = max(rows, had + had // 2) - had
            self.sums[kind] = np.pad(self.sums[kind], ((0, more), (0, 0), (0, 0)))
            self.last[kind] = np.pad(self.last[kind], (0, more), constant_values=NEVER)

    def as_of(self, asof_N: Ints) -> "AsOf":
        """Get ready to answer questions as of these moments."""
        return AsOf(self, asof_N)


class AsOf:
    """A ledger as it stood before each of N moments."""

    def __init__(self, ledger: Ledger, asof_N: Ints) -> None:
        """Sort what waits by time, once for all kinds of key."""
        self.ledger, self.asof = ledger, asof_N
        order_E = np.argsort(ledger.waiting.visible, kind="stable")
        self.entries = ledger.waiting.take(order_E)
        self.place = np.searchsorted(self.entries.visible, asof_N, side=VISIBLE)

    def of(self, kind: int, key_N: Ints) -> "Past":
        """The past of one key for each question; -1 is no key."""
        return Past(self, kind, key_N)


class Past:
    """What had happened to one key before each of N moments."""

    def __init__(self, view: AsOf, kind: int, key_N: Ints) -> None:
        """Find the last visible entry and the settled row of each question's key."""
        ledger, self._asof, self._half_lives = view.ledger, view.asof, view.ledger.half_lives_ms
        self._row = np.where(key_N + 1 < len(ledger.last[kind]), key_N + 1, 0)
        self._settled, self._settled_last = ledger.sums[kind], ledger.last[kind][self._row]
        entry_key = view.entries.key[kind]
        stride = len(view.entries) + 1
        code_E = np.sort((entry_key * stride + np.arange(stride - 1))[entry_key >= 0])
        self._entries = view.entries.without_keys().take(code_E % stride)
        self._found, self._nearest = _last_before(code_E, key_N * stride, view.place)
        place_E = _count_from_zero(code_E // stride)
        self._scan = RunningSums(place_E, self._entries.visible)

    def last(self) -> Ints:
        """Moment of the key's last visible entry, `NEVER` without one: `(N,)`."""
        last_N = self._settled_last.copy()
        nearest = self._entries.visible[self._nearest]
        last_N[self._found] = np.maximum(last_N[self._found], nearest)
        return last_N

    def sums(self, number: int) -> Iterator[tuple[int, Floats]]:
        """Sums that fade by the half-life of this number: pairs of a first channel and `(channels, N)`."""
        half_life = self._half_lives[number]
        weights = self._scan.weights(half_life)
        born_E = fade(self._entries.visible - self._entries.happened, half_life)
        settled_N = fade(self._asof - self._settled_last, half_life)
        recent_F = fade(self._asof[self._found] - self._entries.visible[self._nearest], half_life)
        channels = self._settled.shape[2]
        step = max(2, _CHUNK // max(len(self._entries), len(self._asof), 1) // 2 * 2)
        for start in range(0, channels, step):
            stop = min(start + step, channels)
            sums_CN = self._settled[self._row, number, start:stop].T * settled_N
            if self._nearest.size:
                value_CE = self._entries.channels(start, stop) * born_E
                self._scan.add(value_CE, weights)
                sums_CN[:, self._found] += value_CE[:, self._nearest] * recent_F
            yield start, sums_CN


def _last_before(code_E: Ints, key_start_N: Ints, place_N: Ints) -> tuple[Ints, Ints]:
    """Questions whose key has a visible entry, and the last such entry of each."""
    needle_N = key_start_N + place_N
    order_N = np.argsort(needle_N)  # sorted needles keep the search inside the processor's cache
    nearest_N = np.empty(len(needle_N), np.int64)
    nearest_N[order_N] = np.searchsorted(code_E, needle_N[order_N]) - 1
    found = np.flatnonzero(nearest_N >= 0)
    found = found[code_E[nearest_N[found]] >= key_start_N[found]]
    return found, nearest_N[found]


def _count_from_zero(key_E: Ints) -> Ints:
    """Place of each entry among its key's; the keys are sorted.

    >>> _count_from_zero(np.array([3, 3, 3, 8, 8])).tolist()
    [0, 1, 2, 0, 1]
    """
    number_E = np.arange(len(key_E))
    first_E = np.where(np.diff(key_E, prepend=-1) > 0, number_E, 0)
    return number_E - np.maximum.accumulate(first_E)
