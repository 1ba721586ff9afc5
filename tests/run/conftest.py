"""The run that most tests here look at is trained before them, so that no test is charged for it."""

import pytest

from tests.trained import trained_run


@pytest.fixture(autouse=True, scope="session")
def _trained() -> None:
    trained_run()
