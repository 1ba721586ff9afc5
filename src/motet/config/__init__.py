"""The whole configuration as typed records, free of torch and polars.

Read a file with :func:`motet.config.read.read_config`.
"""

from typing import Self

from pydantic import Field, model_validator

from motet.config.conflicts import Parts, conflicts
from motet.config.data import DataConfig
from motet.config.model import Group, ModelConfig
from motet.config.pretraining import Pretraining
from motet.config.record import Record, misfits
from motet.config.tasks import Multiclass, Retrieval, Tagging, Task, TextTask, is_text_task
from motet.config.training import EvaluationConfig, ReportConfig, TrainingConfig


class Config(Record):
    """Everything that determines a run."""

    in_words = "a mapping with tasks"
    name: str = Field("motet", min_length=1, description="Of the run, in its folder and its report.")
    data: DataConfig = Field(DataConfig(), description="Where the files are and what their columns mean.")
    tasks: list[Task] = Field(
        [],
        min_length=1,
        validate_default=False,
        description="What to predict, one entry a task; only `motet pretrain` does without.",
    )
    model: ModelConfig = Field(ModelConfig(), description="Backbone, experts, heads.")
    pretraining: Pretraining | None = Field(
        None, description="How `motet pretrain` trains the language model before any task."
    )
    training: TrainingConfig = Field(TrainingConfig(), description="How the model is trained.")
    evaluation: EvaluationConfig = Field(EvaluationConfig(), description="How the model is measured.")
    report: ReportConfig = Field(ReportConfig(), description="What is trained and measured besides.")

    @property
    def data_seed(self) -> int:
        """The seed of what is random in the data: the order of one moment's events, the items' numbers."""
        return self.training.seed if self.data.seed is None else self.data.seed

    @property
    def of_events(self) -> Self:
        """The same with the tasks alone that read events."""
        return self.model_copy(update={"tasks": [task for task in self.tasks if not is_text_task(task)]})

    @property
    def text_tasks(self) -> list[TextTask]:
        """The tasks whose rows are texts."""
        kinds = Multiclass | Tagging | Retrieval
        return [task for task in self.tasks if isinstance(task, kinds) and is_text_task(task)]

    @property
    def text_groups(self) -> list[Group]:
        """Groups of text tasks, each of which has a language model of its own."""
        names = [task.name for task in self.text_tasks]
        groups = [group for group in self.model.groups if group.tasks]
        return [group for group in groups if all(name in names for name in group.tasks)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.tasks and self.pretraining is None:
            raise misfits([(("tasks",), "the configuration lacks 'tasks'; write a list of tasks")])
        parts = Parts(
            self.data, list(self.tasks), self.training, self.evaluation, self.model, self.pretraining
        )
        if found := conflicts(parts):
            raise misfits(found)
        return self
