"""Text tasks: what is read out of a text by itself; START HERE to see how texts become losses.

Shapes: B texts, L tokens, T width of the language model, K classes.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motet.batch import TextBatch
from motet.language.tuned import TunedLanguage


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

    def forward(self, vector_BT: Tensor) -> Tensor:
        """Logits ``(B, K)``."""
        normal_BT = F.layer_norm(vector_BT, vector_BT.shape[-1:])
        out: Tensor = self.linear(self.dropout(normal_BT))
        return out

    def loss(self, raw_BK: Tensor, label_B: Tensor) -> Tensor:
        """Mean loss, in units of what the class shares alone reach."""
        return F.cross_entropy(raw_BK, label_B, label_smoothing=self.smoothing) / self.nats


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
        heads: Mapping[str, TextClassHead],
        consistency: float = 0.0,
        adversarial: float = 0.0,
    ) -> None:
        super().__init__()
        self.language, self.consistency, self.adversarial = language, consistency, adversarial
        self.heads = nn.ModuleDict({f"of_{name}": head for name, head in heads.items()})  # "type" is taken

    def head(self, task: str) -> TextClassHead:
        """The head of a task."""
        found = self.heads[f"of_{task}"]
        assert isinstance(found, TextClassHead)
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
        assert self.language is not None
        assert batch.token_BL is not None
        assert batch.real_BL is not None
        return self.language.vectors(batch.token_BL, batch.real_BL, word_BLT)

    def losses(self, batch: TextBatch) -> dict[str, Tensor]:
        """The loss of the batch's task, about 1 for a guess by the class shares."""
        head = self.head(batch.task)
        known_B = batch.label_B < head.linear.out_features  # a class that training has not is learned by none
        if not known_B.any():
            return {}
        label_B = batch.label_B[known_B]
        moves = self.training and self.adversarial > 0 and batch.token_BL is not None
        word_BLT = self._words(batch) if moves else None
        raw_BK = head(self.vectors(batch, word_BLT))[known_B]
        loss = head.loss(raw_BK, label_B)
        if word_BLT is not None:
            moved_BLT = self._moved(batch, word_BLT, loss)
            loss = (loss + head.loss(head(self.vectors(batch, moved_BLT))[known_B], label_B)) / 2
        if self.training and self.consistency > 0:
            again_BK = head(self.vectors(batch))[known_B]
            loss = (loss + head.loss(again_BK, label_B)) / 2
            loss = loss + self.consistency * divergence(raw_BK, again_BK) / head.nats
        return {batch.task: loss}

    def _words(self, batch: TextBatch) -> Tensor:
        assert self.language is not None
        assert batch.token_BL is not None
        word_BLT = self.language.embeddings(batch.token_BL)
        return word_BLT if word_BLT.requires_grad else word_BLT.detach().requires_grad_()

    def _moved(self, batch: TextBatch, word_BLT: Tensor, loss: Tensor) -> Tensor:
        """Words moved to where the loss is larger: every text by one step over all of its words."""
        assert batch.real_BL is not None
        (slope_BLT,) = torch.autograd.grad(loss, word_BLT, retain_graph=True)
        real_BL1 = batch.real_BL[..., None]
        size_B = (word_BLT.detach() * real_BL1).norm(dim=-1).sum(1) / batch.real_BL.sum(1)
        slope_BLT = slope_BLT * real_BL1
        length_B = slope_BLT.flatten(1).norm(dim=1).clamp_min(1e-12)
        step_B = self.adversarial * size_B / length_B
        moved_BLT: Tensor = word_BLT + step_B[:, None, None] * slope_BLT
        return moved_BLT

    @torch.no_grad()
    def probabilities(self, batch: TextBatch) -> Tensor:
        """What is said of the texts, ``(B, K)``."""
        return torch.softmax(self.head(batch.task)(self.vectors(batch)).float(), -1)


def divergence(first_BK: Tensor, second_BK: Tensor) -> Tensor:
    """Mean of the divergences of two sets of logits from each other, both ways, in nats.

    >>> float(divergence(torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 3.0]])))
    0.0
    """
    first_BK, second_BK = F.log_softmax(first_BK.float(), -1), F.log_softmax(second_BK.float(), -1)
    there = F.kl_div(first_BK, second_BK, reduction="batchmean", log_target=True)
    back = F.kl_div(second_BK, first_BK, reduction="batchmean", log_target=True)
    return (there + back) / 2
