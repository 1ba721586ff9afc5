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

    Args:
        language: The tuned one; None where it is frozen and texts come as vectors.
        heads: Task -> head.
    """

    def __init__(self, language: TunedLanguage | None, heads: Mapping[str, TextClassHead]) -> None:
        super().__init__()
        self.language = language
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

    def vectors(self, batch: TextBatch) -> Tensor:
        """Vectors of the texts of a batch, ``(B, T)``."""
        if batch.vector_BT is not None:
            return batch.vector_BT
        assert self.language is not None
        assert batch.token_BL is not None
        assert batch.real_BL is not None
        return self.language.vectors(batch.token_BL, batch.real_BL)

    def losses(self, batch: TextBatch) -> dict[str, Tensor]:
        """The loss of the batch's task, about 1 for a guess by the class shares."""
        head = self.head(batch.task)
        known_B = batch.label_B < head.linear.out_features  # a class that training has not is learned by none
        if not known_B.any():
            return {}
        raw_BK = head(self.vectors(batch))
        return {batch.task: head.loss(raw_BK[known_B], batch.label_B[known_B])}

    @torch.no_grad()
    def probabilities(self, batch: TextBatch) -> Tensor:
        """What is said of the texts, ``(B, K)``."""
        return torch.softmax(self.head(batch.task)(self.vectors(batch)).float(), -1)
