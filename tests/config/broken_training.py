"""Broken settings of the training and of chains: YAML text -> what the one error must say."""

from tests.config.broken import GOOD, after


def with_task(text: str) -> str:
    """The good configuration with one task more, in line 8."""
    return after(f"  - {text}\n")


def _ranking_alone(sharing: str) -> str:
    """The good configuration without its row tasks, and how they would share, in line 6."""
    kept = [line for line in GOOD.splitlines() if "binary" not in line and "regression" not in line]
    return "\n".join([*kept, f"model: {{sharing: {{{sharing}}}}}"]) + "\n"


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
    "a priority that is named twice": (
        after("training:\n  balance: {kind: priorities, order: [like, next, like]}\n"),
        [":9: ", "priorities name 'like' twice in 'order', but a task has one rank; leave one out"],
    ),
    "a leader that is no task": (
        after("training:\n  balance: {kind: stackelberg, leader: star}\n"),
        [":9: training.balance.leader: there is no task 'star'; did you mean 'stars'?"],
    ),
    "a leader of another balance": (
        after("training:\n  balance: {kind: dwa, leader: [like]}\n"),
        [":9: ", "balance dwa does not read 'leader'; write  kind: stackelberg"],
    ),
    "a leader without followers": (
        after("training:\n  balance: {kind: stackelberg, leader: [next, like, stars]}\n"),
        [":9: training.balance.leader: every task leads, so that none follows"],
    ),
    "a leader that learns nothing": (
        with_task(
            "{name: buy, kind: binary, label: stars >= 5, weight: 0}\n"
            "training: {balance: {kind: stackelberg, leader: buy}}"
        ),
        ["training.balance.leader: 'buy' has weight 0, so it learns nothing"],
    ),
    "a series of an unrolled gradient": (
        after("training:\n  balance: {kind: stackelberg, terms: 5}\n"),
        [":9: ", "an unrolled gradient has no series of 'terms'; write  gradient: implicit"],
    ),
    "a leader over groups": (
        after("model: {groups: [[like]]}\ntraining: {balance: stackelberg}\n"),
        ["model.groups: balance stackelberg is for tasks that share"],
    ),
    "experts without layers": (
        after("model:\n  sharing: {kind: ple, layers: []}\n"),
        [":9: ", "sharing of kind ple needs layers; write  layers: [128]"],
    ),
    "experts of a shared bottom": (
        after("model:\n  sharing: {experts: 2}\n"),
        [":9: ", "sharing of kind shared_bottom does not read 'experts'; write  kind: mmoe"],
    ),
    "experts of a stack a task": (
        after("model:\n  sharing: {kind: cross_stitch, experts: 2}\n"),
        [":9: ", "sharing of kind cross_stitch does not read 'experts'"],
    ),
    "levels of experts on one level": (
        after("model:\n  sharing: {kind: cgc, levels: 3}\n"),
        [":9: ", "sharing of kind cgc does not read 'levels'; write  kind: ple, or leave it out"],
    ),
    "sharing between no row tasks": (
        _ranking_alone("kind: ple"),
        [":6: model.sharing.kind: tasks that score rows read it", "and there is none; leave it out"],
    ),
    "towers of no row tasks": (
        _ranking_alone("towers: [64]"),
        [":6: model.sharing.towers: tasks that score rows read it"],
    ),
    "own ids of no row tasks": (
        _ranking_alone("own_ids: true"),
        [":6: model.sharing.own_ids: tasks that score rows read it"],
    ),
    "own ids of items without ids": (
        after("model:\n  item: {id: false}\n  sharing: {own_ids: true}\n"),
        [":10: model.sharing.own_ids: items have no ids, for model.item.id is false; write  id: true"],
    ),
    "a task after none": (
        with_task("{name: buy, kind: binary, label: stars >= 5, after: liek}"),
        [".after: there is no task 'liek'; did you mean 'like'?"],
    ),
    "a task after one that is no chance": (
        with_task("{name: buy, kind: binary, label: stars >= 5, after: stars}"),
        [".after: 'stars' is a regression task; a chain is of binary tasks"],
    ),
    "tasks that follow themselves": (
        with_task("{name: buy, kind: binary, label: stars >= 5, after: buy}"),
        [".after: 'buy' would follow itself"],
    ),
    "something passed on from nothing": (
        with_task("{name: buy, kind: binary, label: stars >= 5, transfer: true}"),
        [".transfer: nothing is passed on to a task that follows none", "after: TASK"],
    ),
    "a task that leaves after more layers than there are": (
        with_task("{name: buy, kind: binary, label: stars >= 5, depth: 7}"),
        ["tasks.buy.depth: found 7, but model.timeline.layers is 2"],
    ),
    "a group of no task": (
        after("model: {groups: [[like, star]]}\n"),
        ["model.groups: there is no task 'star'; did you mean 'stars'?"],
    ),
    "a task in two groups": (
        after("model: {groups: [[like], [stars, like]]}\n"),
        ["model.groups: 'like' stands there twice"],
    ),
    "a group that holds its own task twice": (
        after("model: {groups: [{tasks: [like], beside: [like]}]}\n"),
        ["model.groups: 'like' stands beside like; there are next, stars"],
    ),
    "a chain in two groups": (
        with_task("{name: buy, kind: binary, label: stars >= 5, after: like}\nmodel: {groups: [[buy]]}"),
        ["model.groups: 'buy' follows 'like'; put both into one group"],
    ),
    "a bottleneck beside a whole model": (
        after("model: {groups: [{tasks: [like], adapter: 8}]}\n"),
        ["a whole model needs no bottleneck; write  backbone: shared, or leave it out"],
    ),
    "contrast under gradient surgery": (
        after("model: {timeline: {contrast: 0.1}}\ntraining: {balance: mgda}\n"),
        ["model.timeline.contrast: balance mgda does not see it"],
    ),
    "an exit of a whole model": (
        after("model: {groups: [{tasks: [like], depth: 1}]}\n"),
        ["a whole model needs no exit of its own from the timeline; write  backbone: shared"],
    ),
    "an exit above the timeline": (
        after("model: {groups: [{tasks: [like], backbone: shared, depth: 3}]}\n"),
        ["model.groups: found depth 3 of like, but model.timeline.layers is 2; write 2 or less"],
    ),
    "surgery over groups": (
        after("model: {groups: [[like]]}\ntraining: {balance: mgda}\n"),
        ["model.groups: balance mgda is for tasks that share"],
    ),
    "a feed-forward layer of blocks that have none": (
        after("model:\n  timeline: {kind: hstu, activation: gelu}\n"),
        [":9: ", "hstu blocks have no feed-forward layer, so 'activation' says nothing; leave it out"],
    ),
    "smoothing of a sampled softmax": (
        after("  - {name: sold, kind: next_item, sampled: 32}\nmodel: {scoring: {label_smoothing: 0.1}}\n"),
        [":8: tasks.sold.sampled: label_smoothing 0.1 is for the full softmax"],
    ),
}
