"""Vectors of texts on disk: encoded once, whole or not at all, shared by processes."""

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet.errors import ConfigError
from motet.language.cache import TextVectors, default_folder


class Letters:
    """An encoder whose vectors are known by hand: how many letters, how many of them are e."""

    width = 2

    def __init__(self, fingerprint: str = "f" * 64, precision: Any = "fp32") -> None:
        self.fingerprint, self.precision = fingerprint, precision
        self.asked: list[str] = []

    def choose_precision(self) -> Any:
        self.precision = self.precision or "bf16"
        return self.precision

    def encode(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        self.asked += texts
        return np.array([[len(text), text.count("e")] for text in texts], np.float32).reshape(-1, 2)


def files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.rglob("*") if path.is_file()}


def test_a_text_is_encoded_once(tmp_path: Path) -> None:
    encoder = Letters()
    texts = ["bee", "a", "bee", ""]
    for vectors in (TextVectors(tmp_path), TextVectors(tmp_path)):
        np.testing.assert_array_equal(
            vectors.lookup_or_encode(texts, encoder), [[3, 2], [1, 0], [3, 2], [0, 0]]
        )
    assert encoder.asked == ["bee", "a", ""]


def test_new_texts_are_added(tmp_path: Path) -> None:
    encoder, vectors = Letters(), TextVectors(tmp_path)
    vectors.lookup_or_encode(["bee", "a"], encoder)
    np.testing.assert_array_equal(vectors.lookup_or_encode(["eel", "bee"], encoder), [[3, 2], [3, 2]])
    assert encoder.asked == ["bee", "a", "eel"]


def test_what_could_not_be_encoded_is_tried_again(tmp_path: Path) -> None:
    class Breaks(Letters):
        def encode(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
            found = super().encode(texts, progress)
            found[[text == "eel" for text in texts]] = np.nan
            return found

    texts = ["eel", "bee", "a"]
    for _ in range(2):
        found = TextVectors(tmp_path).lookup_or_encode(texts, encoder := Breaks())
        np.testing.assert_array_equal(found, [[np.nan] * 2, [3, 2], [1, 0]])
    assert encoder.asked == ["eel"]
    np.testing.assert_array_equal(
        TextVectors(tmp_path).lookup_or_encode(texts, Letters()), [[3, 2], [3, 2], [1, 0]]
    )


def test_rows_in_order_are_a_view_of_the_file(tmp_path: Path) -> None:
    texts = ["bee", "a", "eel"]
    TextVectors(tmp_path).lookup_or_encode(texts, Letters())
    found = TextVectors(tmp_path).lookup_or_encode(texts[1:], Letters())
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, [[1, 0], [3, 2]])


def test_models_and_precisions_do_not_mix(tmp_path: Path) -> None:
    vectors = TextVectors(tmp_path)
    encoders = [Letters("a" * 64), Letters("b" * 64), Letters("a" * 64, "bf16")]
    for encoder in encoders:
        vectors.lookup_or_encode(["bee"], encoder)
    assert [encoder.asked for encoder in encoders] == [["bee"]] * 3


def test_the_first_choice_of_precision_is_kept(tmp_path: Path) -> None:
    TextVectors(tmp_path).lookup_or_encode(["bee"], Letters(precision=None))
    later = Letters(precision=None)
    later.choose_precision = lambda: pytest.fail("measured again")
    TextVectors(tmp_path).lookup_or_encode(["bee"], later)
    assert later.precision == "bf16"
    asked = Letters(precision=None)
    asked.choose_precision = lambda: pytest.fail("measured again")
    assert TextVectors(tmp_path).precision(asked) == "bf16"
    assert asked.precision == "bf16"
    assert later.asked == []


@pytest.mark.parametrize("torn", ["vectors.f32", "keys.sha256"])
@pytest.mark.parametrize("bytes_lost", [1, 8, 30])
def test_a_torn_write_is_never_read(tmp_path: Path, torn: str, bytes_lost: int) -> None:
    texts = ["bee", "eel", "a", "tree", "sea", "e"]
    TextVectors(tmp_path).lookup_or_encode(texts, Letters())
    path = files(tmp_path)[torn]
    os.truncate(path, path.stat().st_size - bytes_lost)
    encoder = Letters()
    for _ in range(2):
        found = TextVectors(tmp_path).lookup_or_encode(texts, encoder)
        np.testing.assert_array_equal(found, Letters().encode(texts))
    assert 0 < len(encoder.asked) < len(texts)


def test_a_crash_between_vectors_and_keys_leaves_no_trace(tmp_path: Path) -> None:
    vectors = TextVectors(tmp_path)
    vectors.lookup_or_encode(["bee"], Letters())
    with open(files(tmp_path)["vectors.f32"], "ab") as file:
        file.write(b"\xff" * 20)
    np.testing.assert_array_equal(vectors.lookup_or_encode(["bee", "eel"], Letters()), [[3, 2], [3, 2]])
    assert files(tmp_path)["vectors.f32"].stat().st_size == 2 * 2 * 4


def encode_some(folder: Path, start: int) -> None:
    texts = [f"{'e' * number} text" for number in range(start, start + 40)]
    for number in range(0, 40, 5):
        TextVectors(folder).lookup_or_encode(texts[number : number + 5], Letters())


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=encode_some, args=(tmp_path, start)) for start in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    texts, encoder = [f"{'e' * number} text" for number in range(60)], Letters()
    found = TextVectors(tmp_path).lookup_or_encode(texts, encoder)
    np.testing.assert_array_equal(found, Letters().encode(texts))
    assert encoder.asked == []


def test_vectors_written_by_another_are_seen(tmp_path: Path) -> None:
    first, encoder = TextVectors(tmp_path), Letters()
    first.lookup_or_encode(["bee"], encoder)
    TextVectors(tmp_path).lookup_or_encode(["eel"], Letters())
    np.testing.assert_array_equal(first.lookup_or_encode(["eel"], encoder), [[3, 2]])
    assert encoder.asked == ["bee"]


def test_no_texts_need_no_encoder(tmp_path: Path) -> None:
    assert TextVectors(tmp_path).lookup_or_encode([], Letters()).shape == (0, 2)


def test_the_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTET_HOME", "/m")
    assert default_folder() == Path("/m/texts")
    monkeypatch.delenv("MOTET_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_folder() == Path("/x/motet/texts")


def test_a_folder_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="Set MOTET_HOME"):
        TextVectors(tmp_path / "file").lookup_or_encode(["bee"], Letters())
