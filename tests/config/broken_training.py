"""Broken settings of the training: YAML text -> what the one error must say (see `tests.config.broken`)."""

from tests.config.broken import after

BROKEN_TRAINING: dict[str, tuple[str, list[str]]] = {
    "an unknown balance": (
        after("training: {balance: uncertanty}\n"),
        [":8: training.balance", "found 'uncertanty'", "uncertainty"],
    ),
    "an unknown balance in a mapping": (
        after("training:\n  balance: {kind: pgcrad}\n"),
        [":9: training.balance.kind", "found 'pgcrad'", "pcgrad"],
    ),
    "a setting of another balance": (
        after("training:\n  balance: {kind: mgda, radius: 0.3}\n"),
        [":9: ", "balance mgda does not read 'radius'; write  kind: cagrad"],
    ),
    "a place for losses": (
        after("training:\n  balance: {kind: dwa, at: parameters}\n"),
        [":9: ", "balance dwa does not read 'at'; write  a kind that combines gradients"],
    ),
    "priorities without an order": (
        after("training: {balance: priorities}\n"),
        [":8: ", "priorities need  order: [TASK, ...]"],
    ),
    "a priority of no task": (
        after("training:\n  balance: {kind: priorities, order: [like, star]}\n"),
        [":9: training.balance.order: there is no task 'star'; did you mean 'stars'?"],
    ),
    "experts without layers": (
        after("model:\n  sharing: {kind: ple, layers: []}\n"),
        [":9: ", "sharing of kind ple needs layers; write  layers: [128]"],
    ),
}
