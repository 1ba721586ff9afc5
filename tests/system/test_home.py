"""Choices that a measurement made are kept, so that the same training is the same tomorrow."""

from motet.system.home import home, kept


def test_a_choice_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTET_HOME", str(tmp_path))
    made = iter([2, 4, 8])
    assert [kept("threads", lambda: next(made)) for _ in range(3)] == [2, 2, 2]
    assert kept("precision", lambda: "bf16") == "bf16"
    assert kept("threads", lambda: next(made)) == 2
    assert (home() / "choices.json").exists()


def test_on_another_machine_it_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTET_HOME", str(tmp_path))
    kept("threads", lambda: 2)
    monkeypatch.setattr("motet.system.home.machine", lambda: {"processor": "another", "cores": 64})
    assert kept("threads", lambda: 64) == 64


def test_a_damaged_file_or_a_home_that_cannot_be_written_is_no_reason_to_stop(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTET_HOME", str(tmp_path))
    (tmp_path / "choices.json").write_text("{")
    assert kept("threads", lambda: 3) == 3
    assert kept("threads", lambda: 4) == 3
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "choices.json" / "below a file"))
    assert kept("threads", lambda: 5) == 5
