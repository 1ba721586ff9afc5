"""The `model:` part of a configuration."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from motet.config.record import Record


class Language(Record):
    """The language model at the heart. `language: none` leaves it out; a bare name stands for `{name: ...}`."""

    name: str = "all-MiniLM-L6-v2"
    tuning: Literal["frozen"] = "frozen"
    max_tokens: int = Field(128, ge=8)


def _language(raw: Any) -> Any:
    if raw == "none" or raw is None or raw is False:
        return None
    return {"name": raw} if isinstance(raw, str) else raw


class Timeline(Record):
    """The encoder that reads a user's events in order."""

    kind: Literal["transformer", "hstu"] = "transformer"
    layers: int = Field(2, ge=1)
    width: int = Field(128, ge=8)
    heads: int = Field(2, ge=1)
    length: int = Field(100, ge=1, description="How many of the latest events are read.")
    dropout: float = Field(0.2, ge=0, lt=1)
    activation: Literal["swiglu", "gelu"] = "swiglu"
    expansion: float = Field(2.0, gt=0, description="Width of the feed-forward layer, in widths.")
    bias: Literal["none", "position", "time", "both"] = Field("both", description="Relative bias of the attention.")

    @model_validator(mode="after")
    def _divides(self) -> "Timeline":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be shared by {self.heads} heads; make it a multiple")
        return self


class Item(Record):
    """How an item becomes a vector."""

    id: bool = Field(True, description="Give each item with training events an embedding of its own.")
    id_dropout: float = Field(0.1, ge=0, lt=1, description="Share of items whose id is hidden in a training step.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout on the language model's vector.")


class Scoring(Record):
    """How `next_item` compares a state with the items."""

    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: float = Field(0.07, gt=0, description="Of cosine scores, at the start; it is learned.")
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    mask_seen: bool = Field(True, description="Where items do not repeat, leave seen ones out of the softmax.")


class Sharing(Record):
    """How tasks share what lies between the backbone and the heads."""

    kind: Literal["shared_bottom"] = "shared_bottom"
    layers: list[int] = Field([256, 128], description="Widths of the shared layers.")
    dropout: float = Field(0.1, ge=0, lt=1)


class ModelConfig(Record):
    """Backbone, experts, heads."""

    language: Annotated[Language | None, BeforeValidator(_language)] = Language()
    item: Item = Item()
    timeline: Timeline = Timeline()
    scoring: Scoring = Scoring()
    sharing: Sharing = Sharing()
    target_attention: bool = False
    user_id: bool = Field(False, description="Give users an id embedding; new users then start without one.")
