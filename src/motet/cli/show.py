"""Metrics of a run as a few lines of text for a terminal."""

from collections.abc import Mapping
from typing import Any

_SHOWN = ("ndcg@10", "hr@1", "hr@10", "auc", "log_loss", "rmse", "mae", "accuracy", "macro_f1", "entity_f1")


def verdicts(metrics: Mapping[str, Any]) -> str:
    """One line a task: its main metrics on the test rows, its verdict against the twin, the best baseline."""
    lines = []
    for task, parts in metrics["tasks"].items():
        shown = [f"{name} {_number(parts['test'][name])}" for name in _SHOWN if name in parts["test"]]
        lines.append(f"{task}: {', '.join(shown)}{_against_twin(metrics.get('transfer', {}).get(task))}")
        lines += [f"    {name}: {line}" for name, line in _baselines(metrics, task)]
    return "\n".join(lines)


def beside_best(metrics: Mapping[str, Any]) -> str:
    """One line a task and split: the main metric of an ensemble, and of each member."""
    lines = []
    for task, gain in metrics["gains"].items():
        name = gain["metric"]
        for split in ("valid", "test"):
            ours = _number(metrics["tasks"][task][split][name])
            others = ", ".join(
                f"{member} {_number(found[task][split][name])}"
                for member, found in metrics["members"].items()
            )
            lines.append(f"{task} ({split}): {name} {ours}; members: {others}")
        found = "the same as" if gain["verdict"] == "same" else f"{gain['verdict']} than"
        lines.append(f"    {found} {gain['member']}, the best member on validation rows")
    return "\n".join(lines)


def table(metrics: Mapping[str, Any]) -> str:
    """Every metric of every task with its interval."""
    lines = []
    for task, parts in metrics.items():
        for part, found in parts.items():
            lines.append(f"{task} ({part})")
            lines += [f"    {name:20} {_number(value)}  {_interval(value)}" for name, value in found.items()]
    return "\n".join(lines)


def spread(repeats: Mapping[str, Any]) -> str:
    """Every metric of every task over several runs: mean, standard deviation, least and greatest."""
    lines = []
    for task, parts in repeats.items():
        for part, found in parts.items():
            lines.append(f"{task} ({part})")
            for name, value in found.items():
                numbers = (
                    "-" if value[key] is None else f"{value[key]:.4f}"
                    for key in ("mean", "sd", "low", "high")
                )
                mean, deviation, low, high = numbers
                lines.append(f"    {name:20} {mean}  sd {deviation}  {low} to {high}  ({value['runs']} runs)")
    return "\n".join(lines)


def before_and_after(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What held-out texts said before a pretraining and say after it, a line an objective and metric."""
    width = max(len(f"{name}: {metric}") for name, found in after.items() for metric in found)
    lines = ["held-out texts".ljust(width + 2) + "before".rjust(10) + "after".rjust(10)]
    for name, found in after.items():
        lines += [
            f"{name}: {metric}".ljust(width + 2) + f"{before[name][metric]:10.4g}{value:10.4g}"
            for metric, value in found.items()
        ]
    return "\n".join(lines)


def matrix(affinity: Mapping[str, Mapping[str, float | None]]) -> str:
    """The share of each task's loss (columns) that a step for a task (lines) takes away, in per cent."""
    width = max(9, *(len(name) + 2 for name in affinity))
    lines = ["a step for".ljust(width + 2) + "".join(name.rjust(width) for name in affinity)]
    for name, row in affinity.items():
        shares = ("-" if row[other] is None else f"{100 * (row[other] or 0):+.3f}%" for other in affinity)
        lines.append(name.ljust(width + 2) + "".join(share.rjust(width) for share in shares))
    return "\n".join(lines)


def _baselines(metrics: Mapping[str, Any], task: str) -> list[tuple[str, str]]:
    found = []
    for name, tasks in metrics.get("baselines", {}).items():
        if task in tasks:
            values = tasks[task]["test"]
            called = _guess(values) if name == "popularity" else name
            found.append((called, ", ".join(f"{m} {_number(values[m])}" for m in _SHOWN if m in values)))
    return found


def _guess(measured: Mapping[str, Any]) -> str:
    """What the baseline popularity is called, by what was measured of it."""
    if "entity_f1" in measured:
        return "dictionary"
    if not any("@" in metric for metric in measured):
        return "averages"
    listed = any(metric.startswith("coverage") for metric in measured)
    return "common words" if "hr@1" in measured and not listed else "popularity"


def _against_twin(transfer: Mapping[str, Any] | None) -> str:
    if not transfer or transfer["twin"] is None:
        return ""
    said = {"same": "the same as its twin", "untested": "not tested against its twin"}
    verdict = transfer["verdict"]
    return f"; {said.get(verdict, f'{verdict} than its twin')}"


def _number(value: Mapping[str, Any]) -> str:
    return "-" if value["value"] is None else f"{value['value']:.4f}"


def _interval(value: Mapping[str, Any]) -> str:
    return "" if value["low"] is None else f"[{value['low']:.4f}, {value['high']:.4f}]"
