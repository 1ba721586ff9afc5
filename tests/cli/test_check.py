"""`motet check` on small files: what it prints, what it refuses, what it does not import."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from motet.cli.app import main

CONFIG = """
name: shop
data:
  items: {path: items.csv, id: sku, kind: sort, text: [title], numeric: [price]}
  events: {path: log.csv, user: who, item: sku, time: at, type: what, value: paid, context: [{column: page}]}
tasks:
  - {name: next, kind: next_item, positive: [buy]}
  - {name: dear, kind: binary, label: paid > 5, types: [buy]}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    rows = [
        f"{who},{100 + place},2024-01-0{place + 1}T10:00:00Z,{('view', 'buy')[place % 2]},{place * 2},home"
        for who in "abcd"
        for place in range(8)
    ]
    items = [
        f"{100 + place},item {place},{place * 1.5},{'ad' if place == 7 else 'shirt'}" for place in range(8)
    ]
    (tmp_path / "log.csv").write_text("\n".join(["who,sku,at,what,paid,page", *rows, rows[0]]))
    (tmp_path / "items.csv").write_text("\n".join(["sku,title,price,sort", *items]))
    (tmp_path / "motet.yaml").write_text(textwrap.dedent(CONFIG))
    return tmp_path / "motet.yaml"


def test_check_says_what_it_found_and_what_each_task_gets(shop, capsys):
    assert main(["check", str(shop)]) == 0
    page = capsys.readouterr().out
    for line in (
        "shop: the configuration fits the data",
        "32 events of 4 users on 8 items",
        "from 2024-01-01T10:00:00+00:00 to 2024-01-08T10:00:00+00:00",
        "types: buy 16, view 16",
        "catalogue: 8 items; kinds: shirt 7, ad 1",
        "known when the question is asked: page (categorical)",
        "events: 33 rows read, 32 kept, 1 dropped",
        "events: exact duplicates, 1 row: dropped but for the first  [data.cleaning.duplicates: drop]",
        "for example row 32, user 'a', item 100",
        "next (next_item, split leave_one_out): train 8, valid 4, test 4",
        "dear (binary, split leave_one_out): train 8, valid 4, test 4; mean label 0.5",
        "no column seems to know too much",
    ):
        assert line in page


def test_check_prints_json_with_the_same_facts(shop, capsys):
    assert main(["check", str(shop), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["log"]["events"] == 32
    assert found["cleaning"]["rows"]["events"] == {"in": 33, "out": 32}
    assert found["tasks"]["next"]["parts"]["test"] == {"rows": 8, "asked": 4}  # a view before each buy
    assert found["columns"]["item"] == [
        {"column": "price", "kind": "numeric", "several": False},
        {"column": "title", "kind": "text", "several": False},
    ]


def test_a_setting_can_be_changed_for_one_check(shop, capsys):
    assert main(["check", str(shop), "--set", "data.cleaning.duplicates=keep"]) == 0
    assert "33 events" in capsys.readouterr().out


def test_check_refuses_with_one_message_and_status_two(shop, capsys):
    assert main(["check", str(shop), "--set", "data.cleaning.strict=true"]) == 2
    assert "exact duplicates, 1 row" in capsys.readouterr().err
    assert main(["check", str(shop), "--set", "data.split.cold_items=0.99"]) == 2
    assert "none is left for train" in capsys.readouterr().err
    assert main(["check", str(shop), "--set", "tasks.1.label=payed > 5"]) == 2
    assert "did you mean 'paid'?" in capsys.readouterr().err


def test_check_refuses_a_task_that_training_would_refuse(shop, capsys):
    shop.write_text(shop.read_text().replace("label: paid > 5", "label: {of: view, event: buy, within: 7d}"))
    shop.write_text(shop.read_text().replace(", types: [buy]}", "}"))
    assert main(["check", str(shop)]) == 2
    assert "tasks.dear: there is no row with a label among the" in capsys.readouterr().err


def test_check_does_not_import_torch(shop):
    code = f"import sys; from motet.cli.app import main; main(['check', {str(shop)!r}])"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
