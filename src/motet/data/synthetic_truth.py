"""The truth behind a made world: what its users like, what they see, how likely it pleases them.

What users see and what comes of it follows from vectors that are known. With K dimensions,
``s`` the knob `shared` and ``r = 1 - 2 * conflict``:

- an item has a vector ``v ~ N(0, I_K)`` and a standard normal appeal ``a``, for all users;
- a user's interest in a kind is ``z = sqrt(s) c + sqrt(1 - s) p``, with ``c`` of the user, for all kinds, and
  ``p`` of the user and the kind, so interests in two kinds have the correlation ``s``;
- a click has the score ``x = (<z, v> / sqrt(K) + popularity a) / sqrt(1 + popularity^2)``, of variance 1;
- a like has the score ``r x + sqrt(1 - r^2) x'``, where ``x'`` is made like ``x`` from vectors, appeals and
  interests of its own: so the scores of click and like have the correlation ``r``, and at ``r = 0`` nothing
  in common;
- either is drawn with the probability ``(1 - noise) sigmoid(level + steepness x) + noise / 2``;
- a user sees the items of a kind one after the other, each drawn of those not yet seen in the proportions
  ``exp(aim x)`` (Plackett and Luce); a kind is drawn for each view.

Shapes: U users, I items, N events, C kinds, K dimensions, T tasks (click, like).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motet.errors import ConfigError
from motet.system.randomness import generator

KINDS = ("product", "article", "ad")
TASKS = ("click", "like")
MOST = 7  # dimensions; `motet.data.synthetic` has words for so many
SHARES = (0.6, 0.2, 0.2)  # of each user's views that train, validate, test

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Knobs:
    """How a world is made.

    Args:
        users: How many.
        items: How many of each kind.
        events: How many views a user has; the first 60% train, the next 20% validate, the last test.
        dimension: Of interests and item vectors, at most 7 (so many topics have words).
        shared: How much of an interest in one kind holds for the others, 0 to 1.
        conflict: Of like with click: 0 the same, 1/2 unrelated, 1 opposed.
        noise: Share of labels that are thrown like a coin.
        steepness: What a standard deviation of the score adds to the log odds.
        level: Log odds at score 0.
        popularity: How much an item's appeal to everybody counts beside the user's taste.
        aim: How much users look for what they would click; 0: views are drawn evenly.
        mix: Chance of each kind at a view.
        rated: Share of views of which it is known whether they were liked.
        newcomers: Share of users who see articles alone until their test rows, and products alone there.
    """

    users: int = 400
    items: int = 100
    events: int = 40
    dimension: int = 4
    shared: float = 1.0
    conflict: float = 0.0
    noise: float = 0.0
    steepness: float = 3.0
    level: float = 0.0
    popularity: float = 0.0
    aim: float = 0.0
    mix: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    rated: float = 1.0
    newcomers: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no world can be.

        Raises:
            ConfigError: A knob is out of its range.
        """
        for name in ("shared", "conflict", "noise", "rated", "newcomers"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a number from 0 to 1.")
        if not 1 <= self.dimension <= MOST:
            raise ConfigError(
                f"dimension is {self.dimension}; give 1 to {MOST}, for so many topics have words."
            )
        if min(self.users, self.items) < 1 or self.events < 5:
            raise ConfigError(
                f"a world of {self.users} users, {self.items} items of each kind and {self.events} events a "
                "user has nothing to train, validate and test on; give 1, 1 and 5 at least."
            )
        if min(self.mix) < 0 or abs(sum(self.mix) - 1) > 1e-9:
            raise ConfigError(f"mix is {self.mix}; give a chance for each of {', '.join(KINDS)}, in all 1.")


def probability(score: Floats, knobs: Knobs) -> Floats:
    """Chances of a yes at some scores, of any shape."""
    sure = 1 / (1 + np.exp(-(knobs.level + knobs.steepness * score)))
    return np.asarray((1 - knobs.noise) * sure + knobs.noise / 2)


def best_auc(probability_N: Floats) -> float:
    """The AUC that the true probabilities have in expectation, which no model's can exceed.

    With probabilities p it is ``sum_ij p_i (1 - p_j) ([p_i > p_j] + [p_i = p_j] / 2)`` over
    ``sum_i p_i sum_j (1 - p_j)``. Half the rows at .8 and half at .2 give .8:

    >>> round(best_auc(np.array([0.8, 0.2])), 6)
    0.8
    """
    value, place_N = np.unique(probability_N, return_inverse=True)
    count = np.bincount(place_N).astype(float)
    yes, no = count * value, count * (1 - value)
    below = np.cumsum(no) - no
    return float((yes * (below + no / 2)).sum() / (yes.sum() * no.sum()))


def interests(knobs: Knobs, seed: int) -> Floats:
    """Interests ``(T, U, C, K)``: those behind clicks, and others of which likes have a part."""
    random = generator(seed, "world interests")
    size = (len(TASKS), knobs.users, len(KINDS), knobs.dimension)
    common, private = random.normal(size=(size[0], size[1], 1, size[3])), random.normal(size=size)
    return np.asarray(np.sqrt(knobs.shared) * common + np.sqrt(1 - knobs.shared) * private)


def scores(knobs: Knobs, seed: int, item_TIK: Floats, interest_TUCK: Floats) -> Floats:
    """Scores ``(T, U, I)``."""
    kind_I = np.repeat(np.arange(len(KINDS)), knobs.items)
    taste_TUI = np.einsum("tuik,tik->tui", interest_TUCK[:, :, kind_I], item_TIK) / np.sqrt(knobs.dimension)
    appeal_TI = generator(seed, "world appeals").normal(size=(len(TASKS), len(kind_I)))
    own_TUI = (taste_TUI + knobs.popularity * appeal_TI[:, None]) / np.sqrt(1 + knobs.popularity**2)
    agreement = 1 - 2 * knobs.conflict
    like_UI = agreement * own_TUI[0] + np.sqrt(1 - agreement**2) * own_TUI[1]
    return np.stack([own_TUI[0], like_UI])


def kinds(knobs: Knobs, seed: int, newcomer_U: Bools) -> Ints:
    """The kind of every view, ``(N,)``."""
    draw = generator(seed, "world kinds").random((knobs.users, knobs.events))
    kind_UE = (draw[..., None] > np.cumsum(knobs.mix)[:-1]).sum(-1)
    late_E = part_of_view(knobs.events) == 2
    kind_UE[newcomer_U] = np.where(late_E, KINDS.index("product"), KINDS.index("article"))
    return np.asarray(kind_UE.ravel(), np.int64)


def views(knobs: Knobs, seed: int, kind_N: Ints, score_UI: Floats) -> Ints:
    """Which item of its kind a view shows, ``(N,)``; none comes again before all others have come.

    The order of largest ``aim x`` plus Gumbel noise is one of draws in the proportions ``exp(aim x)``.
    """
    noise_UI = generator(seed, "world views").gumbel(size=score_UI.shape)
    wish_UCI = (knobs.aim * score_UI + noise_UI).reshape(knobs.users, len(KINDS), knobs.items)
    order_UCI = (-wish_UCI).argsort(-1)
    is_UEC = kind_N.reshape(knobs.users, knobs.events, 1) == np.arange(len(KINDS))
    turn_N = (np.cumsum(is_UEC, 1)[is_UEC] - 1) % knobs.items
    user_N = np.repeat(np.arange(knobs.users), knobs.events)
    return np.asarray(order_UCI[user_N, kind_N, turn_N])


def part_of_view(events: int) -> Ints:
    """Part of each view of a user, ``(E,)``: 0 train, 1 valid, 2 test."""
    ends = np.round(np.cumsum(SHARES)[:-1] * events)
    return np.asarray((np.arange(events)[:, None] >= ends).sum(1), np.int64)
