"""The `model:` part of a configuration."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from motet.config.record import AtLeastOne, Record, misfits

PoolingMode = Literal["mean", "cls", "max", "lasttoken"]


class Language(Record):
    """The language model at the heart. `language: none` leaves it out; a bare name is its `name`."""

    in_words = "none, a name, a mapping"
    name: str = Field(
        "all-MiniLM-L6-v2",
        description="A name that `motet models` lists or the hub has, or a folder, relative to this file.",
    )
    tuning: Literal["frozen", "lora", "adapter", "full"] = Field(
        "frozen",
        description="frozen: its weights stay, its vectors are cached; full: all of them are trained with "
        "the rest; lora: low-rank additions to its products are (Hu et al., ICLR 2022); adapter: small "
        "bottlenecks behind its blocks are (Houlsby et al., ICML 2019).",
    )
    max_tokens: int = Field(128, ge=8, description="Longer texts are cut here.")
    pooling: PoolingMode | None = Field(
        None,
        description="What of a text's tokens is its vector: their mean, their maximum, the first, the last; "
        "null: as the model's files say, else the mean of an encoder's and the last of a decoder's.",
    )
    prefix: str | None = Field(
        None, description="What stands before every text; null: what the model is known to want."
    )
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        "auto",
        description="Of its arithmetic; tuned weights stay fp32. auto: fp32 or bf16, measured, where it is "
        "frozen, as training.precision in the steps of a tuned one, and fp32 where that reads without "
        "learning. int8: products of a frozen one, faster still and rounded harder.",
    )
    learning_rate: float = Field(1e-4, gt=0, description="Of its weights, at its highest, where it is tuned.")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Tuned: what each layer learns at, in the rate of the one above it."
    )
    rank: int = Field(16, ge=1, description="lora: of the additions; adapter: width of the bottlenecks.")
    words: bool = Field(
        True,
        description="full: whether the vectors of the words learn too. Of models for many languages they are "
        "most of the weights, and few of them occur.",
    )
    checkpointing: bool = Field(
        False, description="Tuned: work blocks out again on the way back, for less memory and more time."
    )
    items: int = Field(
        64,
        ge=1,
        description="Tuned: items of a step whose texts are read anew with gradient; the others' vectors are "
        "those that were read last. All are read anew before every validation.",
    )
    targets: list[str] | None = Field(
        None, description="lora: names of the layers that have one; null: all products of the blocks."
    )
    fingerprint: str | None = Field(
        None,
        description="frozen: written into a run: of the model that read its texts; another one is refused.",
    )

    @model_validator(mode="after")
    def _reads(self) -> "Language":
        of: dict[str, tuple[str, ...]] = {
            "fingerprint": ("frozen",),
            "learning_rate": ("lora", "adapter", "full"),
            "layer_decay": ("full",),
            "rank": ("lora", "adapter"),
            "targets": ("lora",),
            "items": ("lora", "adapter", "full"),
            "words": ("full",),
            "checkpointing": ("lora", "adapter", "full"),
        }
        for name, kinds in of.items():
            if self.tuning not in kinds and getattr(self, name) != type(self).model_fields[name].default:
                text = f"tuning {self.tuning} does not read {name!r}; write  tuning: {kinds[-1]}"
                raise misfits([((name,), f"{text}, or leave it out")])
        if self.tuned and self.precision == "int8":
            text = "whole numbers have no gradient, so int8 is for tuning: frozen; write  precision: bf16"
            raise misfits([(("precision",), text)])
        return self

    def settled(self) -> "Language":
        """The same, no longer to be trained."""
        kept = ("name", "max_tokens", "pooling", "prefix", "precision")
        return Language(**{name: getattr(self, name) for name in kept})

    @property
    def tuned(self) -> bool:
        """Whether its weights are trained."""
        return self.tuning != "frozen"


def _language(raw: Any) -> Any:
    if raw == "none" or raw is None or raw is False:
        return None
    return {"name": raw} if isinstance(raw, str) else raw


class Contrast(Record):
    """Two views of each timeline, told from those of others, beside the tasks. A number is its `weight`."""

    in_words = "a number, a mapping"
    weight: float = Field(
        0.1, gt=0, description="Of its loss, in that of a backbone's first task that ranks items."
    )
    views: list[Literal["crop", "mask", "reorder", "insert"]] = Field(
        ["crop", "mask", "reorder", "insert"],
        min_length=1,
        description="What makes a view, one drawn for each: a part of the events; items hidden; a part "
        "shuffled; items put in that are like those before which they stand.",
    )
    crop: float = Field(0.6, gt=0, lt=1, description="Share of the events that crop keeps.")
    mask: float = Field(0.3, gt=0, lt=1, description="Share of the items that mask hides.")
    reorder: float = Field(0.6, gt=0, le=1, description="Share of the events that reorder shuffles.")
    insert: float = Field(0.2, gt=0, le=1, description="Share of the events before which insert puts one.")
    temperature: float = Field(0.1, gt=0, description="By which cosines are divided.")


def _contrast(raw: Any) -> Any:
    return {"weight": raw} if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


class Timeline(Record):
    """The encoder that reads a user's events in order."""

    kind: Literal["transformer", "hstu"] = Field(
        "transformer", description="Causal transformer or HSTU blocks."
    )
    layers: int = Field(2, ge=1, description="How many blocks.")
    width: int = Field(128, ge=8, description="Size of a state; a multiple of heads.")
    heads: int = Field(2, ge=1, description="Attention heads of a block.")
    length: int = Field(100, ge=1, description="How many of the latest events are read.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of values hidden in training.")
    activation: Literal["swiglu", "gelu"] = Field("swiglu", description="Of the feed-forward layer.")
    expansion: float = Field(2.0, gt=0, description="Width of the feed-forward layer, in widths.")
    bias: Literal["none", "position", "time", "both"] = Field(
        "both", description="Relative bias of the attention."
    )
    hidden: float = Field(
        0.0, ge=0, lt=1, description="Share of the events whose item a training step does not see."
    )
    contrast: Annotated[Contrast | None, BeforeValidator(_contrast)] = Field(
        None, description="Contrastive learning of whole timelines; null: none."
    )

    @model_validator(mode="after")
    def _divides(self) -> "Timeline":
        if self.width % self.heads:
            text = f"width {self.width} cannot be shared by {self.heads} heads; make it a multiple"
            raise misfits([(("heads" if "heads" in self.model_fields_set else "width",), text)])
        for name in ("activation", "expansion") if self.kind == "hstu" else ():
            if name in self.model_fields_set and getattr(self, name) != type(self).model_fields[name].default:
                text = f"hstu blocks have no feed-forward layer, so {name!r} says nothing; leave it out"
                raise misfits([((name,), text)])
        return self


class Vision(Record):
    """What reads the pictures of items: its weights stay, its vectors are kept. A bare name is its `name`."""

    in_words = "none, a name, a mapping"
    name: str = Field(
        "efficientnet-lite0",
        description="efficientnet-lite0 (in the extra images), or a vision model of transformers: a folder, "
        "relative to this file, or a name on the hub.",
    )


class Item(Record):
    """How an item becomes a vector."""

    id: bool = Field(True, description="Give each item with training events an embedding of its own.")
    id_dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of items whose id is hidden in a training step."
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout on the language model's vector.")
    whiten: bool = Field(True, description="Make the language model's vectors vary alike in all directions.")
    fusion: Literal["sum", "gate", "attention"] = Field(
        "sum",
        description="How texts, pictures and ready-made vectors become one: their sum; each value weighed by "
        "all of them (gate); or each of them by itself (attention).",
    )
    modality_dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of each of those hidden in a training step, drawn for each item."
    )
    neighbours: int = Field(
        20, ge=0, description="How many items that the same users had are mixed in, for next_item; 0: none."
    )


class Scoring(Record):
    """How `next_item` compares a state with the items."""

    similarity: Literal["cosine", "dot"] = Field("cosine", description="Cosine, or the plain dot product.")
    temperature: float = Field(0.07, gt=0, description="Of cosine scores, at the start; it is learned.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of the target given to all items alike."
    )
    unmet: float = Field(0.0, description="Added to the score of an item that training never met (log odds).")
    fit_unmet: bool = Field(
        True,
        description="Fit on the validation rows what items score that training never met: how steeply, and "
        "by the likeness of their texts to the user's last items; where 100 rows ask for such.",
    )
    mask_seen: bool = Field(
        True,
        description="Where items do not repeat, leave those that the user has out of the training softmax.",
    )


class Sharing(Record):
    """How tasks share what lies between the backbone and the heads."""

    kind: Literal["shared_bottom", "mmoe", "cgc", "ple", "cross_stitch"] = Field(
        "shared_bottom",
        description="One stack for all; experts that each task weighs (mmoe), beside its own (cgc; ple: on "
        "several levels); or a stack a task, mixed after each layer.",
    )
    layers: list[AtLeastOne] = Field(
        [256, 128], description="Widths of the shared layers, or of each expert's."
    )
    experts: int = Field(
        4, ge=1, description="mmoe: in all; cgc, ple: of each task, and as many shared ones."
    )
    levels: int = Field(2, ge=1, description="ple: levels of experts above one another.")
    towers: list[AtLeastOne] = Field(
        [], description="Widths of each task's own layers above the shared ones."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of values hidden in training.")
    adapter: int = Field(
        0,
        ge=0,
        description="Width of each task's own bottleneck beside every layer of the timeline; 0: none.",
    )
    own_ids: bool = Field(
        False,
        description="Row tasks add to a candidate vectors of their own for its id (STEM), hidden with it.",
    )

    @model_validator(mode="after")
    def _has_layers(self) -> "Sharing":
        if self.kind != "shared_bottom" and not self.layers:
            raise misfits([(("layers",), f"sharing of kind {self.kind} needs layers; write  layers: [128]")])
        for name, kinds in (("experts", ["mmoe", "cgc", "ple"]), ("levels", ["ple"])):
            if self.kind not in kinds and getattr(self, name) != type(self).model_fields[name].default:
                instead = f"write  kind: {kinds[0]}, or leave it out"
                raise misfits([((name,), f"sharing of kind {self.kind} does not read {name!r}; {instead}")])
        return self


class Group(Record):
    """Tasks that have a part of the model to themselves. A bare list is its `tasks`, with a whole model."""

    in_words = "a list of tasks, a mapping"
    tasks: list[str] = Field(description="Their names.")
    backbone: Literal["own", "shared"] = Field(
        "own",
        description="own: a whole model, they share nothing with the others, text tasks with a tuned "
        "language model of their own; shared: what lies behind the timeline (experts, towers, heads) is "
        "their own.",
    )
    beside: list[str] = Field(
        [],
        description="Tasks with which it was trained and whose parts it holds, though others answer them.",
    )
    adapter: int = Field(
        0, ge=0, description="shared: width of a bottleneck beside every layer of the timeline; 0: none."
    )
    depth: AtLeastOne | None = Field(
        None,
        description="shared: after how many layers of the timeline its tasks leave it at the latest; null: "
        "all, or the task's own depth.",
    )

    @model_validator(mode="after")
    def _reads(self) -> "Group":
        for name, what in (("adapter", "bottleneck"), ("depth", "exit of its own from the timeline")):
            if getattr(self, name) and self.backbone == "own":
                text = f"a whole model needs no {what}; write  backbone: shared, or leave it out"
                raise misfits([((name,), text)])
        return self


def _group(raw: Any) -> Any:
    return {"tasks": raw} if isinstance(raw, list) else raw


def _calibrate(raw: Any) -> Any:
    return {True: "once", False: "none"}[raw] if isinstance(raw, bool) else raw


class TextHeads(Record):
    """How text tasks read a text's vector."""

    dropout: float = Field(0.1, ge=0, lt=1, description="Share of its values hidden in training.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of a label given to all classes alike."
    )
    consistency: float = Field(
        0.0,
        ge=0,
        description="Weight of how far two passes disagree that hide other values (R-Drop); 0: one pass.",
    )
    adversarial: float = Field(
        0.0,
        ge=0,
        description="Length of a step, in that of a word's vector, by which all words of a text are moved "
        "together to where its loss is larger, to be learned there too; 0: none. For tuned language models.",
    )
    hidden_words: float = Field(
        0.0, ge=0, lt=1, description="Share of a text's words that a step hides. For tuned language models."
    )
    beside: int = Field(
        2,
        ge=1,
        description="Texts without a label in a step, for each that has one; where a task names such.",
    )
    confidence: float = Field(
        0.8,
        gt=0,
        lt=1,
        description="How sure the model must be of a text without a label to learn its own answer "
        "(FixMatch).",
    )


class ModelConfig(Record):
    """Backbone, experts, heads."""

    language: Annotated[Language | None, BeforeValidator(_language)] = Field(
        Language(), description="The language model; `none` leaves it out."
    )
    vision: Annotated[Vision | None, BeforeValidator(_language)] = Field(
        Vision(), description="What reads pictures of items; `none` leaves them out."
    )
    item: Item = Field(Item(), description="How an item becomes a vector.")
    timeline: Timeline = Field(Timeline(), description="How a user's events are read.")
    scoring: Scoring = Field(Scoring(), description="How a state is compared with the items.")
    sharing: Sharing = Field(Sharing(), description="What tasks share above the timeline.")
    texts: TextHeads = Field(TextHeads(), description="How text tasks read a text's vector.")
    target_attention: bool | Literal["cross"] = Field(
        False,
        description="Row tasks also look from the candidate over the timeline: true over its events, cross "
        "with several heads over its states.",
    )
    counter_pieces: int = Field(
        0, ge=0, description="Pieces of each counter's piecewise-linear code; 0: the number alone."
    )
    fold_in: int = Field(
        0,
        ge=0,
        description="Factors of a ridge regression on the user's earlier labels, for row tasks; 0: none.",
    )
    calibrate: Annotated[Literal["follow", "once", "none"], BeforeValidator(_calibrate)] = Field(
        "follow",
        description="Probabilities. once: level and slope are fitted on the validation rows, when training "
        "is over and 100 rows have either label. follow: and for each hour of a rolling history a curve on "
        "the day before it, where 1,000 rows of either label became known.",
    )
    groups: list[Annotated[Group, BeforeValidator(_group)]] = Field(
        [], description="Groups of tasks that have a part of the model to themselves."
    )
