"""Text tasks: what is read out of a text by itself; START HERE to see how texts become losses.

Shapes: B texts, L tokens, T width of the language model, K classes.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.batch import AnswerBatch, TextBatch
from motet.language.tuned import TunedLanguage
from motet.tasks.answer_table import AnswerTable
from motet.tasks.probe import probe, standard
from motet.tasks.retrieval import RetrievalHead
from motet.tasks.tagging import TagHead, divergence

MEMORY = 0.99  # of the moving mean of the answers to texts without a label


class TextClassHead(nn.Module):
    """Class probabilities of a text, trained with cross-entropy in units of the class shares' entropy.

    A linear map of the text's vector, brought to mean 0 and variance 1 so that models of different scale
    learn alike; and so is each of its values over the training texts, once `begin` has seen them.

    Args:
        width: Of the language model.
        share_K: Share of each class among the training texts.
        dropout: On the vector.
        smoothing: Share of the label that goes to all classes alike.
    """

    def __init__(self, width: int, share_K: Tensor, dropout: float, smoothing: float) -> None:
        super().__init__()
        self.linear = nn.Linear(width, len(share_K))
        self.register_buffer("mean_T", torch.zeros(width))
        self.register_buffer("spread_T", torch.ones(width))
        self.dropout, self.smoothing = nn.Dropout(dropout), smoothing
        share_K = share_K.clamp(min=1e-6)
        self.share_K = share_K
        nn.init.normal_(self.linear.weight, std=0.02)
        with torch.no_grad():
            self.linear.bias.copy_(share_K.log())
        self.nats = max(float(-(share_K * share_K.log()).sum()), 1e-6)

    def forward(self, vector_BT: Tensor, batch: TextBatch) -> Tensor:
        """Logits ``(B, K)``."""
        del batch
        out: Tensor = self.linear(self.dropout(self.normal(vector_BT)))
        return out

    def normal(self, vector_BT: Tensor) -> Tensor:
        """What the linear map reads of the vectors of texts, ``(B, T)``."""
        normal_BT = F.layer_norm(vector_BT, vector_BT.shape[-1:])
        return (normal_BT - self.get_buffer("mean_T")) / self.get_buffer("spread_T")

    @torch.no_grad()
    def begin(self, vector_NT: Tensor, label_N: Tensor, seed: int) -> None:
        """Begin where a linear head on these vectors of the training texts would end, see `probe`."""
        mean_T, spread_T = standard(F.layer_norm(vector_NT, vector_NT.shape[-1:]))
        self.get_buffer("mean_T").copy_(mean_T)
        self.get_buffer("spread_T").copy_(spread_T)
        weight_KT, bias_K = probe(self.normal(vector_NT), label_N, self.share_K, seed)
        self.linear.weight.copy_(weight_KT)
        self.linear.bias.copy_(bias_K)

    def loss(self, raw_BK: Tensor, batch: TextBatch) -> Tensor:
        """Mean loss of the texts of known classes, in units of what the class shares alone reach."""
        known_B = self._known(batch)
        raw_BK, label_B = raw_BK[known_B], batch.label_B[known_B]
        return F.cross_entropy(raw_BK, label_B, label_smoothing=self.smoothing) / self.nats

    def asks(self, batch: TextBatch) -> bool:
        """Whether a text can be learned from."""
        return bool(self._known(batch).any())

    def apart(self, first_BK: Tensor, second_BK: Tensor, batch: TextBatch) -> Tensor:
        """How far two readings lie apart, in those units."""
        known_B = self._known(batch)
        return divergence(first_BK[known_B], second_BK[known_B]) / self.nats

    def _known(self, batch: TextBatch) -> Tensor:
        """A class that training has not is learned by none, ``(B,)``."""
        return batch.label_B < self.linear.out_features


class Guesses(nn.Module):
    """Labels of texts without one: the model's own answers, where it is sure (FixMatch, arXiv:2001.07685).

    Classes that it says more often than training texts have them count less, and the other way round
    (distribution alignment, ReMixMatch, arXiv:1911.09785): by a moving mean of its answers.

    Args:
        share_K: Share of each class among the training texts.
        confidence: The least that is learned.
    """

    def __init__(self, share_K: Tensor, confidence: float) -> None:
        super().__init__()
        self.confidence = confidence
        self.register_buffer("share_K", share_K.clone(), persistent=False)
        self.register_buffer("said_K", share_K.clone())

    @torch.no_grad()
    def forward(self, share_XK: Tensor) -> tuple[Tensor, Tensor]:
        """Labels ``(X,)``, and whether each is sure enough, bool ``(X,)``."""
        share_K, said_K = self.get_buffer("share_K"), self.get_buffer("said_K")
        said_K.lerp_(share_XK.mean(0), 1 - MEMORY)
        even_XK = share_XK * share_K / said_K.clamp_min(1e-6)
        even_XK = even_XK / even_XK.sum(1, keepdim=True)
        best_X, label_X = even_XK.max(1)
        return label_X, best_X >= self.confidence


@dataclass(frozen=True)
class Ways:
    """How text tasks learn; see `TextTasks`."""

    consistency: float = 0.0
    adversarial: float = 0.0
    hidden_words: float = 0.0
    confidence: float = 0.8


TextHead = TextClassHead | TagHead | RetrievalHead


class TextTasks(nn.Module):
    """The heads of text tasks, and the language model before them where it is tuned.

    Ways to learn more from few texts, off at the start. `consistency`: a second pass hides other
    values, both learn the label, and what they say is drawn together by the mean of both divergences (R-Drop,
    Liang et al., NeurIPS 2021, arXiv:2106.14448). `adversarial`: the vectors of the words are moved along the
    gradient of the loss, all of a text by one step of a given length, and the label is learned there too
    (Miyato, Dai, Goodfellow, ICLR 2017, arXiv:1605.07725).

    `hidden_words`: a step does not see a share of the words. Of texts without a label the model learns what
    it says itself where it is sure, see `Guesses`.

    Some tasks may have a part of their own, with a language model of its own (`apart`): whoever asks about a
    task asks here, and the part that has its head answers.

    Args:
        language: The tuned one; None where it is frozen and texts come as vectors.
        heads: Task -> head.
        ways: Weight of the divergence, 0 leaves the second pass out; length of the step, in the mean length
            of a text's words, 0 leaves it out; share of hidden words; the least confidence.
    """

    def __init__(
        self, language: TunedLanguage | None, heads: Mapping[str, TextHead], ways: Ways | None = None
    ) -> None:
        super().__init__()
        self.language, self.ways = language, ways or Ways()
        self.heads = nn.ModuleDict({f"of_{name}": head for name, head in heads.items()})  # "type" is taken
        self.tables = nn.ModuleDict()  # of tasks that look for items, put in where a training begins
        self.apart = nn.ModuleList()  # parts of tasks that share nothing with these; of this class
        self.guesses = nn.ModuleDict(
            {
                key: Guesses(head.share_K, self.ways.confidence)
                for key, head in self.heads.items()
                if isinstance(head, TextClassHead)
            }
        )

    @property
    def parts(self) -> list["TextTasks"]:
        """This, and those apart."""
        return [self, *(each for each in self.apart if isinstance(each, TextTasks))]

    def part(self, task: str) -> "TextTasks":
        """Who has the head of a task: this, or one apart."""
        return next(each for each in self.parts if f"of_{task}" in each.heads)

    def only(self, tasks: Iterable[str]) -> "TextTasks":
        """The same for some of its own tasks: copies of their heads, on the very language model."""
        found = TextTasks(self.language, {name: copy.deepcopy(self.head(name)) for name in tasks}, self.ways)
        found.tables.update({key: each for key, each in self.tables.items() if key in found.heads})
        return found

    def head(self, task: str) -> TextHead:
        """The head of a task."""
        found = self.part(task).heads[f"of_{task}"]
        assert isinstance(found, TextClassHead | TagHead | RetrievalHead)
        return found

    def table(self, task: str) -> AnswerTable | None:
        """Vectors of the items that a task looks for, while it is trained and measured."""
        key, tables = f"of_{task}", self.part(task).tables
        if key not in tables:
            return None
        found = tables[key]
        assert isinstance(found, AnswerTable)
        return found

    def read_answers(self) -> None:
        """Let language models, where they are tuned, read all items that are looked for anew."""
        for task in self.tasks if self.language is not None else ():
            if (table := self.table(task)) is not None:
                table.read_all(self.part(task)._language)

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters of tuned language models, and the learning rate of each."""
        return [rate for each in self.parts if each.language is not None for rate in each.language.rates()]

    @property
    def tasks(self) -> list[str]:
        """Their names, those apart at the end."""
        return [key.removeprefix("of_") for each in self.parts for key in each.heads]

    @property
    def nats(self) -> dict[str, float]:
        """Task -> nats of a loss of 1."""
        return {name: self.head(name).nats for name in self.tasks}

    def vectors(self, batch: TextBatch, word_BLT: Tensor | None = None) -> Tensor:
        """Vectors of the texts of a batch, ``(B, T)``; out of other words' vectors where they are given."""
        if batch.vector_BT is not None:
            return batch.vector_BT
        return self.part(batch.task)._language.vectors(*_tokens(batch), word_BLT)

    def raw(self, batch: TextBatch, word_BLT: Tensor | None = None) -> Tensor:
        """What the head of the batch's task says of its texts, before it is a probability."""
        head = self.head(batch.task)
        if isinstance(head, TagHead):
            language = self.part(batch.task)._language
            said: Tensor = head(language(*_tokens(batch), word_BLT), batch)
        elif isinstance(head, RetrievalHead):
            assert batch.answers is not None
            said = head(self.vectors(batch, word_BLT), batch, self.answer_vectors(batch.answers, batch.task))
        else:
            said = head(self.vectors(batch, word_BLT), batch)
        return said

    def answer_vectors(self, answers: AnswerBatch, task: str) -> Tensor:
        """Vectors of the answers of a batch, ``(C, T)``."""
        if answers.number_C is not None:
            table = self.table(task)
            assert table is not None, "who learns to find items has a table of their vectors"
            return table.vectors(answers, self.part(task).language)
        if answers.vector_CT is not None:
            return answers.vector_CT
        assert answers.token_CL is not None
        assert answers.real_CL is not None
        return self.part(task)._language.vectors(answers.token_CL, answers.real_CL)

    def losses(self, batch: TextBatch) -> dict[str, Tensor]:
        """The loss of the batch's task, about 1 for a guess by the shares of its classes."""
        head, part = self.head(batch.task), self.part(batch.task)
        if part is not self:
            return part.losses(batch)
        if not head.asks(batch):
            return {}
        batch = self._with_hidden_words(batch)
        moves = self.training and self.ways.adversarial > 0 and batch.token_BL is not None
        word_BLT = self._words(batch) if moves else None
        raw = self.raw(batch, word_BLT)
        loss = head.loss(raw, batch)
        if word_BLT is not None:
            moved_BLT = self._moved(batch, word_BLT, loss)
            loss = (loss + head.loss(self.raw(batch, moved_BLT), batch)) / 2
        if self.training and self.ways.consistency > 0:
            again = self.raw(batch)
            loss = (loss + head.loss(again, batch)) / 2
            loss = loss + self.ways.consistency * head.apart(raw, again, batch)
        if self.training and batch.more is not None:
            loss = loss + self._of_guesses(batch.more)
        return {batch.task: loss}

    def _of_guesses(self, batch: TextBatch) -> Tensor:
        """What is learned of texts without a label: what the model says of them with all of its values."""
        head, guesses = self.head(batch.task), self.guesses[f"of_{batch.task}"]
        assert isinstance(head, TextClassHead)
        assert isinstance(guesses, Guesses)
        self.eval()
        share_XK = self.probabilities(batch)
        self.train()
        label_X, sure_X = guesses(share_XK)
        raw_XK = self.raw(self._with_hidden_words(batch))
        loss_X = F.cross_entropy(raw_XK.float(), label_X, reduction="none")
        found: Tensor = (loss_X * sure_X).mean() / head.nats
        return found

    def _with_hidden_words(self, batch: TextBatch) -> TextBatch:
        """The same without a share of the words; never without the first token, which may stand for all."""
        if (
            not self.training
            or not self.ways.hidden_words
            or batch.real_BL is None
            or batch.units is not None
        ):
            return batch
        seen_BL = torch.rand_like(batch.real_BL, dtype=torch.float32) >= self.ways.hidden_words
        seen_BL[:, 0] = True
        return replace(batch, real_BL=batch.real_BL & seen_BL)

    @property
    def _language(self) -> TunedLanguage:
        assert self.language is not None, "tokens are read by a tuned language model"
        return self.language

    def _words(self, batch: TextBatch) -> Tensor:
        word_BLT = self._language.embeddings(_tokens(batch)[0])
        return word_BLT if word_BLT.requires_grad else word_BLT.detach().requires_grad_()

    def _moved(self, batch: TextBatch, word_BLT: Tensor, loss: Tensor) -> Tensor:
        """Words moved to where the loss is larger: every text by one step over all of its words."""
        real_BL = _tokens(batch)[1]
        (slope_BLT,) = torch.autograd.grad(loss, word_BLT, retain_graph=True)
        real_BL1 = real_BL[..., None]
        size_B = (word_BLT.detach() * real_BL1).norm(dim=-1).sum(1) / real_BL.sum(1)
        slope_BLT = slope_BLT * real_BL1
        length_B = slope_BLT.flatten(1).norm(dim=1).clamp_min(1e-12)
        step_B = self.ways.adversarial * size_B / length_B
        moved_BLT: Tensor = word_BLT + step_B[:, None, None] * slope_BLT
        return moved_BLT

    @torch.no_grad()
    def probabilities(self, batch: TextBatch) -> Tensor:
        """Of the classes of each text, ``(B, K)``."""
        return torch.softmax(self.raw(batch).float(), -1)

    @torch.no_grad()
    def tags(self, batch: TextBatch) -> tuple[Tensor, Tensor]:
        """The best tags of the units of each text, and the probability of each, ``(B, U)``."""
        head = self.head(batch.task)
        assert isinstance(head, TagHead)
        return head.best(self.raw(batch).float(), batch)


def _tokens(batch: TextBatch) -> tuple[Tensor, Tensor]:
    assert batch.token_BL is not None
    assert batch.real_BL is not None
    return batch.token_BL, batch.real_BL
