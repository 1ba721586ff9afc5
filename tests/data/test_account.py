"""What the account of cleaning tells in a file that others may read."""

from motet.data.account import Account, Finding


def finding(table: str) -> Finding:
    row = {"@source": 0, "@row": 3, "@user": "ann", "age": 98765.0}
    return Finding(table, "outliers", 1, "clipped", "data.cleaning.outliers", examples=(row,))


def test_cells_of_users_are_personal_and_left_out():
    assert finding("users").to_json()["examples"] == [{"@source": 0, "@row": 3}]


def test_cells_of_events_are_kept_but_for_the_user():
    assert finding("events").to_json()["examples"] == [{"@source": 0, "@row": 3, "age": 98765.0}]


def test_everything_is_told_to_who_asks_for_it():
    assert finding("users").to_json(ids=True)["examples"] == list(finding("users").examples)


def empty(column: str, found: int = 2, row: int = 0) -> Finding:
    cell = {"@source": 1, "@row": row, column: None}
    left = "left to the learned vector"
    return Finding("events", "missing values", found, left, "", column, examples=(cell,), defect=False)


def test_columns_that_a_second_log_lacks_are_one_line():
    found = (empty("click"), empty("tab", found=1, row=7), empty("look"), empty("like"))
    lines = list(Account({"events": 9}, {"events": 9}, found).lines())
    assert lines == [
        "events: 9 rows read, 9 kept, 0 dropped",
        "events: missing values in 3 columns (click, look, like), 2 rows of each: left to the learned vector",
        "    for example source 1, row 0",
        "events.tab: missing values, 1 row: left to the learned vector",
        "    for example source 1, row 7, tab None",
    ]


def test_defects_are_told_column_by_column():
    cell = {"@source": 0, "@row": 3}
    found = [
        Finding("items", "outliers", 1, "clipped", "", column, examples=(cell,)) for column in ("a", "b")
    ]
    lines = list(Account({"items": 5}, {"items": 5}, tuple(found)).lines())
    assert [line for line in lines if "outliers" in line] == [
        "items.a: outliers, 1 row: clipped",
        "items.b: outliers, 1 row: clipped",
    ]
