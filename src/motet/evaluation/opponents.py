"""Baselines of a run: what each ranks or predicts on the same questions as the model."""

from collections.abc import Callable

from motet.data.timelines import VALID
from motet.evaluation.baselines import Popularity, RankingBaseline
from motet.evaluation.baselines_ease import fit_best, too_large
from motet.evaluation.baselines_neighbours import ItemToItem
from motet.evaluation.evaluate import Examiner, main_value
from motet.evaluation.records import Predictions

EASE_GRID = (50.0, 200.0, 500.0, 1000.0)


def opponents(
    examiner: Examiner, names: list[str], part: int, say: Callable[[str], None]
) -> tuple[dict[str, dict[str, Predictions]], list[str]]:
    """Records of every baseline on every task it can do, and what was left out and why.

    Args:
        examiner: Puts the questions.
        names: Baselines from the configuration.
        part: Part of the rows.
        say: Is told what is being done.
    """
    out: dict[str, dict[str, Predictions]] = {name: {} for name in names}
    statements: list[str] = []
    for task in examiner.config.tasks:
        for name in names:
            if task.kind == "next_item":
                reason = too_large(len(examiner.dataset.catalogue) - 1) if name == "ease" else None
                if reason:
                    statements.append(reason)
                    continue
                say(f"baseline {name} for {task.name}")
                out[name][task.name] = examiner.examine_baseline(
                    _fitted(examiner, name, task.name), task.name, part
                )
    return {name: records for name, records in out.items() if records}, sorted(set(statements))


def _fitted(examiner: Examiner, name: str, task: str) -> RankingBaseline:
    user_N, item_N = examiner.interactions(task)
    num_items = len(examiner.dataset.catalogue) - 1
    if name == "ease":
        validate = lambda ease: main_value(examiner.examine_baseline(ease, task, VALID))  # noqa: E731
        return fit_best(user_N, item_N, num_items, validate, EASE_GRID)[0]
    baseline: RankingBaseline = Popularity() if name == "popularity" else ItemToItem()
    baseline.fit(user_N, item_N, num_items)
    return baseline
