"""Turns benchmarks/results/*.json into docs/results.md and into the tables of the two README files.

No figure is written by hand: what no file holds is shown as not measured.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

# The claims that the README shows: name -> what it is, in the words of each README
HEADLINES = {
    "beauty.ndcg@10": ("Amazon Beauty, next item: NDCG@10", "Amazon Beauty，下一件商品：NDCG@10"),
    "beauty.notext.ndcg@10": ("the same without text", "同上，不用文本"),
    "ml100k.ndcg@10": ("MovieLens-100K, next film: NDCG@10", "MovieLens-100K，下一部电影：NDCG@10"),
    "ml100k.rolling.like.auc": ("MovieLens-100K, will they like it: AUC", "MovieLens-100K，是否喜欢：AUC"),
    "ml100k.rolling.rating.rmse": ("MovieLens-100K, which rating: RMSE", "MovieLens-100K，评分：RMSE"),
    "beauty.cold.recall@10": (
        "Amazon Beauty, items that training never met: Recall@10",
        "Amazon Beauty，训练中从未出现的商品：Recall@10",
    ),
    "beauty.text_query.recall@10": (
        "Amazon Beauty, items for a query, none of them in training: Recall@10",
        "Amazon Beauty，用一句话找商品（均未参与训练）：Recall@10",
    ),
    "microlens.ndcg@10": (
        "MicroLens, next video, most of them new: NDCG@10",
        "MicroLens，下一个视频（多数是新视频）：NDCG@10",
    ),
    "microlens.trained.ndcg@10": (
        "the same, both ranking only videos met in training",
        "同上，双方只排训练中出现过的视频",
    ),
    "kuairand.click.auc": ("KuaiRand, will they click: AUC", "KuaiRand，是否点击：AUC"),
    "kuairand.watch.rmse": ("KuaiRand, how long they watch: RMSE", "KuaiRand，观看时长：RMSE"),
    "mtl.tasks_below_twin": (
        "three sets, 11 tasks, five seeds: tasks that sharing hurt (with the guard)",
        "三个数据集、11 个任务、五个种子：因共享而变差的任务数（启用守护）",
    ),
    "mtl.cost_ratio": (
        "three tasks and more: the joint model in the sum of its twins (CPU, parameters, request; the worst)",
        "三个及以上任务：联合模型占各单任务模型总和的比例（CPU、参数、单次请求，取最差者）",
    ),
    "mtl.cost_ratio_two_tasks": ("the same with two tasks", "同上，两个任务"),
    "mtl.all_rows_ratio": (
        "the same for scoring all test rows, three tasks and more",
        "同上，对全部测试行打分，三个及以上任务",
    ),
    "mtl.all_rows_ratio_two_tasks": ("the same with two tasks", "同上，两个任务"),
    "kuairand.click.ece": (
        "KuaiRand, will they click: calibration error",
        "KuaiRand，是否点击：校准误差",
    ),
    "mtl.rechub_wins_share": (
        "share of 8 tasks on which we are better than torch-rechub's MMoE and PLE",
        "8 个任务中优于 torch-rechub 的 MMoE 和 PLE 的比例",
    ),
    "mtl.rechub_speed_ratio": (
        "training rows a CPU second, ours : theirs, the slower of two sets",
        "每 CPU 秒训练行数，我们比对方，两个数据集取较慢者",
    ),
    "beauty.time_ratio": (
        "time to the peer's best quality, ours : theirs",
        "达到对方最佳质量所需时间，我们比对方",
    ),
    "banking77.accuracy": (
        "banking77, 77 intents: accuracy (a tuned BERT, published: 0.937)",
        "banking77，77 种意图：准确率（已发表的微调 BERT：0.937）",
    ),
    "bankfaq.recall@1": (
        "a bank's questions, five folds: the right answer comes first",
        "银行常见问题，五折：第一条即正确答案的比例",
    ),
    "tnews.accuracy": (
        "TNEWS, 15 topics of Chinese news, 1,185 titles train: accuracy",
        "TNEWS，15 类中文新闻，1,185 条训练：准确率",
    ),
    "eprstmt.accuracy": (
        "EPRSTMT, Chinese reviews, 160 train: accuracy",
        "EPRSTMT，中文评论情感，160 条训练：准确率",
    ),
    "encode.throughput_ratio": (
        "texts encoded a second, ours : theirs, same model and precision, the worst case",
        "每秒编码文本数，我们比对方，同一模型与精度，取最差情形",
    ),
    "recommend.seconds": ("50,000 users x 20,000 items, top 10: seconds", "5 万用户 × 2 万商品取前 10：秒"),
}
READMES = {
    "README.md": (("measured", "Motet", "best peer, same run"), "not measured yet"),
    "README.zh-CN.md": (("测量内容", "Motet", "同次运行中最好的对照"), "尚未测量"),
}
MARKS = ("<!-- results -->", "<!-- end of results -->")


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Every results file of a folder, in the order of their names.

    Raises:
        SystemExit: A file lacks a part that every results file has.
    """
    results = []
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        lacking = {"benchmark", "command", "date", "machine", "versions", "claims"} - set(result)
        if lacking:
            sys.exit(
                f"{path.name} lacks {', '.join(sorted(lacking))}. Run its script again; do not edit the file."
            )
        results.append(result)
    return results


def figure(value: float | None) -> str:
    """A figure with as many digits as it deserves.

    >>> [figure(value) for value in (0.058123, 1.0514, 27.04, 812345.0, 0, None)]
    ['0.0581', '1.051', '27.0', '812,345', '0', '-']
    """
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}" if abs(value) >= 1 else f"{value:.4f}"


def measured(claim: dict[str, Any]) -> str:
    """Value, unit and interval of a claim in one cell."""
    text = " ".join(part for part in (figure(claim["value"]), claim.get("unit")) if part)
    if claim.get("low") is None or claim.get("high") is None:
        return text
    return f"{text} ({figure(claim['low'])} to {figure(claim['high'])})"


def peer(claim: dict[str, Any]) -> str:
    """Value and name of what a claim is compared with."""
    other = claim.get("peer")
    return f"{figure(other['value'])} ({other['name']})" if other else "-"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def headline_table(results: list[dict[str, Any]], language: int, head: tuple[str, ...], missing: str) -> str:
    """The README's table: each headline claim, or the words that say it is not measured."""
    claims = {claim["name"]: claim for result in results for claim in result["claims"]}
    rows = []
    for name, words in HEADLINES.items():
        claim = claims.get(name)
        rows.append((words[language], measured(claim) if claim else missing, peer(claim) if claim else "-"))
    return table(head, rows)


def results_page(results: list[dict[str, Any]]) -> str:
    """The whole of docs/results.md."""
    parts = [
        "# Measured results\n\nWritten by `make bench-table` from `benchmarks/results/*.json`; "
        "each file is written by the script that is named with it.\n"
    ]
    for result in results:
        said = f"{facts(result['machine'])}. {facts(result['versions'])}."
        rows = [
            (claim["name"], measured(claim), peer(claim), str(claim.get("seeds") or "-"))
            for claim in result["claims"]
        ]
        parts.append(f"\n## {result['benchmark']}\n\n`{result['command']}`, {result['date']}. {said}\n\n")
        parts.append(table(("claim", "value", "peer", "seeds"), rows))
    return "".join(parts if results else [*parts, "\nNothing has been measured yet.\n"])


def facts(found: Any) -> str:
    """Names and values in one line."""
    return (
        ", ".join(f"{name} {value}" for name, value in found.items())
        if isinstance(found, dict)
        else str(found)
    )


def write_tables(root: Path) -> None:
    """Write the page of results and the tables of the README files."""
    results = read_results(root / "benchmarks" / "results")
    (root / "docs").mkdir(exist_ok=True)
    (root / "docs" / "results.md").write_text(results_page(results), encoding="utf-8")
    for language, (name, (head, missing)) in enumerate(READMES.items()):
        path = root / name
        rows = headline_table(results, language, head, missing)
        before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
        _, end, after = rest.partition(MARKS[1])
        assert end, f"{name} must hold a place for the results, between {MARKS[0]} and {MARKS[1]}"
        path.write_text(f"{before}{MARKS[0]}\n{rows}{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    write_tables(ROOT)
