"""The floors of the house: a room imports lower floors only, and no modules import each other in a circle."""

import ast
import functools
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
HOUSE = SOURCE / "motet"

FLOORS = (  # from the ground up
    ("errors", "batch"),
    ("config", "nn", "metrics", "system"),
    ("data", "language", "retrieval", "policies"),
    ("features", "tasks"),
    ("model",),
    ("assemble",),
    ("bundle", "training", "evaluation", "explain"),
    ("seek",),
    ("gather", "present", "classify"),
    ("judge",),
    ("guard", "search"),
    ("run", "use", "serving", "privacy"),
    ("recipes", "distributed", "affinity", "derive", "pretraining"),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FREE = {"system", "config"}  # rooms of one floor keep apart, but for these two, which all of floor 2 may use
STRICT = {"nn": {"config"}}  # modules take plain arguments, so no layer may know the configuration


def room_of(module: str) -> str:
    """The room of a module: the second part of its dotted name; `motet` itself has none."""
    return module.split(".")[1] if "." in module else ""


@functools.cache
def imports_of(path: Path, *, at_load: bool = False) -> frozenset[str]:
    """Modules of motet that a file imports; `at_load` leaves out imports inside functions and for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in load_time_nodes(tree) if at_load else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if is_module(name)}
            found |= modules if modules == inner else modules | {node.module}
    return frozenset(name for name in found if name.split(".")[0] == "motet")


@functools.cache
def is_module(name: str) -> bool:
    place = SOURCE.joinpath(*name.split("."))
    return place.with_suffix(".py").exists() or (place / "__init__.py").exists()


def load_time_nodes(tree: ast.AST) -> list[ast.AST]:
    """Every node that runs when the file is imported."""
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        found += [node, *load_time_nodes(node)]
    return found


def module_of(path: Path) -> str:
    """The dotted name of a file under src."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def trespasses(room: str, other: str) -> bool:
    """Whether a file of one room may not import from the other."""
    if not other or room == other:
        return False
    if other in STRICT.get(room, set()):
        return True
    here, there = FLOOR[room], FLOOR[other]
    return there > here or (there == here and other not in FREE and here > 0)


def test_every_room_has_a_floor():
    rooms = {room_of(module_of(path)) for path in files()} - {""}
    assert rooms <= set(FLOOR), f"rooms without a floor: {sorted(rooms - set(FLOOR))}"


def test_a_room_imports_lower_floors_only():
    wrong = []
    for path in files():
        room = room_of(module_of(path))
        if room:
            others = {room_of(name) for name in imports_of(path)}
            wrong += [
                f"{path.relative_to(SOURCE)} imports {other}" for other in others if trespasses(room, other)
            ]
    assert not wrong, "\n".join(sorted(wrong))


def test_the_front_door_imports_nothing_heavy_when_it_is_loaded():
    assert {room_of(name) for name in imports_of(HOUSE / "__init__.py", at_load=True)} <= {"", "errors"}


def test_no_modules_import_each_other_in_a_circle():
    known = {module_of(path): path for path in files()}
    edges = {module: imports_of(path, at_load=True) & set(known) - {module} for module, path in known.items()}
    assert circle(edges) == []


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Modules that lie on a circle of imports, or an empty list."""
    left = dict(edges)
    while free := [module for module, others in left.items() if not others & set(left)]:
        for module in free:
            del left[module]
    while free := [module for module in left if not any(module in others for others in left.values())]:
        for module in free:
            del left[module]
    return sorted(left)


def test_a_circle_is_found_and_what_hangs_on_it_is_not_named():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == ["b", "c"]


def test_a_higher_floor_a_neighbour_and_a_forbidden_room_are_trespasses():
    assert trespasses("data", "model")
    assert trespasses("data", "language")
    assert trespasses("nn", "config")
    assert not trespasses("metrics", "system")
    assert not trespasses("cli", "run")
    assert not trespasses("data", "data")
