"""LinearChain: sequences of tags scored as a whole, so that no tag stands where it may not.

A conditional random field (Lafferty, McCallum, Pereira, ICML 2001): the score of a sequence is the sum of
what each place says of its tag and of what each tag says of the next. Shapes: B texts, U places, K tags.
"""

import torch
from torch import Tensor, nn

NEVER = -1e4  # the score of what may not be; finite, so that its gradient is a number


class LinearChain(nn.Module):
    """Scores from one tag to the next, learned; those that may not follow each other never do.

    Args:
        may_KK: Whether the second may follow the first, bool ``(K, K)``.
        first_K: Which may come first, bool ``(K,)``.
    """

    def __init__(self, may_KK: Tensor, first_K: Tensor) -> None:
        super().__init__()
        self.move_KK = nn.Parameter(torch.zeros(may_KK.shape))
        self.begin_K = nn.Parameter(torch.zeros(len(first_K)))
        self.register_buffer("never_KK", torch.where(may_KK, 0.0, NEVER), persistent=False)
        self.register_buffer("never_K", torch.where(first_K, 0.0, NEVER), persistent=False)

    def _scores(self) -> tuple[Tensor, Tensor]:
        return self.move_KK + self.get_buffer("never_KK"), self.begin_K + self.get_buffer("never_K")

    def loss(self, raw_BUK: Tensor, tag_BU: Tensor, real_BU: Tensor) -> Tensor:
        """Nats of the right tags given the places, ``(B,)``.

        Args:
            raw_BUK: Score of each tag at each place.
            tag_BU: The right ones; any number at padding.
            real_BU: Which are no padding; the first of a text is none.
        """
        move_KK, begin_K = self._scores()
        tag_BU = torch.where(real_BU, tag_BU, 0)
        own_BU = raw_BUK.gather(-1, tag_BU[..., None])[..., 0]
        step_BV = move_KK[tag_BU[:, :-1], tag_BU[:, 1:]] * real_BU[:, 1:]
        right_B = (own_BU * real_BU).sum(1) + begin_K[tag_BU[:, 0]] + step_BV.sum(1)
        return self.total(raw_BUK, real_BU) - right_B

    def total(self, raw_BUK: Tensor, real_BU: Tensor) -> Tensor:
        """Logarithm of the sum over all sequences of tags, ``(B,)``."""
        move_KK, begin_K = self._scores()
        sum_BK = begin_K + raw_BUK[:, 0]
        for place in range(1, raw_BUK.shape[1]):
            next_BK = torch.logsumexp(sum_BK[:, :, None] + move_KK, 1) + raw_BUK[:, place]
            sum_BK = torch.where(real_BU[:, place, None], next_BK, sum_BK)
        return torch.logsumexp(sum_BK, 1)

    def shares(self, raw_BUK: Tensor, real_BU: Tensor) -> Tensor:
        """Probability of each tag at each place, over all sequences, ``(B, U, K)``.

        The gradient of `total` by a score is the probability of that tag there.
        """
        with torch.enable_grad():
            raw_BUK = raw_BUK.detach().requires_grad_()
            (share_BUK,) = torch.autograd.grad(self.total(raw_BUK, real_BU).sum(), raw_BUK)
        return share_BUK

    @torch.no_grad()
    def best(self, raw_BUK: Tensor, real_BU: Tensor) -> Tensor:
        """The best sequence of tags ``(B, U)``; 0 at padding (Viterbi, 1967)."""
        move_KK, begin_K = self._scores()
        best_BK, from_UBK = begin_K + raw_BUK[:, 0], []
        for place in range(1, raw_BUK.shape[1]):
            value_BK, from_BK = (best_BK[:, :, None] + move_KK).max(1)
            real_B1 = real_BU[:, place, None]
            best_BK = torch.where(real_B1, value_BK + raw_BUK[:, place], best_BK)
            from_UBK.append(
                torch.where(real_B1, from_BK, torch.arange(raw_BUK.shape[2], device=raw_BUK.device))
            )
        tag_B = best_BK.argmax(1)
        tags = [tag_B]
        for from_BK in reversed(from_UBK):
            tag_B = from_BK.gather(1, tag_B[:, None])[:, 0]
            tags.append(tag_B)
        return torch.where(real_BU, torch.stack(tags[::-1], 1), 0)
