"""What every test may rely on: no network, one thread, a home of its own, real data where it lies ready."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# A job in the background of a shell is born with Ctrl-C ignored; the tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, so that a red run can be repeated; no deadline, as machines are shared.
settings.register_profile("motet", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("motet")

REPOSITORY = Path(__file__).parents[1]
DATA = Path(os.environ.get("MOTET_DATA", REPOSITORY.parent / "shared" / "data"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run tests of more than two seconds")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    no_data = pytest.mark.skip(reason="no data: neither $MOTET_DATA nor ../shared/data is a folder")
    slow = pytest.mark.skip(reason="slow; run with --slow")
    for item in items:
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(slow)
        if item.get_closest_marker("data") and not DATA.is_dir():
            item.add_marker(no_data)


@pytest.fixture(autouse=True, scope="session")
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Caches that the code under test writes go to a temporary folder."""
    os.environ["MOTET_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture
def data_folder() -> Callable[[str], Path]:
    """Gives the folder of a real data set by its name, or skips the test if it is not there."""

    def find(name: str) -> Path:
        if not (DATA / name).is_dir():
            pytest.skip(f"no data set {name} under $MOTET_DATA or ../shared/data")
        return DATA / name

    return find
