"""Worlds with known truth: when sharing helps, when it hurts, what the guard does, what crosses kinds.

    python -m benchmarks.world [--seeds 3] [--more 5] [--jobs 1] [--work FOLDER]

Worlds of `motet.data.synthetic`; every seed has a world, a model and twins of its own (`--more` where
interests are shared or not). Intervals are the least and the greatest of the seeds. Settings were found on
the worlds of the seeds 0 to 2, which are not measured. What is finished lies in `--work` and is not repeated.

- `world.shared.gain@S`: AUC of clicks on products (one view in seven) less that of the twin, trained jointly
  with clicks on articles (all other views); interests hold for both kinds as far as S says.
- `world.conflict.KIND.TASK.gain@C`: AUC less that of the twin, of click (known of every view) and of like (of
  two in five), by kind of sharing in a narrow model; C is 0 where both follow the same, .5 where they have
  nothing in common, 1 where they are opposed. All five values of C stand in the details.
- `world.guard.separated@C`: share of the seeds in which the guard set a task apart; `world.guard.before@C`
  and `.after@C`: AUC less that of the twin, of the task that sharing hurts most, without and with the guard.
- `world.transfer.ndcg@10.shared@S`: next product of users who saw articles alone, against popularity.
"""

import argparse
import multiprocessing
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

import motet
from benchmarks.record import claim, record
from benchmarks.world_cases import SHARING, Case, narrow, newcomers, two_kinds
from benchmarks.world_page import write_page
from motet.data.synthetic import World, make
from motet.data.synthetic_truth import best_auc
from motet.data.timelines import TEST
from motet.evaluation.evaluate import main_value
from motet.evaluation.opponents import opponents
from motet.evaluation.records import Predictions, RankingPredictions
from motet.judge import examiner_of, variants
from motet.metrics.ranking import ndcg
from motet.system.devices import tune_memory
from motet.system.files import read_json, write_json
from motet.training.fit import fit

SHARED = (0.0, 0.5, 1.0)
CONFLICTS = (0.0, 0.25, 0.5, 0.75, 1.0)
CLAIMED = (0.0, 0.5, 1.0)  # of the conflicts
GUARDED = (0.0, 0.5)
CROSSED = (0.0, 1.0)
FIRST = 10  # seed

Gains = dict[str, dict[str, float]]
Job = tuple[Path, str, str, float, int]
"""Work folder, part of the benchmark, kind of sharing, knob, seed."""


def gains(case: Case, seed: int) -> Gains:
    """Task -> AUC of the joint model, of its twin, the difference, and the best that is possible."""
    world, material = case.open(seed)
    records: dict[str, dict[str, Predictions]] = {}
    for name, (config, prepared) in variants(material).items():
        examiner = examiner_of(material, config, prepared)
        done = fit(config, prepared, examiner.validate, lambda record: None, name)
        records[name] = examiner.examine(done.model, TEST, lists=False)
    found = {}
    for task, ours in records["joint"].items():
        joint, twin = main_value(ours), main_value(records[f"twin of {task}"][task])
        found[task] = {"joint": joint, "twin": twin, "gain": joint - twin, "best": _best(case, world, task)}
    return found


def _best(case: Case, world: World, task: str) -> float:
    """The best AUC that is possible on a task's test rows."""
    asked = pl.col("part") == "test"
    if task in ("buy", "read"):
        asked &= pl.col("did") == {"buy": "view_product", "read": "view_article"}[task]
    if task == "like":
        asked &= pl.col("liked").is_not_null()
    chosen_N = world.events.select(asked).to_series().to_numpy()
    return best_auc(world.probability_TN[int(task == "like"), chosen_N])


def guarded(conflict: float, seed: int) -> dict[str, Any]:
    """What the guard said and did, and by how much each task's AUC exceeds that of its twin after that."""
    case = narrow("shared_bottom", conflict)
    world = make(case.knobs, seed)
    with tempfile.TemporaryDirectory(prefix="motet-world-") as place:
        run = motet.train(
            case.configuration(seed), Path(place) / "run", items=world.items, events=world.events, guard=True
        )
        metrics = run.metrics
    said = [line for line in metrics["statements"] if line.startswith("The guard")]
    return {
        "said": said,
        "separated": float(not any("nothing was set apart" in line for line in said)),
        "gains": {task: found["difference"] for task, found in metrics["transfer"].items()},
    }


def crossing(shared: float, seed: int) -> dict[str, float]:
    """NDCG@10 of the next product for users who saw articles alone: ours, popularity, and the truth's."""
    world, material = newcomers(shared).open(seed)
    config, prepared = variants(material)["joint"]
    examiner = examiner_of(material, config, prepared)
    done = fit(config, prepared, examiner.validate, lambda record: None)
    ours = examiner.examine(done.model, TEST, lists=False)["next_product"]
    popular = opponents(examiner, ["popularity"], TEST, lambda line: None)[0]["popularity"]["next_product"]
    assert isinstance(ours, RankingPredictions)
    user_Q = np.array(prepared.dataset.log.user_ids.to_list())[ours.user_Q]
    new_Q = world.newcomer_U[user_Q]
    return {
        "ours": main_value(ours.take(new_Q)),
        "popularity": main_value(popular.take(new_Q)),
        "truth": truth_ndcg(world),
        "users": int(new_Q.sum()),
        "ours, other users": main_value(ours.take(~new_Q)),
        "popularity, other users": main_value(popular.take(~new_Q)),
    }


def truth_ndcg(world: World) -> float:
    """NDCG@10 of newcomers' clicked products where all products stand in the order of their true scores."""
    products = int((world.items["kind"] == "product").sum())
    rank_UI = (-world.score_TUI[0, :, :products]).argsort(1).argsort(1) + 1
    new = pl.col("user_id").is_in(np.flatnonzero(world.newcomer_U).tolist())
    hit = world.events.filter(new, part="test", clicked=1).unique(["user_id", "item_id"])
    users, query_T = np.unique(hit["user_id"].to_numpy(), return_inverse=True)
    rank_T = rank_UI[hit["user_id"].to_numpy(), hit["item_id"].to_numpy()]
    return float(ndcg(rank_T, query_T, len(users), 10).mean())


def one(job: Job) -> dict[str, Any]:
    """One training with its twins, in a process of the pool; or what was found when it was made before."""
    work, part, kind, at, seed = job
    place = work / f"{part}{kind and '-'}{kind}-{at:g}-{seed}.json"
    if not place.exists():
        torch.set_num_threads(1)
        tune_memory()
        write_json(place, answer(part, kind, at, seed))
    found: dict[str, Any] = read_json(place)
    print(f"{place.stem}: {found}", flush=True)
    return found


def answer(part: str, kind: str, at: float, seed: int) -> dict[str, Any]:
    """What one part of the benchmark finds at one knob in the world of one seed."""
    match part:
        case "shared":
            return gains(two_kinds(at), seed)
        case "conflict":
            return gains(narrow(kind, at), seed)
        case "guard":
            return guarded(at, seed)
        case _:
            return crossing(at, seed)


def main() -> None:
    """Train everything; write benchmarks/results/world.json, the picture and the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--more", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="processes, each of one thread")
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/world"))
    given = parser.parse_args()
    work: Path = given.work
    few, more = range(FIRST, FIRST + given.seeds), range(FIRST, FIRST + given.more)
    jobs = [(work, "shared", "", at, seed) for at in SHARED for seed in more]
    jobs += [(work, "transfer", "", at, seed) for at in CROSSED for seed in more]
    jobs += [(work, "guard", "", at, seed) for seed in few for at in GUARDED]
    jobs += [(work, "conflict", kind, at, seed) for seed in few for kind in SHARING for at in CONFLICTS]
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        done = dict(zip(jobs, pool.map(one, jobs), strict=True))

    def of(part: str, kind: str, at: float) -> list[Any]:
        return [found for job, found in done.items() if job[1:4] == (part, kind, at)]

    shared, crossed = ({at: of(part, "", at) for at in values}
                       for part, values in (("shared", SHARED), ("transfer", CROSSED)))  # fmt: skip
    conflict = {kind: {at: of("conflict", kind, at) for at in CONFLICTS} for kind in SHARING}
    guards = {at: with_worst(conflict["shared_bottom"][at], of("guard", "", at)) for at in GUARDED}
    claims = [
        *(claim(f"world.shared.gain@{at:g}", [one["buy"]["gain"] for one in found], seeds=more)
          for at, found in shared.items()),
        *conflict_claims(conflict, few), *guard_claims(guards, few), *transfer_claims(crossed, more),
    ]  # fmt: skip
    details = {"shared": shared, "conflict": conflict, "guard": guards, "transfer": crossed}
    details["settings"] = {
        "shared": two_kinds(1.0).told(), "conflict": narrow("shared_bottom", 0.5).told(),
        "transfer": newcomers(1.0).told(),
    }  # fmt: skip
    record("world", f"python -m benchmarks.world --seeds {given.seeds} --more {given.more}", claims, details)
    write_page()


def with_worst(before: list[Gains], guards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the guard did to the task that sharing hurts most without it."""
    found = []
    for gain, done in zip(before, guards, strict=True):
        worst = min(gain, key=lambda task: gain[task]["gain"])
        found.append(done | {"worst": worst, "before": gain[worst]["gain"], "after": done["gains"][worst]})
    return found


def conflict_claims(found: dict[str, dict[float, list[Gains]]], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Gains of both tasks by kind of sharing, at some of the conflicts."""
    return [
        claim(f"world.conflict.{kind}.{task}.gain@{at:g}", [one[task]["gain"] for one in by_conflict[at]],
              seeds=seeds)
        for kind, by_conflict in found.items() for task in ("click", "like") for at in CLAIMED
    ]  # fmt: skip


def guard_claims(found: dict[float, list[dict[str, Any]]], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """How often a task was set apart, and what the task that was hurt most lost before and after."""
    return [
        claim(f"world.guard.{name}@{at:g}", [one[name] for one in several], seeds=seeds)
        for at, several in found.items() for name in ("separated", "before", "after")
    ]  # fmt: skip


def transfer_claims(found: dict[float, list[dict[str, float]]], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Next products of users who saw articles alone, against popularity."""
    return [
        claim(f"world.transfer.ndcg@10.shared@{at:g}", [one["ours"] for one in several], seeds=seeds,
              peer=("popularity", sum(one["popularity"] for one in several) / len(several)))
        for at, several in found.items()
    ]  # fmt: skip


if __name__ == "__main__":
    main()
