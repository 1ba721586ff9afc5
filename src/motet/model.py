"""Motet, the model: encode -> timeline -> experts -> heads. START HERE to see what is computed.

Shapes: the legend of `motet.batch`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from motet.batch import AnyBatch, Batch, Encoded, Rows, TextBatch
from motet.features.columns import ColumnEncoder
from motet.features.events import EventEncoder, UserEncoder
from motet.features.items import ItemEncoder
from motet.features.views import Contrast
from motet.nn.branches import Branches
from motet.nn.experts import Experts
from motet.nn.fold_in import FoldIns
from motet.nn.pieces import Pieces
from motet.nn.target import CrossAttention, TargetAttention
from motet.nn.timeline import TimelineEncoder
from motet.tasks.binary import BinaryHead
from motet.tasks.build import AnyRowHead
from motet.tasks.chain import Chains
from motet.tasks.next_item import NextItemHead
from motet.tasks.texts import TextTasks

BACKBONE = ("items", "events", "users", "timeline")


class Motet(nn.Module):
    """One backbone, one head a task.

    Args:
        items: Items to vectors.
        events: Events to tokens.
        users: Users to the first token of their timeline.
        requests: What is known when the question is asked.
        timeline: Tokens to states.
        experts: What row tasks share between states and heads.
        heads: Task name -> head.
        target: A candidate's look over its timeline, or None.
    """

    def __init__(
        self,
        items: ItemEncoder,
        events: EventEncoder,
        users: UserEncoder,
        requests: ColumnEncoder,
        timeline: TimelineEncoder,
        experts: Experts | None,
        heads: dict[str, nn.Module],
        target: TargetAttention | CrossAttention | None,
    ) -> None:
        super().__init__()
        self.items, self.events, self.users, self.requests = items, events, users, requests
        self.timeline, self.experts, self.target = timeline, experts, target
        self.counters = Pieces(0, 0)  # put in where the model is built
        self.chains = Chains({}, [], 0)  # likewise
        self.branches = Branches({}, 0, 0)  # likewise
        self.heads = nn.ModuleDict({f"of_{name}": head for name, head in heads.items()})  # "type" is taken
        self.folds = FoldIns({})  # put in where the model is built
        self.texts: TextTasks | None = None  # likewise
        self.contrast: Contrast | None = None  # likewise
        self.hidden = 0.0  # share of events whose item is not seen in training
        self.leave_seen_out = False
        self.apart = nn.ModuleList()  # models of groups of tasks, whole or leaning on this one's backbone
        self.leans = False
        self.own = set(heads)  # tasks that this one answers; it may have heads of tasks that are apart

    def lean_on(self, other: "Motet") -> None:
        """Read the backbone of another model, which trains it and keeps it, instead of one of its own."""
        for name in BACKBONE:
            del self._modules[name]
            self.__dict__[name] = getattr(other, name)  # not a child: its weights are counted there alone
        self.leans = True

    @property
    def leaning(self) -> list["Motet"]:
        """Models apart that read the backbone of this one."""
        return [part for part in self.parts if part.leans and part is not self]

    @property
    def parts(self) -> list["Motet"]:
        """This model, and those apart."""
        return [self, *(each for each in self.apart if isinstance(each, Motet))]

    def part(self, task: str) -> "Motet":
        """The model that has a task's head: this one, or one apart."""
        return next(each for each in self.parts if task in each.own)

    def ranks(self, task: str) -> bool:
        """Whether this model or one apart has a head of that name that ranks a catalogue."""
        return any(task in part.next_heads for part in self.parts)

    @property
    def next_heads(self) -> dict[str, NextItemHead]:
        """Heads that rank a catalogue."""
        return {name: head for name, head in self._named_heads() if isinstance(head, NextItemHead)}

    @property
    def row_heads(self) -> dict[str, AnyRowHead]:
        """Heads that score rows."""
        return {name: head for name, head in self._named_heads() if not isinstance(head, NextItemHead)}

    @property
    def row_tasks(self) -> list[str]:
        """Tasks that score rows and are answered after one pass through this backbone."""
        return [name for part in (self, *self.leaning) for name in part.row_heads]

    def _named_heads(self) -> list[tuple[str, AnyRowHead | NextItemHead]]:
        named = [(key.removeprefix("of_"), head) for key, head in self.heads.items()]
        return [(name, head) for name, head in named if name in self.own]  # type: ignore[misc]

    @property
    def nats(self) -> dict[str, float]:
        """Task name -> nats of a loss of 1: its loss is divided by them, see `motet.tasks`."""
        found = {name: head.nats for part in self.parts for name, head in part._named_heads()}
        return found | ({} if self.texts is None else self.texts.nats)

    def own_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters that learn at a rate of their own: those of tuned language models."""
        return [] if self.texts is None else self.texts.rates()

    def backbone_parameters(self) -> list[nn.Parameter]:
        """What stands before the representation that all tasks share."""
        return [p for name in BACKBONE for p in getattr(self, name).parameters()]

    def shared_parameters(self) -> list[nn.Parameter]:
        """What several tasks learn together: the backbone, and what row tasks share behind it."""
        behind = (self.requests, self.experts, self.target, self.counters) if len(self.row_heads) > 1 else ()
        found = [p for part in behind if part is not None for p in part.parameters() if p.requires_grad]
        return [*self.backbone_parameters(), *found]

    def behind(self, tasks: Sequence[str]) -> dict[str, list[nn.Parameter]]:
        """Tasks that score rows -> the parameters behind the backbone, which they share; or none of two."""
        rows = [name for name in tasks if name in self.row_heads]
        if len(rows) < 2:
            return {}
        shared = (
            self.requests,
            self.experts,
            self.target,
            self.counters,
            self.chains,
            self.branches,
            self.folds,
        )
        heads = [self.heads[f"of_{name}"] for name in self.row_heads]
        found = [
            p for part in (*shared, *heads) if part is not None for p in part.parameters() if p.requires_grad
        ]
        return dict.fromkeys(rows, found)

    def encode(self, batch: Batch, item_ID: Tensor | None = None) -> Encoded:
        """The backbone: items, events and users to states; state 0 has seen the user alone."""
        item_ID, place_I, hidden_N = self._items(batch) if item_ID is None else (item_ID, None, None)
        item_BL = batch.item_BL
        if self.training and self.hidden:
            item_BL = item_BL * (torch.rand_like(item_BL, dtype=torch.float32) >= self.hidden)
        item_BL = item_BL if place_I is None else place_I[item_BL]
        event_BLD = self.events(batch, item_ID[item_BL])
        user_BD = self.users(batch)
        token_BSD = torch.cat([user_BD[:, None], event_BLD], 1)
        time_BS = torch.cat([batch.time_BL[:, :1], batch.time_BL], 1)
        layers = self.timeline.layers(token_BSD, time_BS)
        wanted = any(len(each.branches.paths) for each in (self, *self.leaning))
        kept = torch.stack(layers) if wanted else None
        return Encoded(item_ID, event_BLD, user_BD, self.timeline.last(layers), kept, place_I, hidden_N)

    def _items(self, batch: Batch) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Vectors of the catalogue; where no task ranks it, of the batch's items alone, and their places.

        The same vectors, but for dropout of texts and ready-made vectors, which draws for those items alone.
        With them the rows of the id table that were hidden, or None.
        """
        ranking = any(part.next_heads for part in (self, *self.leaning))
        self._read_some(batch)
        if ranking or self.items.mix is not None:
            return self.items(), None, self.items.hidden_N
        every = [batch.item_BL.flatten(), batch.row_item_BP.flatten()]
        none = [batch.item_BL.new_zeros(1)] if self.hidden else []  # an item that is hidden is number 0
        item_K = torch.unique(torch.cat([*every, *none]))
        place_I = torch.zeros_like(self.items.get_buffer("id_row_I"))
        place_I[item_K] = torch.arange(len(item_K), device=item_K.device)
        return self.items(item_K), place_I, self.items.hidden_N

    def _read_some(self, batch: Batch) -> None:
        """In training: let the tuned language model read the texts of some of the batch's items anew."""
        live, language = self.items.live, None if self.texts is None else self.texts.language
        if live is not None and language is not None and self.training and torch.is_grad_enabled():
            live.step(
                language, torch.unique(torch.cat([batch.item_BL.flatten(), batch.row_item_BP.flatten()]))
            )

    def read_texts(self) -> None:
        """Let the tuned language model, where there is one, read the texts of all items anew."""
        if self.texts is not None and self.texts.language is not None:
            self.items.read_texts(self.texts.language)
            self.texts.read_answers()

    def states(self, task: str, encoded: Encoded, timeline_R: Tensor, place_R: Tensor) -> Tensor:
        """States of some places that a task reads, ``(R, D)``."""
        layer_KBSD = encoded.layer_KBSD
        layer_KRD = None if layer_KBSD is None else layer_KBSD[:, timeline_R, place_R]
        return self.branches.state(task, layer_KRD, encoded.state_BSD[timeline_R, place_R])

    def rows(self, batch: Batch, encoded: Encoded, keep_BP: Tensor) -> Rows:
        """What row tasks read about some of the rows."""
        timeline_R, place_R = torch.nonzero(keep_BP, as_tuple=True)
        candidate_BPD = encoded.items(batch.row_item_BP)
        request_BPD = self.requests(batch.row_code_BPJ, batch.row_number_BPV)
        if self.target is not None:
            over = encoded.state_BSD if isinstance(self.target, CrossAttention) else encoded.event_BLD
            request_BPD = request_BPD + self.target(candidate_BPD, over, batch.state_BP)
        seen_R, candidate_RD = batch.state_BP[timeline_R, place_R], candidate_BPD[timeline_R, place_R]
        id_row_R = self.items.get_buffer("id_row_I")[batch.row_item_BP[timeline_R, place_R]]
        if encoded.hidden_N is not None:
            id_row_R = id_row_R.masked_fill(encoded.hidden_N[id_row_R], 0)
        own = {
            name: (
                self.states(name, encoded, timeline_R, seen_R),
                self.branches.candidate(name, candidate_RD, id_row_R),
            )
            for name in self.row_heads
            if self.branches.parts(name)
        }
        return Rows(
            timeline_R=timeline_R,
            state_RD=encoded.state_BSD[timeline_R, seen_R],
            user_RD=encoded.user_BD[timeline_R],
            candidate_RD=candidate_RD,
            own=own,
            request_RD=request_BPD[timeline_R, place_R],
            counter_RC=self.counters(batch.counter_BPC[timeline_R, place_R]),
            fold=self._folded(batch, encoded, timeline_R, place_R),
        )

    def _folded(
        self, batch: Batch, encoded: Encoded, timeline_R: Tensor, place_R: Tensor
    ) -> dict[str, Tensor]:
        item_BLD = encoded.items(batch.item_BL)
        candidate_RD = encoded.items(batch.row_item_BP[timeline_R, place_R])
        seen_2R = torch.stack([timeline_R, batch.state_BP[timeline_R, place_R]])
        found: dict[str, Tensor] = self.folds(candidate_RD, item_BLD, batch.told, encoded.user_BD, seen_2R)
        return found

    def shared(self, rows: Rows) -> dict[str, Tensor]:
        """Task name -> what its head reads, ``(R, D)``.

        A task with a `depth`, a bottleneck or own ids has an input of its own: all experts run on it once
        more, and this task's state alone is kept. In that pass the other tasks' experts read this task's
        input too, so that cross-stitch mixes stacks which are fed with it, not with what those tasks read
        themselves.
        """
        assert self.experts is not None
        found = {} if rows.own.keys() == self.row_heads.keys() else self.experts(self._gathered(rows))
        for name, (state_RD, candidate_RD) in rows.own.items():
            found[name] = self.experts(self._gathered(rows, state_RD, candidate_RD))[name]
        return self.chains.states(found)

    def gates(self, batch: Batch, item_ID: Tensor) -> dict[str, Tensor]:
        """Task name -> shares of the experts in its state, ``(R, X)``, for all real rows; or nothing."""
        if self.experts is None:
            return {}
        rows = self.rows(batch, self.encode(batch, item_ID), batch.row_BP >= 0)
        found = self.experts.gates(self._gathered(rows))
        for name, own in rows.own.items():
            found |= {
                task: gate
                for task, gate in self.experts.gates(self._gathered(rows, *own)).items()
                if task == name
            }
        return found

    def _gathered(
        self, rows: Rows, state_RD: Tensor | None = None, candidate_RD: Tensor | None = None
    ) -> Tensor:
        """All that row tasks read, side by side; with a task's own state and candidate where it has them."""
        state_RD = rows.state_RD if state_RD is None else state_RD
        candidate_RD = rows.candidate_RD if candidate_RD is None else candidate_RD
        parts = [
            state_RD,
            candidate_RD,
            state_RD * candidate_RD,
            rows.user_RD,
            rows.request_RD,
            rows.counter_RC,
            *(fold_R[:, None] for fold_R in rows.fold.values()),
        ]
        return torch.cat(parts, -1)

    def raw(self, rows: Rows) -> dict[str, Tensor]:
        """Task name -> raw scores over all rows, ``(R,)`` or ``(R, K)``."""
        return self.chains.raw(self.given(rows))

    def given(self, rows: Rows) -> dict[str, Tensor]:
        """Task name -> raw scores of its head, given that what it follows has happened."""
        shared = self.shared(rows)
        return {name: head(shared[name]) + rows.fold.get(name, 0.0) for name, head in self.row_heads.items()}

    def forward(self, batch: AnyBatch) -> dict[str, Tensor]:
        """The loss of every task that has a row in the batch, each about 1 for a constant guess."""
        if isinstance(batch, TextBatch):
            assert self.texts is not None
            return self.texts.losses(batch)
        losses: dict[str, Tensor] = {}
        read: dict[Motet, Encoded] = {}
        for part in self.parts:
            read[part] = read[self] if part.leans else part.encode(batch)
            losses |= part.losses(batch, read[part])
        for whole in read:
            losses |= {} if whole.leans else whole._contrasted(batch, read[whole], losses)
        return losses

    def _contrasted(self, batch: Batch, encoded: Encoded, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The loss of this backbone's first task that ranks, with what is learned of whole timelines."""
        first = next((n for each in (self, *self.leaning) for n in each.next_heads if n in losses), None)
        if not self.training or self.contrast is None or first is None:
            return {}
        more = self.contrast.loss(batch, encoded.item_ID, self.encode)
        return {} if more is None else {first: losses[first] + more}

    def losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        """The same after the backbone."""
        losses: dict[str, Tensor] = {}
        for name, head in self.next_heads.items():
            loss = self._next_loss(name, head, batch, encoded)
            losses |= {} if loss is None else {name: loss}
        return losses | self._row_losses(batch, encoded)

    def _row_losses(self, batch: Batch, encoded: Encoded) -> dict[str, Tensor]:
        labelled = {name: ~batch.label[name].isnan() for name in self.row_heads}
        labelled = {name: has_BP for name, has_BP in labelled.items() if has_BP.any()}
        if not labelled:
            return {}
        keep_BP = torch.stack(list(labelled.values())).any(0)
        raw = self.raw(self.rows(batch, encoded, keep_BP))
        losses = {}
        for name, has_BP in labelled.items():
            has_R = has_BP[keep_BP]
            losses[name] = self.row_heads[name].loss(raw[name][has_R], batch.label[name][has_BP])
        return losses

    def _next_loss(self, name: str, head: NextItemHead, batch: Batch, encoded: Encoded) -> Tensor | None:
        """Of the rows that are asked for; None where no target of them stands in the softmax."""
        timeline_R, place_R = torch.nonzero(batch.positive[name] & (batch.ask_BP >= 0), as_tuple=True)
        ask_R = batch.ask_BP[timeline_R, place_R]
        target_R = batch.row_item_BP[timeline_R, place_R]
        targets = head.ahead.targets(target_R, timeline_R)
        if not head.learns_from(targets):
            return None
        seen_2N = None
        if self.leave_seen_out:
            before_RL = torch.arange(batch.item_BL.shape[1], device=ask_R.device) < ask_R[:, None]
            row_N, place_N = torch.nonzero(before_RL & batch.taken[name][timeline_R], as_tuple=True)
            seen_2N = torch.stack([row_N, batch.item_BL[timeline_R[row_N], place_N]])
        return head.loss(self.states(name, encoded, timeline_R, ask_R), encoded.item_ID, targets, seen_2N)

    @torch.no_grad()
    def predict(
        self, batch: Batch, item_ID: Tensor, encoded: Encoded | None = None, keep_BP: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Predictions of all row tasks, flat, in the order of ``row_BP[keep_BP]``: of all real rows.

        A task that follows another has a second one under ``NAME given OTHER``: where that has happened.

        Args:
            batch: Timelines and rows.
            item_ID: Vectors of the whole catalogue.
            encoded: The batch after the backbone, where that is known already.
            keep_BP: Rows to predict, bool; None for all real ones.
        """
        encoded = self.encode(batch, item_ID) if encoded is None else encoded
        keep_BP = batch.row_BP >= 0 if keep_BP is None else keep_BP
        said: dict[str, Tensor] = {}
        for part in (self, *self.leaning):
            said |= part._predicted(batch, encoded, keep_BP)
        return said

    def _predicted(self, batch: Batch, encoded: Encoded, keep_BP: Tensor) -> dict[str, Tensor]:
        if not self.row_heads:
            return {}
        given = self.given(self.rows(batch, encoded, keep_BP))
        fitted = {name: head.fitted(given[name]) for name, head in self.row_heads.items()
                  if isinstance(head, BinaryHead)}  # fmt: skip
        raw = self.chains.raw(given | fitted)
        conditional = self.chains.conditional(given | fitted)
        said = {name: torch.sigmoid(raw[name]) if name in fitted else head.prediction(raw[name])
                for name, head in self.row_heads.items()}  # fmt: skip
        return said | {f"{later} given {earlier}": p for (later, earlier), p in conditional.items()}

    @torch.no_grad()
    def ask(self, batch: Batch, item_ID: Tensor, task: str, encoded: Encoded | None = None) -> Tensor:
        """States from which a `next_item` task is asked, ``(R, D)``, for rows with one in their window."""
        encoded = self.encode(batch, item_ID) if encoded is None else encoded
        timeline_R, place_R = torch.nonzero(batch.ask_BP >= 0, as_tuple=True)
        return self.states(task, encoded, timeline_R, batch.ask_BP[timeline_R, place_R])
