"""The `training.balance` part of a configuration: how the losses of several tasks become one step."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from motet.config.record import Record, as_list, misfits

LossKind = Literal["likelihood", "fixed", "uncertainty", "dwa", "random", "geometric"]
GradientKind = Literal[
    "pcgrad", "cagrad", "mgda", "imtl_g", "aligned_mtl", "nash_mtl", "upgrad", "graddrop", "gradnorm",
    "priorities",
]  # fmt: skip
SearchKind = Literal["search"]
BilevelKind = Literal["stackelberg"]
_READ_BY = {
    "power": ["likelihood"],
    "temperature": ["dwa"],
    "radius": ["cagrad"],
    "asymmetry": ["gradnorm"],
    "rate": ["gradnorm"],
    "order": ["priorities"],
    "tolerance": ["priorities"],
    "leader": ["stackelberg"],
    "every": ["stackelberg"],
    "gradient": ["stackelberg"],
    "terms": ["stackelberg"],
    "pace": ["stackelberg"],
    "held_out": ["stackelberg"],
    "trials": ["search"],
    "sampler": ["search"],
    "span": ["search"],
    "trial_epochs": ["search"],
    "at": list(get_args(GradientKind)),
}


class Balance(Record):
    """How the losses of several tasks become one step. In YAML the name of a method or a mapping."""

    kind: Literal[LossKind, GradientKind, SearchKind, BilevelKind] = Field(
        "likelihood",
        description="Weights of the losses: likelihood (each counts by its nats), fixed (each in what a "
        "constant guess has), uncertainty, dwa, random, geometric; search: found by short trainings; "
        "stackelberg: what helps a leading task on held-out rows. The others make one gradient of several.",
    )
    at: Literal["auto", "representation", "parameters"] = Field(
        "auto",
        description="Where gradients are made one: at states and item vectors, what tasks share behind them "
        "(experts, a shared bottom) getting the plain sum, or at all parameters that tasks share (slow). "
        "auto: priorities at the parameters, for they promise something about every step, the others not.",
    )
    power: float = Field(
        0.75,
        ge=0,
        le=1,
        description="likelihood: of the nats of a label; 1: the likelihood of all labels, 0: as fixed.",
    )
    temperature: float = Field(2.0, gt=0, description="dwa: the higher, the more alike the weights.")
    radius: float = Field(
        0.5, ge=0, lt=1, description="cagrad: how far from the mean gradient, in its norms."
    )
    asymmetry: float = Field(1.5, ge=0, description="gradnorm: how much a slow task is pushed.")
    rate: float = Field(0.025, gt=0, description="gradnorm: how much its weights move in a step.")
    order: list[str] = Field([], description="priorities: tasks, the most important first; others come last.")
    tolerance: float = Field(
        0.0,
        ge=0,
        description="priorities: share of what a task's own step gains that lower ones together may cost.",
    )
    leader: Annotated[list[str], BeforeValidator(as_list)] = Field(
        [],
        description="stackelberg: the task, or tasks, that the weights of the others shall serve; none: the "
        "one of the greatest weight, the first of equals.",
    )
    every: int = Field(20, ge=1, description="stackelberg: steps from one change of the weights to the next.")
    gradient: Literal["unrolled", "implicit"] = Field(
        "unrolled",
        description="stackelberg: what the weights do to the leader's loss after one step (unrolled), or at "
        "the end of a training that goes on as it is (implicit, by a Neumann series).",
    )
    terms: int = Field(
        3, ge=1, description="stackelberg: of the series, after the first; each costs about one step more."
    )
    pace: float = Field(
        0.2, gt=0, description="stackelberg: how far its first change moves the logarithms of the weights."
    )
    held_out: float = Field(
        0.05, gt=0, le=0.5, description="stackelberg: share of the training users whose rows choose weights."
    )
    trials: int = Field(8, ge=1, description="search: how many short trainings, beside one as it is.")
    sampler: Literal["random", "grid", "bayesian"] = Field(
        "random", description="search: what is tried next; bayesian needs Optuna."
    )
    span: float = Field(10.0, gt=1, description="search: weights lie between a part and this many times.")
    trial_epochs: int = Field(3, ge=1, description="search: epochs of a short training.")

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, raw: Any) -> Any:
        return {"kind": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _reads(self) -> "Balance":
        for name, kinds in _READ_BY.items():
            if self.kind not in kinds and getattr(self, name) != type(self).model_fields[name].default:
                instead = f"kind: {kinds[0]}" if len(kinds) == 1 else "a kind that combines gradients"
                text = f"balance {self.kind} does not read {name!r}; write  {instead}, or leave it out"
                raise misfits([((name,), text)])
        if self.kind == "priorities" and not self.order:
            raise misfits([(("kind",), "priorities need  order: [TASK, ...], the most important task first")])
        twice = [name for place, name in enumerate(self.order) if name in self.order[:place]]
        if twice:
            text = f"priorities name {twice[0]!r} twice in 'order', but a task has one rank; leave one out"
            raise misfits([(("order",), text)])
        if self.gradient == "unrolled" and self.terms != type(self).model_fields["terms"].default:
            text = "an unrolled gradient has no series of 'terms'; write  gradient: implicit, or leave it out"
            raise misfits([(("terms",), text)])
        return self

    @property
    def place(self) -> Literal["representation", "parameters"]:
        """Where gradients are made one."""
        if self.at != "auto":
            return self.at
        return "parameters" if self.kind == "priorities" else "representation"

    @property
    def of_gradients(self) -> bool:
        """Whether the method looks at gradients, not at losses alone."""
        return self.kind in get_args(GradientKind)

    @property
    def of_sharing(self) -> bool:
        """Whether the method asks what tasks do to weights that they share."""
        return self.of_gradients or self.kind in get_args(BilevelKind)
