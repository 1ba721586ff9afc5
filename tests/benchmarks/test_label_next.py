"""A curve of labelling that was finished is read again, by the settings that made it alone."""

import json

import pytest

from benchmarks import label_next
from benchmarks.label_next import labelled_more, name_of


def test_a_finished_curve_is_read_again_under_the_same_settings_alone(tmp_path, monkeypatch):
    (tmp_path / f"{name_of('both', 3)}.json").write_text(json.dumps([0.5, 0.75]))
    (tmp_path / "both-3.json").write_text(json.dumps([0.1]))  # of nobody knows which settings
    assert labelled_more(tmp_path, tmp_path, "both", 3) == [0.5, 0.75]
    changed = tmp_path / "changed.yaml"
    changed.write_text(label_next.CONFIG.read_text("utf8") + "# another\n")
    for setting, value in (("LOT", 78), ("LOTS", 11), ("CONFIG", changed)):
        with monkeypatch.context() as patch:
            patch.setattr(label_next, setting, value)
            with pytest.raises(FileNotFoundError):  # of the data: it begins anew
                labelled_more(tmp_path, tmp_path, "both", 3)
