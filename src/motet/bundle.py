"""Bundle: a trained model as one checked folder. Safetensors, Parquet and JSON; nothing is pickled.

It holds no user id and no personal field: a user is a timeline, read from the log when it is asked about.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from motet.assemble import build_model, build_texts
from motet.config import Config
from motet.config.model import Language
from motet.config.read import read_config, write_config
from motet.data.catalogue import Catalogue
from motet.data.counters import CounterScaler
from motet.data.dataset import Dataset, Encodings
from motet.data.item_pairs import ItemPairs
from motet.data.nothing import no_log
from motet.data.pairs import PairRows
from motet.data.timelines import Span
from motet.data.vocabulary import Encoding
from motet.errors import ArtifactError
from motet.features.items import ItemContent, vector_key
from motet.language.tuned import TunedLanguage
from motet.model import Motet
from motet.system.files import read_json, write_json
from motet.system.manifest import verify_manifest
from motet.tasks.answer_table import AnswerTable
from motet.tasks.build import TaskFacts
from motet.tasks.texts import TextTasks

FORMAT = 2
ANSWERS = "answers.safetensors"  # vectors of the items that tasks look for
LANGUAGE = "language"  # the folder of a tuned language model, as transformers writes it
_LANGUAGES = re.compile(r"texts\.(apart\.\d+\.)?(language|guesses)\.")
_READ = re.compile(r"items\.(live\.|near)|texts\.(apart\.\d+\.)?tables\.")


@dataclass(frozen=True)
class Kept:
    """The answers of a task, as a run keeps them; of one that looks for items what is known of these too.

    Args:
        texts: The answers.
        item_M: Ids of the items.
        vector_MT: What the language model says of them.
    """

    texts: Sequence[str]
    item_M: pl.Series | None = None
    vector_MT: Tensor | None = None

    @classmethod
    def of(cls, rows: PairRows, table: AnswerTable | None) -> "Kept":
        """Those of a training."""
        if not isinstance(rows, ItemPairs) or table is None:
            return cls(rows.answers)
        return cls(rows.answers, rows.item_M, table.get_buffer("vector_MT"))


@dataclass(frozen=True)
class Bundle:
    """A trained model with all it needs to read new data."""

    folder: Path
    config: Config
    model: Motet
    catalogue: Catalogue
    encodings: Encodings
    facts: dict[str, TaskFacts]
    scaler: CounterScaler | None
    content: ItemContent
    timed: bool = True  # whether the log had times
    span: Span | None = None  # of the log that it was trained on
    answers: Mapping[str, Kept] = field(default_factory=dict)  # of tasks that look for them

    @property
    def language(self) -> Language | None:
        """The language model that reads texts for it: as it was tuned, where it was."""
        chosen = self.config.model.language
        own = self.folder / LANGUAGE
        if chosen is None or not own.is_dir():
            return chosen
        precision = "fp32" if chosen.precision == "auto" else chosen.precision
        return Language(name=str(own), max_tokens=chosen.max_tokens, precision=precision)

    def titles(self) -> list[str]:
        """A readable name of every item number; its id where the catalogue has no text."""
        names = [str(each) for each in self.catalogue.ids.to_list()]
        return ["", *(text or name for text, name in zip(self.catalogue.text_I[1:], names, strict=True))]


def save_bundle(
    folder: Path,
    config: Config,
    model: Motet,
    dataset: Dataset,
    facts: dict[str, TaskFacts],
    scaler: CounterScaler | None,
    span: Span | None = None,
    answers: Mapping[str, Kept] | None = None,
) -> None:
    """Write what the model needs: motet.yaml, model.safetensors, items.safetensors, vocabulary/.

    The span of the log is that of the data set's, where no other is given; answers are those of tasks that
    look for them.
    """
    (folder / "vocabulary").mkdir(parents=True, exist_ok=True)
    write_config(config, folder / "motet.yaml")
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items() if not _elsewhere(name)},
        folder / "model.safetensors",
    )
    parts = [] if model.texts is None else model.texts.parts
    for part, name in zip(parts, _language_folders(config) if parts else (), strict=True):
        if part.language is not None:
            part.language.save(folder / name)
    save_file(_item_tensors(model, dataset.catalogue), folder / "items.safetensors")
    catalogue, encodings = dataset.catalogue, dataset.encodings
    items = pl.DataFrame({"item_id": catalogue.ids, "text": catalogue.text_I[1:]})
    items.write_parquet(folder / "vocabulary" / "items.parquet")
    _save_answers(folder, answers or {})
    arrays = {name: array.tolist() for name, array in scaler.save().items()} if scaler else None
    write_json(folder / "vocabulary" / "encodings.json", {
        "format": FORMAT, "item": catalogue.encoding.to_json(), "event": encodings.event.to_json(),
        "request": encodings.request.to_json(), "user": encodings.user.to_json(),
        "classes": encodings.classes,
        "seen_once": encodings.seen_once, "timed": dataset.log.timed, "kinds": catalogue.kinds,
        "facts": {name: asdict(fact) for name, fact in facts.items()}, "scaler": arrays,
        "span": asdict(span or Span.of(dataset.log)),
    })  # fmt: skip


def open_bundle(folder: Path) -> Bundle:
    """Open a run folder after checking the hash of every file.

    Raises:
        ArtifactError: A file is missing, was changed, or is of another format.
    """
    verify_manifest(folder)
    config = read_config(folder / "motet.yaml")
    raw = read_json(folder / "vocabulary" / "encodings.json")
    if raw.get("format") != FORMAT:
        raise ArtifactError(
            f"{folder}: the run is of format {raw.get('format')}, this version reads {FORMAT}. "
            "Train it again."
        )
    tensors = load_file(folder / "items.safetensors")
    items = pl.read_parquet(folder / "vocabulary" / "items.parquet")
    catalogue = _catalogue(raw, items, tensors)
    encodings = _encodings(raw)
    facts = {name: _fact(fact) for name, fact in raw["facts"].items()}
    scaler = CounterScaler.load({k: np.array(v) for k, v in raw["scaler"].items()}) if raw["scaler"] else None
    content = _content(tensors)
    dataset = Dataset(catalogue, no_log(timed=raw["timed"], once=raw["seen_once"]), encodings, [], {})
    model = build_model(config, dataset, facts, content, len(scaler.mean) if scaler else 0)
    state = load_file(folder / "model.safetensors")
    model.texts = _open_texts(config, facts, folder, state)
    try:
        state |= {name: value for name, value in model.state_dict().items() if _of_language(name)}
        model.load_state_dict(state)
    except RuntimeError:
        raise ArtifactError(
            f"{folder}: its weights do not fit this version of Motet. "
            "Train it again, or use the version that manifest.json names."
        ) from None
    if (folder / LANGUAGE).is_dir():
        model.items.settle()
    model.items.settle_pictures()
    span = Span(**raw["span"]) if "span" in raw else None
    answers = _open_answers(folder, [name for name, fact in facts.items() if fact.answers])
    return Bundle(
        folder,
        config,
        model.eval(),
        catalogue,
        encodings,
        facts,
        scaler,
        content,
        raw["timed"],
        span,
        answers,
    )


def _save_answers(folder: Path, answers: Mapping[str, Kept]) -> None:
    """A table of each task's answers, and the vectors of those that are items in one file."""
    vectors = {}
    for name, kept in answers.items():
        columns = {"answer": list(kept.texts), "item": kept.item_M}
        table = pl.DataFrame({column: each for column, each in columns.items() if each is not None})
        table.write_parquet(folder / "vocabulary" / f"answers of {name}.parquet")
        if kept.vector_MT is not None:
            vectors[name] = kept.vector_MT.contiguous()
    if vectors:
        save_file(vectors, folder / ANSWERS)


def _open_answers(folder: Path, names: Sequence[str]) -> dict[str, Kept]:
    vectors = load_file(folder / ANSWERS) if (folder / ANSWERS).is_file() else {}
    found = {}
    for name in names:
        table = pl.read_parquet(folder / "vocabulary" / f"answers of {name}.parquet")
        item_M = table["item"] if "item" in table.columns else None
        found[name] = Kept(table["answer"].to_list(), item_M, vectors.get(name))
    return found


def _open_texts(
    config: Config, facts: dict[str, TaskFacts], folder: Path, state: dict[str, Tensor]
) -> TextTasks | None:
    """What reads texts, its language model as it was tuned."""
    if config.model.language is None:
        return None
    if (folder / LANGUAGE).is_dir():
        settled = config.model.language.settled()
        first, *apart = (TunedLanguage(settled, folder / name) for name in _language_folders(config))
        return build_texts(config, facts, first, apart)
    widths = [state[f"texts.heads.of_{task.name}.linear.weight"].shape[1] for task in config.text_tasks]
    return build_texts(config, facts, widths[0] if widths else 0)


def _language_folders(config: Config) -> list[str]:
    """Folders of tuned language models: of the one that tasks share, and of each group of text tasks."""
    return [LANGUAGE, *(f"{LANGUAGE} of {'-'.join(group.tasks)}" for group in config.text_groups)]


def _elsewhere(name: str) -> bool:
    """Whether a weight lies in another file: of a tuned language model, or what was read of the items."""
    return _of_language(name) or _READ.match(name) is not None


def _of_language(name: str) -> bool:
    """Whether it is a weight of a tuned language model, which has a folder, or of use in training alone."""
    return _LANGUAGES.match(name) is not None


def save_again(bundle: Bundle, folder: Path) -> None:
    """Write a bundle with the weights that its model has now: the files of `save_bundle`, no manifest."""
    log = no_log(timed=bundle.timed, once=bundle.encodings.seen_once)
    dataset = Dataset(bundle.catalogue, log, bundle.encodings, [], {})
    save_bundle(
        folder, bundle.config, bundle.model, dataset, bundle.facts, bundle.scaler, bundle.span, bundle.answers
    )


CONTENT = ("code_IJ", "number_IV", "text_IT", "id_row_I", "neighbour_IM", "share_IM")


def _item_tensors(model: Motet, catalogue: Catalogue) -> dict[str, Tensor]:
    with torch.no_grad():
        vector_ID = model.eval().items()
    items = model.items
    tensors = {name: items.get_buffer(name) for name in CONTENT if getattr(items, name) is not None}
    tensors |= {f"vector_{name}": items.get_buffer(vector_key(name)) for name in items.vector_names}
    tensors |= {"vectors": vector_ID, "kind_I": torch.from_numpy(catalogue.kind_I)}
    tensors |= {
        "time_I": torch.from_numpy(catalogue.time_I),
        "trained_I": torch.from_numpy(catalogue.trained_I),
    }
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def _content(tensors: dict[str, Tensor]) -> ItemContent:
    vectors = {name.removeprefix("vector_"): t for name, t in tensors.items() if name.startswith("vector_")}
    beside = (tensors["neighbour_IM"], tensors["share_IM"]) if "neighbour_IM" in tensors else None
    return ItemContent(
        code_IJ=tensors["code_IJ"],
        number_IV=tensors["number_IV"],
        text_IT=tensors.get("text_IT"),
        vectors=vectors,
        id_row_I=tensors["id_row_I"],
        beside=beside,
    )


def _catalogue(raw: dict[str, Any], items: pl.DataFrame, tensors: dict[str, Tensor]) -> Catalogue:
    return Catalogue(
        ids=items["item_id"],
        kinds=raw["kinds"],
        kind_I=tensors["kind_I"].numpy(),
        encoding=Encoding.from_json(raw["item"]),
        code_IJ=tensors["code_IJ"].numpy().astype(np.int32),
        number_IV=tensors["number_IV"].numpy(),
        text_I=["", *items["text"].to_list()],
        vectors={n.removeprefix("vector_"): t.numpy() for n, t in tensors.items() if n.startswith("vector_")},
        time_I=tensors["time_I"].numpy(),
        trained_I=tensors["trained_I"].numpy(),
    )


def _encodings(raw: dict[str, Any]) -> Encodings:
    return Encodings(
        event=Encoding.from_json(raw["event"]),
        request=Encoding.from_json(raw["request"]),
        user=Encoding.from_json(raw["user"]),
        classes={name: tuple(classes) for name, classes in raw["classes"].items()},
        seen_once=raw["seen_once"],
    )


def _fact(raw: dict[str, Any]) -> TaskFacts:
    return replace(TaskFacts(**raw), shares=tuple(raw["shares"]), classes=tuple(raw["classes"]))
