"""Which epoch was best: by one named metric, or by the mean relative gain of all tasks."""

import math
from dataclasses import dataclass, field

from motet.metrics.names import Metrics, higher_is_better

LEAST = 0.05  # of a constant's value: a distance from it that is smaller is noise, and must not rule the mean


@dataclass
class Monitor:
    """Compares epochs.

    Args:
        metrics: The (task, metric) pairs that count; each has the same say.
        constant: (task, metric) -> what a constant prediction reaches; gains are measured from there.
        last: The last epoch counts as the best, whatever the metrics say.
    """

    metrics: list[tuple[str, str]]
    constant: dict[tuple[str, str], float] = field(default_factory=dict)
    best: Metrics | None = None
    best_epoch: int = -1
    last: bool = False

    def gain(self, now: Metrics) -> float:
        """Mean over tasks of the relative gain over the best epoch so far; infinite for the first epoch."""
        if self.best is None:
            return math.inf
        return sum(self._relative(pair, now) for pair in self.metrics) / len(self.metrics)

    def take(self, now: Metrics, epoch: int) -> bool:
        """Note an epoch; True when it is the best so far."""
        better = self.last or self.gain(now) > 0
        if better:
            self.best, self.best_epoch = now, epoch
        return better

    def _relative(self, pair: tuple[str, str], now: Metrics) -> float:
        assert self.best is not None
        task, metric = pair
        new, old = now[task][metric], self.best[task][metric]
        if math.isnan(new) or math.isnan(old):
            return 0.0
        if not higher_is_better(metric):
            floor = self.constant.get(pair, 2 * old)
            return (old - new) / max(abs(floor - old), LEAST * floor, 1e-6)
        floor = self.constant.get(pair, 0.0)
        return (new - old) / max(old - floor, LEAST * floor, 1e-6)
