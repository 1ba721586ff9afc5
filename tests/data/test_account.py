"""What the account of cleaning tells in a file that others may read."""

from motet.data.account import Finding


def finding(table: str) -> Finding:
    row = {"@source": 0, "@row": 3, "@user": "ann", "age": 98765.0}
    return Finding(table, "outliers", 1, "clipped", "data.cleaning.outliers", examples=(row,))


def test_cells_of_users_are_personal_and_left_out():
    assert finding("users").to_json()["examples"] == [{"@source": 0, "@row": 3}]


def test_cells_of_events_are_kept_but_for_the_user():
    assert finding("events").to_json()["examples"] == [{"@source": 0, "@row": 3, "age": 98765.0}]


def test_everything_is_told_to_who_asks_for_it():
    assert finding("users").to_json(ids=True)["examples"] == list(finding("users").examples)
