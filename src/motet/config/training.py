"""The `training:`, `evaluation:` and `report:` parts of a configuration."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from motet.config.balance import Balance
from motet.config.record import AtLeastOne, Record, as_list


class TrainingConfig(Record):
    """How the model is trained."""

    balance: Balance = Field(Balance(), description="How the losses of several tasks become one step.")
    epochs: int = Field(50, ge=1, description="Passes over the timelines, at most.")
    patience: int = Field(5, ge=1, description="Epochs without a better validation before training stops.")
    monitor: str = Field(
        "auto",
        description="What says which epoch is kept: TASK.METRIC, auto (the mean relative gain over the best "
        "so far), or last (the last one).",
    )
    batch_size: int = Field(128, ge=1, description="Timelines in a step.")
    text_batch_size: int = Field(32, ge=1, description="Texts in a step of a text task.")
    accumulate: int = Field(
        1, ge=1, description="Batches whose mean gradient makes a step; memory is that of one of them."
    )
    learning_rate: float = Field(1e-3, gt=0, description="The highest, after the warm-up.")
    warmup: int = Field(100, ge=0, description="Steps until the full learning rate.")
    decay: Literal["none", "cosine", "linear"] = Field("cosine", description="How the learning rate falls.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled, as in AdamW.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    average: float = Field(
        0.0, ge=0, lt=1, description="Decay of the moving average of the weights; 0: none."
    )
    snapshots: int = Field(
        0,
        ge=0,
        description="Epochs before the best one whose weights are kept too, for `motet ensemble`; 0: none.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Of the arithmetic; auto: measured."
    )
    threads: AtLeastOne | Literal["auto"] = Field("auto", description="Of the processor; auto: measured.")
    checkpoint_minutes: float = Field(5.0, ge=0, description="Time between two checkpoints inside an epoch.")
    loggers: list[Literal["tensorboard", "wandb", "mlflow"]] = Field(
        [], description="Where curves go besides log.jsonl."
    )
    seed: int = Field(0, description="Of every random choice of the training.")


class EvaluationConfig(Record):
    """How the model is measured."""

    history: Literal["frozen", "rolling"] = Field(
        "rolling",
        description="frozen: nothing after the cut is visible; rolling: all that came before each row.",
    )
    k: Annotated[list[AtLeastOne], BeforeValidator(as_list), Field(min_length=1)] = Field(
        [1, 5, 10, 20], description="Lengths of the lists that ranking metrics look at."
    )
    bootstrap: int = Field(1000, ge=0, description="Resamples of users behind every interval.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of every interval.")


class ReportConfig(Record):
    """What is trained and measured besides the joint model."""

    twins: Literal["auto", "all", "none"] = Field(
        "auto", description="auto: all, when there is more than one task."
    )
    baselines: list[Literal["popularity", "item_to_item", "ease"]] = Field(
        ["popularity", "item_to_item", "ease"], description="Simple models beside ours."
    )
    ablations: list[Literal["text", "images", "id", "counters"]] = Field(
        ["text"], description="Parts left out, one at a time, to see what they bring."
    )
