"""Text tasks: what is read out of a text by itself; START HERE to see how texts become losses.

Shapes: B texts, L tokens, T width of the language model, K classes.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.batch import AnswerBatch, TextBatch
from motet.language.tuned import TunedLanguage
from motet.tasks.retrieval import RetrievalHead
from motet.tasks.tagging import TagHead, divergence


class TextClassHead(nn.Module):
    """Class probabilities of a text, trained with cross-entropy in units of the class shares' entropy.

    A linear map of the text's vector, brought to mean 0 and variance 1 so that models of different scale
    learn alike.

    Args:
        width: Of the language model.
        share_K: Share of each class among the training texts.
        dropout: On the vector.
        smoothing: Share of the label that goes to all classes alike.
    """

    def __init__(self, width: int, share_K: Tensor, dropout: float, smoothing: float) -> None:
        super().__init__()
        self.linear = nn.Linear(width, len(share_K))
        self.dropout, self.smoothing = nn.Dropout(dropout), smoothing
        share_K = share_K.clamp(min=1e-6)
        nn.init.normal_(self.linear.weight, std=0.02)
        with torch.no_grad():
            self.linear.bias.copy_(share_K.log())
        self.nats = max(float(-(share_K * share_K.log()).sum()), 1e-6)

    def forward(self, vector_BT: Tensor, batch: TextBatch) -> Tensor:
        """Logits ``(B, K)``."""
        del batch
        normal_BT = F.layer_norm(vector_BT, vector_BT.shape[-1:])
        out: Tensor = self.linear(self.dropout(normal_BT))
        return out

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


TextHead = TextClassHead | TagHead | RetrievalHead


class TextTasks(nn.Module):
    """The heads of text tasks, and the language model before them where it is tuned.

    Two ways to learn more from few texts, both off at the start. `consistency`: a second pass hides other
    values, both learn the label, and what they say is drawn together by the mean of both divergences (R-Drop,
    Liang et al., NeurIPS 2021, arXiv:2106.14448). `adversarial`: the vectors of the words are moved along the
    gradient of the loss, all of a text by one step of a given length, and the label is learned there too
    (Miyato, Dai, Goodfellow, ICLR 2017, arXiv:1605.07725).

    Args:
        language: The tuned one; None where it is frozen and texts come as vectors.
        heads: Task -> head.
        consistency: Weight of the divergence; 0 leaves the second pass out.
        adversarial: Length of the step, in the mean length of a text's words; 0 leaves it out.
    """

    def __init__(
        self,
        language: TunedLanguage | None,
        heads: Mapping[str, TextHead],
        consistency: float = 0.0,
        adversarial: float = 0.0,
    ) -> None:
        super().__init__()
        self.language, self.consistency, self.adversarial = language, consistency, adversarial
        self.heads = nn.ModuleDict({f"of_{name}": head for name, head in heads.items()})  # "type" is taken

    def head(self, task: str) -> TextHead:
        """The head of a task."""
        found = self.heads[f"of_{task}"]
        assert isinstance(found, TextClassHead | TagHead | RetrievalHead)
        return found

    @property
    def tasks(self) -> list[str]:
        """Their names."""
        return [key.removeprefix("of_") for key in self.heads]

    @property
    def nats(self) -> dict[str, float]:
        """Task -> nats of a loss of 1."""
        return {name: self.head(name).nats for name in self.tasks}

    def vectors(self, batch: TextBatch, word_BLT: Tensor | None = None) -> Tensor:
        """Vectors of the texts of a batch, ``(B, T)``; out of other words' vectors where they are given."""
        if batch.vector_BT is not None:
            return batch.vector_BT
        return self._language.vectors(*_tokens(batch), word_BLT)

    def raw(self, batch: TextBatch, word_BLT: Tensor | None = None) -> Tensor:
        """What the head of the batch's task says of its texts, before it is a probability."""
        head = self.head(batch.task)
        if isinstance(head, TagHead):
            said: Tensor = head(self._language(*_tokens(batch), word_BLT), batch)
        elif isinstance(head, RetrievalHead):
            assert batch.answers is not None
            said = head(self.vectors(batch, word_BLT), batch, self.answer_vectors(batch.answers))
        else:
            said = head(self.vectors(batch, word_BLT), batch)
        return said

    def answer_vectors(self, answers: AnswerBatch) -> Tensor:
        """Vectors of the answers of a batch, ``(C, T)``."""
        if answers.vector_CT is not None:
            return answers.vector_CT
        assert answers.token_CL is not None
        assert answers.real_CL is not None
        return self._language.vectors(answers.token_CL, answers.real_CL)

    def losses(self, batch: TextBatch) -> dict[str, Tensor]:
        """The loss of the batch's task, about 1 for a guess by the shares of its classes."""
        head = self.head(batch.task)
        if not head.asks(batch):
            return {}
        moves = self.training and self.adversarial > 0 and batch.token_BL is not None
        word_BLT = self._words(batch) if moves else None
        raw = self.raw(batch, word_BLT)
        loss = head.loss(raw, batch)
        if word_BLT is not None:
            moved_BLT = self._moved(batch, word_BLT, loss)
            loss = (loss + head.loss(self.raw(batch, moved_BLT), batch)) / 2
        if self.training and self.consistency > 0:
            again = self.raw(batch)
            loss = (loss + head.loss(again, batch)) / 2
            loss = loss + self.consistency * head.apart(raw, again, batch)
        return {batch.task: loss}

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
        step_B = self.adversarial * size_B / length_B
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
