"""The `pretraining:` part of a configuration: what `motet pretrain` reads."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from motet.config.data import Column, Source
from motet.config.record import Record, as_list, misfits

Pairs = Literal["columns", "neighbours"]


class Objectives(Record):
    """What is learned, and the weight of each; 0 leaves it out."""

    masked: float = Field(
        1.0, ge=0, description="Which words were hidden in a text (Devlin et al., NAACL 2019)."
    )
    contrastive: float = Field(
        0.0,
        ge=0,
        description="Which of the texts of a step is another view of this one (Gao et al., EMNLP 2021).",
    )
    next: float = Field(0.0, ge=0, description="Whether a text follows another one (Devlin et al.).")

    @model_validator(mode="after")
    def _learns(self) -> "Objectives":
        if not any(self.weights.values()):
            text = "every objective has weight 0, so nothing would be learned; write  masked: 1"
            raise misfits([(("masked",), text)])
        return self

    @property
    def weights(self) -> dict[str, float]:
        """Name -> weight, those of weight 0 too."""
        return {"masked": self.masked, "contrastive": self.contrastive, "next": self.next}


class Corpus(Source):
    """Texts that no task reads."""

    in_words = "a mapping with path"
    text: Annotated[list[Column], BeforeValidator(as_list), Field(min_length=1)] = Field(
        [Column(column="text")],
        description="Columns that make up the text, joined in this order. Of several the first, and the "
        "others together, are a pair.",
    )


class Scratch(Record):
    """A small BERT that begins with random weights, and a tokenizer that is learned from the corpus."""

    in_words = "null, a mapping"
    tokenizer: Literal["bpe", "unigram", "wordpiece"] = Field(
        "bpe",
        description="bpe: pairs of bytes (Sennrich et al., ACL 2016); unigram: a language model of pieces "
        "(Kudo, ACL 2018); wordpiece: as BERT has it. All read in lower case; texts of any language.",
    )
    vocabulary: int = Field(8000, ge=50, description="Pieces of the tokenizer, at most.")
    width: int = Field(256, ge=8, description="Of a vector; a multiple of heads.")
    layers: int = Field(4, ge=1, description="How many blocks.")
    heads: int = Field(4, ge=1, description="Attention heads of a block.")

    @model_validator(mode="after")
    def _divides(self) -> "Scratch":
        if self.width % self.heads:
            text = f"width {self.width} cannot be shared by {self.heads} heads; make it a multiple"
            raise misfits([(("heads" if "heads" in self.model_fields_set else "width",), text)])
        return self


def _objectives(raw: Any) -> Any:
    """A bare name is that objective alone; a mapping that names no `masked` goes without it."""
    if isinstance(raw, str):
        raw = {raw: 1.0}
    return {"masked": 0.0, **raw} if isinstance(raw, dict) and raw else raw


class Pretraining(Record):
    """How `motet pretrain` trains the language model on texts, before any task."""

    objectives: Annotated[Objectives, BeforeValidator(_objectives)] = Field(
        Objectives(), description="What is learned: a name, or names with weights."
    )
    views: Annotated[
        list[Literal["dropout", "columns", "neighbours"]], BeforeValidator(as_list), Field(min_length=1)
    ] = Field(
        ["dropout"],
        description="contrastive: of what pairs are made. dropout: a text read twice, with other values "
        "hidden; columns: the first text column of a row and its others; neighbours: two items near each "
        "other in a user's timeline.",
    )
    follows: Annotated[list[Pairs], BeforeValidator(as_list), Field(min_length=1)] = Field(
        ["columns"],
        description="next: what follows a text. columns: the other text columns of its row; neighbours: the "
        "item that came next in a user's timeline.",
    )
    near: int = Field(3, ge=1, description="contrastive: how many events later a neighbour comes, at most.")
    files: Annotated[list[Corpus], BeforeValidator(as_list)] = Field(
        [], description="More texts, beside those of the items and of the tasks."
    )
    scratch: Scratch | None = Field(
        None, description="Begin from nothing with this model; null: with that of model.language."
    )
    words: bool = Field(
        True,
        description="Whether the vectors of the words learn too. Of models for many languages they are most "
        "of the weights, and few of them occur.",
    )
    epochs: int = Field(3, ge=1, description="Visits of all texts.")
    batch_size: int = Field(32, ge=2, description="Texts, or pairs of texts, in a step.")
    learning_rate: float | None = Field(
        None, gt=0, description="The highest, after the warm-up; null: 5e-5, from nothing 1e-3."
    )
    warmup: int = Field(100, ge=0, description="Steps until the full learning rate; at most a tenth of all.")
    mask_share: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="masked: share of the words that are asked for; of these eight in ten are hidden, one is "
        "another word, one stays.",
    )
    whole_words: bool = Field(
        False, description="masked: hide all pieces of a word, or none. Characters of Chinese are words."
    )
    temperature: float = Field(0.05, gt=0, description="contrastive: of the cosines.")
    held_out: float = Field(
        0.02, gt=0, lt=0.5, description="Share of the texts that measure and do not train; 2,000 at most."
    )

    @property
    def pairs(self) -> dict[str, list[str]]:
        """Objective of weight above 0 -> of what its pairs are made."""
        found: dict[str, list[str]] = {"contrastive": list(self.views), "next": list(self.follows)}
        return {name: kinds for name, kinds in found.items() if self.objectives.weights[name] > 0}

    @property
    def rate(self) -> float:
        """The highest learning rate."""
        return self.learning_rate or (5e-5 if self.scratch is None else 1e-3)

    @model_validator(mode="after")
    def _reads(self) -> "Pretraining":
        of = {
            "views": "contrastive",
            "near": "contrastive",
            "temperature": "contrastive",
            "follows": "next",
            "mask_share": "masked",
            "whole_words": "masked",
        }
        for name, objective in of.items():
            unread = getattr(self, name) != type(self).model_fields[name].default
            if unread and not self.objectives.weights[objective]:
                text = f"the objective {objective} reads {name!r}, and has weight 0"
                raise misfits([((name,), f"{text}; give it one, or leave the setting out")])
        if self.scratch is not None and not self.words:
            text = "from nothing the vectors of the words are random, and must learn"
            raise misfits([(("words",), f"{text}; leave the setting out")])
        return self
