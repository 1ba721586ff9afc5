"""Cold items on Amazon Beauty, the language model tuned and frozen: what tuning on clicks does for new items.

    python -m benchmarks.cold_tuned DATA_FOLDER [--seeds 3] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `amazon-beauty-2014`. The items, the split and the settings are those of `benchmarks.cold`
(a twentieth of the items never trains, the same for every seed); the two sides differ in `model.language`
alone (`TUNED`, chosen on the cold targets of the validation rows). Everything is ranked among all items, the
user's own left out; what items score that training never met is fitted on the validation rows on both sides.

Claims, on the test rows: Recall@10 over the cold targets and over the others, tuned beside frozen, with the
ratio and the paired difference (`beauty.cold.tuned_over_frozen`).
"""

import polars as pl

from benchmarks.cold import COLD, CONFIG, write_tables
from benchmarks.next_item import Contest, arguments, compared, margins, put_in, run_all
from benchmarks.record import claim, record

TUNED = (
    "model.language={name: all-MiniLM-L6-v2, tuning: full, max_tokens: 48, learning_rate: 0.00003, items: 64}"
)


def main() -> None:
    """Run everything and write benchmarks/results/cold_tuned.json."""
    given = arguments(str(__doc__), "cold_tuned", 3)
    tables = given.work / "tables"
    config = put_in(CONFIG, given.work, "DATA", given.data / "amazon-beauty-2014")
    write_tables(config, tables)
    ways = {"frozen": COLD, "tuned": [*COLD, TUNED]}
    runs = run_all(Contest("cold", config, tables, ways, []), given.work, given.seeds, given.threads)
    cold_Q = ~pl.read_parquet(tables / "test.parquet").sort("user")["known"].to_numpy()
    claims = []
    for name, mask_Q in (("cold", cold_Q), ("warm", ~cold_Q)):
        frozen, tuned = ([run.of(mask_Q) for run in runs[way]] for way in ("frozen", "tuned"))
        claims.append(compared(f"beauty.{name}.tuned.recall@10", "recall@10", tuned, "frozen", frozen))
        ratio, difference = margins(f"beauty.{name}.tuned", "recall@10", tuned, "frozen", frozen)
        claims += [ratio | {"name": f"beauty.{name}.tuned_over_frozen"}, difference]
    spent = {way: [run.report["cpu_seconds"] for run in several] for way, several in runs.items()}
    claims += [
        claim(f"beauty.cold.cpu_seconds.{way}", several, "s", seeds=range(given.seeds))
        for way, several in spent.items()
    ]
    for each in claims:
        print(each["name"], f"{each['value']:.4f}")
    reports = {way: [run.report for run in several] for way, several in runs.items()}
    record(
        "cold_tuned", f"python -m benchmarks.cold_tuned DATA_FOLDER --seeds {given.seeds}", claims, reports
    )


if __name__ == "__main__":
    main()
