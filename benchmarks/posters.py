"""MovieLens-100K with posters: titles, pictures, both, three ways to fuse them, on known and on new films.

    python -m benchmarks.posters DATA_FOLDER [--seeds 3] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `ml-100k` and `ml-100k-posters` (19 films have none, about one in a hundred is of another
film). A fifth of the films never trains, the same for every seed; everything is ranked among all films. The
sides differ in what is read of a film alone: its title, its poster (EfficientNet-Lite0, frozen), both as a
sum, with a gate, by attention, or neither. Settings are those of `configs/posters.yaml` for all of them;
nothing was tuned for any.

Claims, on the test rows: Recall@10 of new films and of the others for each way, beside titles alone.
"""

import zipfile
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.ml100k import tables_of
from benchmarks.next_item import Contest, arguments, compared, put_in, run_all
from benchmarks.record import record
from motet.config.read import config_folder, read_config
from motet.data.timelines import TEST
from motet.gather import gather
from motet.run import settle

CONFIG = Path(__file__).parent / "configs" / "posters.yaml"
WAYS = {
    "titles": ["model.vision=none"],
    "posters": ["model.language=none"],
    "sum": [],
    "gate": ["model.item.fusion=gate"],
    "attention": ["model.item.fusion=attention"],
    "neither": ["model.language=none", "model.vision=none"],
}


def write_tables(data: Path, work: Path) -> Path:
    """The tables of the benchmark of MovieLens, posters as files, and where each film's lies."""
    tables = tables_of(data, work)
    pictures = work / "posters"
    with zipfile.ZipFile(data / "ml-100k-posters" / "posters.zip") as packed:
        packed.extractall(pictures)
    items = pl.read_parquet(tables / "items.parquet")
    files = {int(file.stem): str(file.resolve()) for file in pictures.rglob("*.jpg")}
    path = [files.get(int(item) + 1) for item in items["item"]]  # the benchmark counts films from 0
    items.with_columns(poster=pl.Series(path, dtype=pl.String)).write_parquet(tables / "items.parquet")
    return tables


def known_of(config: Path) -> pl.DataFrame:
    """`user` and `known` of the test rows: whether training met the film that is asked for."""
    plain = settle(read_config(config, ["model.language=none", "model.vision=none"]), config_folder(config))
    dataset = gather(plain, config_folder(config)).prepared.dataset
    log, trained_I = dataset.log, dataset.catalogue.trained_I
    (part_N,) = log.part.values()
    test_N = part_N == TEST
    found = {"user": log.user_N[test_N], "known": trained_I[log.item_N[test_N]]}
    return pl.DataFrame(found).sort("user")


def main() -> None:
    """Run everything and write benchmarks/results/posters.json."""
    given = arguments(str(__doc__), "posters", 3)
    tables = write_tables(given.data, given.work)
    config = put_in(CONFIG, given.work, "TABLES", tables)
    cold_Q = ~known_of(config)["known"].to_numpy()
    runs = run_all(Contest("posters", config, tables, WAYS, []), given.work, given.seeds, given.threads)
    claims: list[dict[str, Any]] = []
    for part, mask_Q in (("cold", cold_Q), ("warm", ~cold_Q)):
        taken = {way: [run.of(mask_Q) for run in several] for way, several in runs.items()}
        for way in WAYS:
            name = f"posters.{part}.{way}.recall@10"
            claims.append(compared(name, "recall@10", taken[way], "titles", taken["titles"]))
    for each in claims:
        print(each["name"], f"{each['value']:.4f}")
    details = {
        "targets": {"cold": int(cold_Q.sum()), "warm": int((~cold_Q).sum())},
        "reports": {way: [run.report for run in several] for way, several in runs.items()},
    }
    record("posters", f"python -m benchmarks.posters DATA_FOLDER --seeds {given.seeds}", claims, details)


if __name__ == "__main__":
    main()
