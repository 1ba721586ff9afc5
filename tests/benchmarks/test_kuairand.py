"""Tables of the KuaiRand benchmark: what was watched before the log, for ours and for a peer."""

import gzip

import polars as pl

from benchmarks.kuairand import with_history, write_history

LISTS = (
    "user_id\thistory_len\tlast_time_ms\twatch_seq\tlike_seq\tlong_watch_seq\n"
    "7\t3\t500\t4 5 4\t\t5 9\n"
    "8\t0\t600\t\t\t\n"
)


def history(tmp_path):
    folder = tmp_path / "kuairand-pure-2w"
    folder.mkdir()
    with gzip.open(folder / "user_history_before_4_25.tsv.gz", "wt") as file:
        file.write(LISTS)
    write_history(tmp_path, tmp_path)
    return pl.read_parquet(tmp_path / "history.parquet")


def test_each_earlier_watch_is_an_event_in_the_order_of_the_list(tmp_path):
    found = history(tmp_path)
    assert found.select("user", "item", "time", "order").rows() == [
        (7, 4, 500, 0),
        (7, 5, 500, 1),
        (7, 4, 500, 2),
    ]
    assert found["long_view"].to_list() == [0, 1, 0]
    assert found["like"].to_list() == [0, 0, 0]


def test_a_peer_counts_the_earlier_watches_and_is_never_asked_about_them(tmp_path):
    history(tmp_path)
    log = pl.DataFrame({"user": [7], "item": [4], "time": [900], "split": pl.Series([2], dtype=pl.Int8)})
    log = log.with_columns(long_view=pl.lit(1), like=pl.lit(0))
    log.write_parquet(tmp_path / "events.parquet")
    for name in ("items", "users"):
        log.write_parquet(tmp_path / f"{name}.parquet")
    rows = pl.read_parquet(with_history(tmp_path, tmp_path / "more") / "events.parquet")
    assert rows["split"].to_list()[0] == 2  # the log keeps its places
    later = rows.slice(1)
    assert later["split"].unique().to_list() == [-1]
    assert later["long_view"].null_count() == later.height
    assert later["past_long"].to_list() == [0, 1, 0]
