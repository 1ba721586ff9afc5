"""Tables of the data sets of `benchmarks.mtl`, from the files as they were published."""

from pathlib import Path

import polars as pl

from benchmarks.kuairand import write_history
from benchmarks.peers import worlds
from motet.system.randomness import generator

ROOT = Path(__file__).parents[1]
WATCHING = 8  # one of so many users validates on taobao


def kuairand(data: Path, tables: Path) -> None:
    """Impressions with seven outcomes, fitted to 2 May, validated on 3 and 4 May, and the earlier watches."""
    worlds.kuairand(data, tables)
    write_history(data, tables)


def ml100k(data: Path, tables: Path) -> None:
    """Ratings, split by time 80/10/10."""
    worlds.ml100k_rows(data, tables)


def taobao(data: Path, tables: Path, seed: int = 0) -> None:
    """Carts and purchases without times, in an order drawn by lot: train, then validation, then test.

    The test purchase of each user is the published one; cart pairs that equal it are left out. Of the
    carts of users with three or more one is for test. One user in eight also has a purchase and a cart that
    validate; carts that equal that purchase are left out too. A cart whose purchase is in training is not
    asked for: it came before the purchase, which would give it away.
    """
    folder = data / "taobao-cart-buy"
    names = ["user", "item"]

    def read(name: str) -> pl.DataFrame:
        raw = pl.read_csv(folder / name, separator="\t", infer_schema=False).select("uid", "sid")
        return raw.rename(dict(zip(("uid", "sid"), names, strict=True))).cast(pl.Int64)

    held = read("buy.test.txt.gz")
    bought = _held_out(read("buy.train.txt.gz"), ["valid"], seed)
    asked = pl.concat([held, bought.filter(part="valid").select(names)])
    carts = read("cart.csv.gz").join(asked, on=names, how="anti")
    parts = [
        bought.with_columns(type=pl.lit("buy")),
        held.with_columns(part=pl.lit("test"), type=pl.lit("buy")),
        _held_out(carts.join(bought, on=names, how="anti"), ["test", "valid"], seed).with_columns(
            type=pl.lit("cart")
        ),
        carts.join(bought, on=names, how="semi").with_columns(part=pl.lit("train"), type=pl.lit("cart")),
    ]
    rows = pl.concat(parts, how="diagonal_relaxed")
    place = generator(seed, "order of taobao").permutation(rows.height)
    last = pl.col("part").replace_strict({"train": 0, "valid": 1, "test": 2}, return_dtype=pl.Int64)
    rows = rows.with_columns(pl.Series("lot", place)).sort("user", last, "lot").drop("lot")
    rows.with_row_index("order").with_columns(pl.col("order").cast(pl.Int64)).write_parquet(
        tables / "events.parquet"
    )
    items = rows.select("item").unique().sort("item")
    items.write_parquet(tables / "items.parquet")


def _held_out(rows: pl.DataFrame, parts: list[str], seed: int) -> pl.DataFrame:
    """One row of each user with three or more for each part, drawn by lot; the others train."""
    lot = pl.Series("lot", generator(seed, f"held out {len(parts)}").permutation(rows.height))
    rows = rows.with_columns(lot).sort("user", "lot")
    place, size = pl.int_range(pl.len()).over("user"), pl.len().over("user")
    part = pl.lit("train")
    for number, name in enumerate(parts):
        asked = (place == number) & (size >= 3)
        if name == "valid":
            asked &= pl.col("user") % WATCHING == 0
        part = pl.when(asked).then(pl.lit(name)).otherwise(part)
    return rows.with_columns(part=part).drop("lot")


WORLDS = {"taobao": taobao, "ml100k": ml100k, "kuairand": kuairand}


def settled(name: str, data: Path, work: Path) -> Path:
    """The tables of a set and the configuration that reads them; made once."""
    tables = work / "tables" / name
    if not tables.exists():
        tables.mkdir(parents=True)
        WORLDS[name](data, tables)
    text = settings_file(name).read_text("utf8")
    config = work / f"{name}.yaml"
    config.write_text(text.replace("TABLES", str(tables.resolve())), "utf8")
    return config


def settings_file(name: str) -> Path:
    """The settings of a set; `settled` puts its tables in."""
    return ROOT / "benchmarks" / "configs" / f"mtl_{name}.yaml"
