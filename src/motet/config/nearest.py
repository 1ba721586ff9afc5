"""The name that was probably meant: near in spelling, usual elsewhere, or right in another place."""

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from motet.config.record import Record
from motet.config.schema import every_setting

_OTHER_NAMES = {
    "lr": "learning_rate", "dim": "width", "hidden_size": "width", "embedding_dim": "width", "type": "kind",
    "max_len": "length", "max_length": "length", "num_layers": "layers", "num_heads": "heads",
    "target": "label", "delimiter": "separator", "sep": "separator", "timestamp": "time", "top_k": "k",
    "early_stopping": "patience", "file": "path", "files": "path", "model_name": "name", "user_id": "user",
}  # fmt: skip


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name that was probably meant by another.

    >>> nearest("epoch", ["epochs", "patience"]), nearest("lr", ["learning_rate"]), nearest("xyz", ["epochs"])
    ('epochs', 'learning_rate', None)
    """
    names = list(valid)
    if _OTHER_NAMES.get(name) in names:
        return _OTHER_NAMES[name]
    folded = {other.casefold(): other for other in names}
    close = difflib.get_close_matches(name.casefold().replace("-", "_"), folded, 1, 0.65)
    return folded[close[0]] if close else None


def likeness(name: str, other: str) -> float:
    """How alike two names are: 0 not at all, 1 the same."""
    return difflib.SequenceMatcher(None, name, other).ratio()


class Elsewhere(NamedTuple):
    """A hint at another place, and whether the name is spelt there just so."""

    hint: str
    exact: bool


def elsewhere(name: str, root: type[Record]) -> Elsewhere | None:
    """Where a setting belongs that was written in the wrong place; None when it belongs nowhere."""
    places: dict[str, list[str]] = {}
    for path, _ in every_setting(root):
        above, _, key = path.rpartition(".")
        places.setdefault(key, []).append(above or "the top")
    key = name if name in places else (nearest(name, places) or "")
    if key not in places:
        return None
    above = min(places[key], key=lambda path: (path.count("[]"), path.count(".")))
    if key == name:
        return Elsewhere(f"{key!r} belongs under {above}", True)
    return Elsewhere(f"did you mean {key!r} under {above}?", False)
