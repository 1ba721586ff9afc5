"""The tables of results are written from the files of the benchmarks and never by hand."""

import json

import pytest

from benchmarks.table import (
    HEADLINES,
    READMES,
    ROOT,
    headline_table,
    read_results,
    results_page,
    write_tables,
)

RESULT = {
    "benchmark": "beauty",
    "command": "python benchmarks/beauty.py",
    "date": "2026-01-02",
    "machine": {"processor": "A", "cores": 2},
    "versions": {"torch": "2.13.0"},
    "claims": [
        {
            "name": "beauty.ndcg@10",
            "value": 0.0612,
            "low": 0.059,
            "high": 0.0634,
            "seeds": 3,
            "unit": "",
            "peer": {"name": "SASRec", "value": 0.05},
        },
        {
            "name": "beauty.minutes",
            "value": 21.44,
            "low": None,
            "high": None,
            "seeds": 3,
            "unit": "min",
            "peer": None,
        },
    ],
}


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    for name in READMES:
        (tmp_path / name).write_text(
            "# Motet\n<!-- results -->\nan earlier table\n<!-- end of results -->\nend\n"
        )
    return tmp_path


def test_what_was_not_measured_says_so(repository):
    write_tables(repository)
    assert (repository / "README.md").read_text().count("not measured yet") == len(HEADLINES)
    assert "an earlier table" not in (repository / "README.md").read_text()
    assert "Nothing has been measured yet." in (repository / "docs" / "results.md").read_text()


def test_a_claim_stands_with_its_interval_and_its_peer(repository):
    (repository / "benchmarks" / "results" / "beauty.json").write_text(json.dumps(RESULT))
    write_tables(repository)
    row = "| 0.0612 (0.0590 to 0.0634) | 0.0500 (SASRec) |"
    assert row in (repository / "README.md").read_text()
    assert row in (repository / "README.zh-CN.md").read_text()
    page = (repository / "docs" / "results.md").read_text()
    assert "| beauty.minutes | 21.4 min | - | 3 |" in page
    assert "`python benchmarks/beauty.py`, 2026-01-02. processor A, cores 2. torch 2.13.0." in page


def test_writing_twice_changes_nothing(repository):
    write_tables(repository)
    before = (repository / "README.md").read_text()
    write_tables(repository)
    assert (repository / "README.md").read_text() == before


def test_a_results_file_that_lacks_a_part_is_refused(repository):
    (repository / "benchmarks" / "results" / "bad.json").write_text('{"benchmark": "bad"}')
    with pytest.raises(SystemExit, match=r"bad\.json lacks claims, command, date, machine, versions"):
        write_tables(repository)


def test_the_tables_of_this_repository_are_up_to_date():
    results = read_results(ROOT / "benchmarks" / "results")
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == results_page(results)
    for language, (name, (head, missing)) in enumerate(READMES.items()):
        assert headline_table(results, language, head, missing) in (ROOT / name).read_text(encoding="utf-8")
