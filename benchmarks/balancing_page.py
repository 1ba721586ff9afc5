"""The tables of docs/balancing.md, out of benchmarks/results: balancing, balance_cost, mtl, rechub.

python -m benchmarks.balancing_page
"""

from pathlib import Path
from statistics import mean
from typing import Any

from motet.system.files import read_json, write_text

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "balancing.md"


def write_page() -> None:
    """Put the tables into the page."""
    tables = {"cost": costs(read_json(RESULTS / "balance_cost.json"))}
    if (RESULTS / "balancing.json").exists():
        tables["methods"] = methods(read_json(RESULTS / "balancing.json"))
    if (RESULTS / "mtl.json").exists():
        tables["twins"] = twins(read_json(RESULTS / "mtl.json"))
    if (RESULTS / "rechub.json").exists():
        tables["rechub"] = peers(read_json(RESULTS / "rechub.json"))
    write_text(PAGE, filled(PAGE.read_text(encoding="utf-8"), tables))


def filled(page: str, tables: dict[str, str]) -> str:
    """A page with the tables between their marks."""
    for name, table in tables.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(start)
        _, found, after = rest.partition(end)
        assert found, f"{PAGE.name} must hold a place for {name}, between {start} and {end}"
        page = f"{before}{start}\n{table}{end}{after}"
    return page


def costs(result: dict[str, Any]) -> str:
    """A row a method: the mean share over seeds, the least and the greatest.

    >>> print(costs({"details": {"ratios": {"fixed": [1.0, 1.0], "mgda": [1.2, 1.4]}}}))
    | method | step |
    | --- | --- |
    | `fixed` | 1.00 |
    | `mgda` | 1.30 (1.20 to 1.40) |
    <BLANKLINE>
    """
    lines = ["| method | step |", "| --- | --- |"]
    for name, ratios in result["details"]["ratios"].items():
        spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if max(ratios) > min(ratios) else ""
        lines.append(f"| `{name}` | {mean(ratios):.2f}{spread} |")
    return "\n".join(lines) + "\n"


def methods(result: dict[str, Any]) -> str:
    """A row a method, a column a set, the best mean first; `-` where a method changes nothing.

    >>> claims = [{"name": f"balancing.{where}.{method}.gain", "value": value, "low": None, "high": None}
    ...           for where in ("a", "b", "all") for method, value in (("fixed", 0.0), ("sharing_ple", 0.02))
    ...           if (where, method) != ("a", "sharing_ple")]
    >>> print(methods({"claims": claims}))
    | method | a | b | all |
    | --- | --- | --- | --- |
    | `sharing ple` | - | +2.0% | +2.0% |
    | `fixed` | +0.0% | +0.0% | +0.0% |
    <BLANKLINE>
    """
    held: dict[str, dict[str, dict[str, Any]]] = {}
    for claim in result["claims"]:
        _, where, method, _ = claim["name"].split(".")
        held.setdefault(method, {})[where] = claim
    sets = list(dict.fromkeys(claim["name"].split(".")[1] for claim in result["claims"]))
    lines = [f"| method | {' | '.join(sets)} |", "| --- |" + " --- |" * len(sets)]
    for method, found in sorted(held.items(), key=lambda one: -one[1]["all"]["value"]):
        cells = [_cell(found[where]) if where in found else "-" for where in sets]
        lines.append(f"| `{method.replace('sharing_', 'sharing ')}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def twins(result: dict[str, Any]) -> str:
    """A row a task: its twin, the joint model without the guard and with it, the difference and the verdict.

    >>> values = {"twin": 0.7, "unguarded": 0.69, "joint": 0.71, "over_twin": 0.01}
    >>> claims = [{"name": f"shop.like.auc.{what}", "value": value, "low": 0.005, "high": 0.015}
    ...           for what, value in values.items()]
    >>> gains = {"shop.like": {"verdict": "better"}}
    >>> print(twins({"claims": claims, "details": {"gains": gains}}))
    | task | twin | jointly | with the guard | above its twin by | |
    | --- | --- | --- | --- | --- | --- |
    | shop.like (auc) | 0.7000 | 0.6900 | 0.7100 | +0.0100 (+0.0050 to +0.0150) | better |
    <BLANKLINE>
    """
    held = {claim["name"]: claim for claim in result["claims"]}
    lines = ["| task | twin | jointly | with the guard | above its twin by | |", "| --- |" + " --- |" * 5]
    for name in (each for each in held if each.endswith(".over_twin")):
        whole = name.removesuffix(".over_twin")
        task, _, metric = whole.rpartition(".")
        values = [f"{held[f'{whole}.{what}']['value']:.4f}" for what in ("twin", "unguarded", "joint")]
        gain = held[name]
        spread = f"{gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"
        verdict = result["details"]["gains"][task]["verdict"]
        lines.append(f"| {task} ({metric}) | {' | '.join(values)} | {spread} | {verdict} |")
    return "\n".join(lines) + "\n"


def peers(result: dict[str, Any]) -> str:
    """A row a task of `benchmarks.rechub`: ours, both of theirs, and how much better than the better of them.

    >>> values = {"auc": 0.76, "mmoe": 0.74, "ple": 0.75, "best_peer": 0.75, "difference": 0.01}
    >>> print(peers({"claims": [{"name": f"rechub.shop.like.{what}", "value": value, "low": 0.005,
    ...                          "high": 0.015} for what, value in values.items()]}))
    | task | ours | MMoE | PLE | better by |
    | --- | --- | --- | --- | --- |
    | shop.like (auc) | 0.7600 | 0.7400 | 0.7500 | +0.0100 (+0.0050 to +0.0150) |
    <BLANKLINE>
    """
    lines = ["| task | ours | MMoE | PLE | better by |", "| --- |" + " --- |" * 4]
    held: dict[str, dict[str, dict[str, Any]]] = {}
    for claim in result["claims"]:
        _, where, *rest = claim["name"].split(".")
        if len(rest) == 2:  # others are of a set, or of all
            task, what = rest
            held.setdefault(f"{where}.{task}", {})[what] = claim
    for task, found in held.items():
        if "difference" not in found:
            continue
        (metric,) = set(found) - {"mmoe", "ple", "best_peer", "difference"}
        gain = found["difference"]
        values = [f"{found[what]['value']:.4f}" for what in (metric, "mmoe", "ple")]
        spread = f"{gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"
        lines.append(f"| {task} ({metric}) | {' | '.join(values)} | {spread} |")
    return "\n".join(lines) + "\n"


def _cell(claim: dict[str, Any]) -> str:
    low, high = claim["low"], claim["high"]
    spread = "" if low is None else f" ({low:+.1%} to {high:+.1%})"
    return f"{claim['value']:+.1%}{spread}"


if __name__ == "__main__":
    write_page()
