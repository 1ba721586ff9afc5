"""The losses of pretraining, and what held-out texts say of them.

Masked: which words were hidden (Devlin et al., NAACL 2019, arXiv:1810.04805). Contrastive: which text of the
step is another view of this one (Gao, Yao, Chen, EMNLP 2021, arXiv:2104.08821). Next: whether a text follows
another (Devlin et al.). Shapes: B texts or pairs, L tokens, T width, H hidden words, C words that occur.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from motet.batch import AnyBatch, TextBatch
from motet.data.hidden_words import MASKED
from motet.language.backbone import pool
from motet.language.masked_head import MaskedHead
from motet.language.pooling import Pooling
from motet.language.tuned import TunedLanguage
from motet.metrics.names import Metrics
from motet.system.randomness import derived_seed
from motet.training.optimizer import Own

HEAD_RATE = 1e-3  # of what begins anew beside the language model
DROPOUT = "contrastive of dropout"  # the one whose views differ by dropout alone
ALL = "all"  # the weighted sum of the held-out losses
Held = Callable[[], Iterable[TextBatch]]


class PretrainedLanguage(nn.Module):
    """A language model with the heads of pretraining.

    Args:
        language: The model; all that it lets learn is trained.
        masked: The head for hidden words; None where none are hidden.
        follows: Whether texts are asked to follow others.
        temperature: Of cosines.
    """

    def __init__(
        self, language: TunedLanguage, masked: MaskedHead | None, *, follows: bool, temperature: float
    ) -> None:
        super().__init__()
        self.language, self.masked, self.temperature = language, masked, temperature
        width = language.width
        self.follows = (
            nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)) if follows else None
        )

    def forward(self, batch: AnyBatch) -> dict[str, Tensor]:
        """The mean loss of what the batch asks, by its name; none where nothing is asked."""
        assert isinstance(batch, TextBatch)
        loss, _, weight = self.answer(batch)
        return {batch.task: loss / weight} if weight else {}

    def answer(self, batch: TextBatch) -> tuple[Tensor, int, int]:
        """Sum of the losses, how many answers are right, and how many there are."""
        if batch.task == MASKED:
            return self._hidden_words(batch)
        if batch.more is not None:
            return self._views(batch, batch.more)
        return self._following(batch)

    def own_rates(self) -> Own:
        """Parameters that learn at a rate of their own: those of the language model."""
        return self.language.rates()

    def _hidden_words(self, batch: TextBatch) -> tuple[Tensor, int, int]:
        """Words that no training text has are not asked for."""
        assert batch.token_BL is not None
        assert batch.real_BL is not None
        assert batch.asked_BL is not None
        assert self.masked is not None
        place_BL = self.masked.place(batch.asked_BL.clamp_min(0))
        asked_BL = (batch.asked_BL >= 0) & (place_BL >= 0)
        if not asked_BL.any():
            return torch.zeros(()), 0, 0
        hidden_HT = self.language(batch.token_BL, batch.real_BL)[asked_BL]
        vector_VE = self.language.words()
        logit_HC = self.masked(hidden_HT, vector_VE)
        return _summed(logit_HC, place_BL[asked_BL])

    def _views(self, batch: TextBatch, more: TextBatch) -> tuple[Tensor, int, int]:
        """Its partner among those of all; others that are the text itself or a partner of it are left out."""
        left_BT, right_BT = (functional.normalize(self._vectors(each), dim=1) for each in (batch, more))
        score_BB = left_BT @ right_BT.T / self.temperature
        own_B = torch.arange(len(score_BB))
        same_BB = more.row_B[None] == more.row_B[:, None]
        same_BB |= more.row_B[None] == batch.row_B[:, None]
        if batch.fits_BB is not None:
            same_BB |= batch.fits_BB
        same_BB.fill_diagonal_(False)
        return _summed(score_BB.masked_fill(same_BB, -torch.inf), own_B)

    def _following(self, batch: TextBatch) -> tuple[Tensor, int, int]:
        assert batch.token_BL is not None
        assert batch.real_BL is not None
        assert self.follows is not None
        pooling = Pooling(self.language.pooling.mode, normalise=False)
        hidden_BLT = self.language(batch.token_BL, batch.real_BL)
        logit_B = self.follows(pool(hidden_BLT, batch.real_BL.to(torch.int64), pooling)).squeeze(1).float()
        label_B = batch.label_B.float()
        loss = functional.binary_cross_entropy_with_logits(logit_B, label_B, reduction="sum")
        return loss, int(((logit_B > 0) == (label_B > 0)).sum()), len(logit_B)

    def _vectors(self, batch: TextBatch) -> Tensor:
        assert batch.token_BL is not None
        assert batch.real_BL is not None
        return self.language.vectors(batch.token_BL, batch.real_BL).float()


def _summed(logit_HC: Tensor, own_H: Tensor) -> tuple[Tensor, int, int]:
    loss = functional.cross_entropy(logit_HC, own_H, reduction="sum")
    return loss, int((logit_HC.argmax(1) == own_H).sum()), len(own_H)


@torch.no_grad()
def measure(
    model: PretrainedLanguage,
    held: Mapping[str, Held],
    weights: Mapping[str, float],
    seed: int,
    *,
    autocast: bool = False,
) -> Metrics:
    """What the held-out texts say: the same questions whenever it is called.

    Args:
        model: The language model and its heads.
        held: Name of a loss -> its held-out batches.
        weights: Name -> weight in the sum of all.
        seed: Of dropout, where it makes the views.
        autocast: Multiply in bf16.

    Returns:
        Of hidden words their perplexity, of pairs the share found in their batch or told right; of each the
        loss; and of all the weighted sum of the losses. What has no held-out pair is left out.
    """
    found: Metrics = {}
    with _as_it_was(model):
        for name, batches in held.items():
            model.train(name == DROPOUT)
            torch.manual_seed(derived_seed(seed, f"held-out {name}"))
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss, right, count = _total(model, batches())
            if count:
                found[name] = _figures(name, loss / count, right / count)
    return {**found, ALL: {"loss": sum(weights[name] * each["loss"] for name, each in found.items())}}


def _total(model: PretrainedLanguage, batches: Iterable[TextBatch]) -> tuple[float, int, int]:
    loss, right, count = 0.0, 0, 0
    for batch in batches:
        own, hits, asked = model.answer(batch)
        loss, right, count = loss + float(own), right + hits, count + asked
    return loss, right, count


def _figures(name: str, loss: float, right: float) -> dict[str, float]:
    if name == MASKED:
        return {"perplexity": math.exp(min(loss, 700.0)), "accuracy": right, "loss": loss}
    return {"found" if name.startswith("contrastive") else "accuracy": right, "loss": loss}


@contextmanager
def _as_it_was(model: nn.Module) -> Iterator[None]:
    """Leave the model and torch's numbers as they were."""
    training, state = model.training, torch.get_rng_state()
    try:
        yield
    finally:
        model.train(training)
        torch.set_rng_state(state)
