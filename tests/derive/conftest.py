"""The runs that some tests here look at are trained before them, so that no test is charged for it."""

import pytest

from tests.derive.pair import ensemble_of, pair


@pytest.fixture(scope="session")
def members() -> None:
    pair()
    for kind in ("average", "vote"):
        ensemble_of(kind)
