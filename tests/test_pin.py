"""The pins hold what came from an index, and no local build."""

from scripts.pin import pins


def test_local_builds_and_folders_are_left_out():
    frozen = "torch==2.13.0+cpu\nAltair==6.3.0\n-e /somewhere\nmotet @ file:///somewhere\n"
    assert pins(frozen) == ["Altair==6.3.0", "torch==2.13.0"]
