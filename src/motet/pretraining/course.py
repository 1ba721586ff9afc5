"""The course of a pretraining: which texts and pairs train, which measure, and the model with its heads."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from motet.config import Config
from motet.config.model import Language
from motet.config.pretraining import Pretraining
from motet.config.tasks import NextItem, Retrieval, Task
from motet.data.already_read import read_by
from motet.data.corpus import Corpus, Pairs, read_corpus
from motet.data.corpus_feed import MaskedFeed, NextFeed, PairFeed, hidden_always
from motet.data.dataset import Dataset, prepare
from motet.data.division import clean_divided
from motet.data.hidden_words import MASKED, HiddenWords, groups_of_tokens, groups_of_words, words_that_occur
from motet.data.mixed import AnyFeed
from motet.data.readers import read_tables
from motet.data.taken import Taken
from motet.data.tokens import Tokens
from motet.errors import ConfigError, DataError
from motet.gather import split_columns
from motet.language.find import find_model, refuse_decoder
from motet.language.masked_head import MaskedHead
from motet.language.scratch import write_scratch
from motet.language.tuned import TunedLanguage
from motet.system.log import say, stage
from motet.system.randomness import derived_seed
from motet.training.pretraining import Held, PretrainedLanguage

SCRATCH = "scratch"  # in the working folder: the tokenizer and the model that began from nothing


@dataclass(frozen=True)
class Course:
    """What is trained, on what, and what measures it.

    Args:
        model: The language model with its heads.
        feeds: Name of a loss -> its batches.
        held: Name -> its held-out batches, the same whenever they are asked for.
        weights: Name -> weight.
        facts: Of the corpus, for the account.
        read_K: A number for each text that the model has read by the end, see `already_read`.
    """

    model: PretrainedLanguage
    feeds: Mapping[str, AnyFeed]
    held: Mapping[str, Held]
    weights: dict[str, float]
    facts: dict[str, Any]
    read_K: np.ndarray


def lay_out(config: Config, folder: Path, work: Path) -> Course:
    """Read the texts, open the model, and say what is learned from what.

    Args:
        config: With `pretraining` and a language model.
        folder: Where relative paths begin.
        work: Folder for a model that begins from nothing; what stands there already is used again.

    Raises:
        MotetError: Texts or the model cannot be read, or there is nothing to learn or to measure.
    """
    settings, seed = config.pretraining, config.training.seed
    assert settings is not None
    log = functools.cache(lambda: timelines(config, folder))
    taken = taken_in(config, log)
    with stage("reading texts"):
        corpus = read_corpus(config, folder, taken)
    for line in told(corpus):
        say(line)
    language = open_language(config, corpus, work)
    feeds, held = dict[str, AnyFeed](), dict[str, Held]()
    head, facts = None, dict[str, Any](corpus.counts)
    torch.manual_seed(derived_seed(seed, "heads of pretraining"))
    if settings.objectives.masked:
        hidden, count_C = hidden_words(settings, language, corpus)
        head = MaskedHead(language.width, language.words().shape, hidden.word_C, count_C)
        known = head.read(language.folder)
        say(f"hidden words: the head {'is that of the model' if known else 'begins anew'}")
        train_T, held_H = np.flatnonzero(~corpus.held_N), np.flatnonzero(corpus.held_N)
        feeds[MASKED] = MaskedFeed(hidden, train_T, settings.batch_size, seed)
        held[MASKED] = lambda: hidden_always(hidden, held_H, seed)
        facts |= {"tokens": int(hidden.tokens.length_N.sum()), "pieces": len(hidden.word_C)}
    if "dropout" in settings.pairs.get("contrastive", []):
        refuse_without_dropout(language, config.model.language)
    for name, pairs in every_pairs(config, log, corpus):
        make = of_views if name.startswith("contrastive") else of_following
        feeds[name], held[name] = make(name, pairs, language, settings.batch_size, seed)
        facts[name] = {"train": len(pairs.train_P2), "measure": len(pairs.held_P2)}
    model = PretrainedLanguage(
        language, head, follows=settings.objectives.next > 0, temperature=settings.temperature
    )
    of = settings.objectives
    weight = {MASKED: of.masked, "contrastive": of.contrastive, "next": of.next}
    weights = {name: weight[name.split(" of ")[0]] for name in feeds}
    before_K = read_by(language.folder)
    return Course(model, feeds, held, weights, facts, np.union1d(before_K, corpus.read_K))


def told(corpus: Corpus) -> Iterator[str]:
    """Lines on the texts, for the person who waits."""
    of = ", ".join(f"{count:,} {name}" for name, count in corpus.counts.items() if name.startswith("of "))
    yield f"{len(corpus):,} texts ({of}); {corpus.counts['held out']:,} of them measure"
    if left := corpus.counts["validate or test a task"]:
        yield f"{left:,} texts validate or test a task; they are left out"
    if repeated := corpus.counts["repeated"]:
        yield f"{repeated:,} texts repeat another, but for case and blanks; they count once"


def open_language(config: Config, corpus: Corpus, work: Path) -> TunedLanguage:
    """The language model to train: a given one, or one that begins from nothing.

    Raises:
        ConfigError: It reads from left to right, or its tokenizer has no mark for a hidden word.
    """
    settings, given = config.pretraining, config.model.language
    assert settings is not None
    assert given is not None
    if settings.scratch is not None:
        folder = work / SCRATCH
        if not (folder / "config.json").exists():
            train = [text for text, held in zip(corpus.text_N, corpus.held_N, strict=True) if not held]
            with stage("learning a tokenizer"):
                write_scratch(settings.scratch, train, given.max_tokens, config.training.seed, folder)
    else:
        folder = find_model(given.name)
        refuse_decoder(folder, given.name)
    own = Language(
        name=given.name if settings.scratch is None else str(folder),
        tuning="full",
        max_tokens=given.max_tokens,
        pooling=given.pooling,
        prefix=given.prefix,
        learning_rate=settings.rate,
        words=settings.words,
    )
    language = TunedLanguage(own, folder)
    if settings.objectives.masked and language.tokenizer.mask_token_id is None:
        raise ConfigError(
            f"model.language: the tokenizer of {given.name!r} has no mark that hides a word. Write  "
            "objectives: contrastive  under pretraining, or name another model."
        )
    return language


def refuse_without_dropout(language: TunedLanguage, given: Language | None) -> None:
    """Refuse views that differ by dropout of a model that has none.

    Raises:
        ConfigError: All of its parts read a text twice in the same way.
    """
    if not any(isinstance(part, nn.Dropout) and part.p > 0 for part in language.modules()):
        name = "the model" if given is None else repr(given.name)
        raise ConfigError(
            f"pretraining.views: {name} has no dropout, so both views of a text would be the same. Write  "
            "views: columns  (two columns of a text) or  views: neighbours  (items near each other in "
            "the log), or name another model."
        )


def hidden_words(
    settings: Pretraining, language: TunedLanguage, corpus: Corpus
) -> tuple[HiddenWords, np.ndarray]:
    """All texts and what may be hidden in them; how often each word that training texts have occurs there.

    Raises:
        DataError: They have none.
    """
    tokens = Tokens(*language.tokens(corpus.text_N))
    letters_F = language.letters(corpus.text_N)
    if settings.whole_words:
        group_F = groups_of_words(corpus.text_N, letters_F, tokens.offset_N)
    else:
        group_F = groups_of_tokens(letters_F)
    word_C, count_C = words_that_occur(tokens, group_F, np.flatnonzero(~corpus.held_N))
    if not len(word_C):
        raise DataError("pretraining: the texts have no words that could be hidden. Name other texts.")
    mask = int(language.tokenizer.mask_token_id)
    return HiddenWords(tokens, group_F, word_C, mask, settings.mask_share), count_C


def taken_in(config: Config, log: Callable[[], Dataset]) -> Taken | None:
    """What a training would know of the log when it parts the queries of items, without its sentences."""
    seeks = any(isinstance(task, Retrieval) and task.seeks_items for task in config.text_tasks)
    return Taken.of(log()).without_events() if seeks and config.of_events.tasks else None


def every_pairs(config: Config, log: Callable[[], Dataset], corpus: Corpus) -> Iterator[tuple[str, Pairs]]:
    """Name of each loss of pairs, and its pairs.

    Args:
        config: With `pretraining`.
        log: Reads the timelines.
        corpus: All texts.

    Raises:
        DataError: None is left to learn from, or to measure.
    """
    settings = config.pretraining
    assert settings is not None
    for objective, kinds in settings.pairs.items():
        for kind in kinds:
            if kind == "neighbours":
                near = settings.near if objective == "contrastive" else 1
                found = corpus.neighbours(log().log, log().catalogue.ids, near)
            else:
                found = corpus.columns() if kind == "columns" else corpus.twice()
            name = f"{objective} of {kind}"
            refuse_few(name, found)
            say(told_pairs(name, found))
            yield name, found


def refuse_few(name: str, pairs: Pairs) -> None:
    """Refuse pairs that nobody can tell apart.

    Raises:
        DataError: Too few train or measure.
    """
    counts = [len(pairs.train_P2), len(pairs.held_P2)]
    train, held = pairs.different()
    if min(counts) < 2:
        raise DataError(
            f"pretraining: {name}: {counts[0]:,} pairs train and {counts[1]:,} measure; it needs 2 of either "
            "at least. Give more texts, or raise  held_out ."
        )
    if min(train, held) < 2:
        raise DataError(
            f"pretraining: {name}: one side of the pairs has {train} different texts that train and "
            f"{held} that measure; it needs 2 of either at least. Put a column of more values first, give "
            "more texts, or raise  held_out ."
        )


def told_pairs(name: str, pairs: Pairs) -> str:
    """A line on pairs, for the person who waits."""
    train_P2, held_P2 = pairs.train_P2, pairs.held_P2
    texts = len(np.unique(train_P2[:, 0]))
    an_epoch = len(train_P2) if pairs.every else texts
    return (
        f"{name}: {len(train_P2):,} pairs of {texts:,} different texts train, {an_epoch:,} of them in an "
        f"epoch; {len(held_P2):,} measure"
    )


def timelines(config: Config, folder: Path) -> Dataset:
    """The log, ordered and split as its tasks have it; without a task of events, as `next_item` would."""
    own = config.of_events
    if not own.tasks:
        tasks: list[Task] = [NextItem(name="next", kind="next_item")]
        own = own.model_copy(update={"tasks": tasks})
    with stage("reading the log"):
        tables = read_tables(own.data, folder, extra=split_columns(own))
    tables, _ = clean_divided(tables, own)
    return prepare(tables, own)


def of_views(
    name: str, pairs: Pairs, language: TunedLanguage, batch_size: int, seed: int
) -> tuple[AnyFeed, Held]:
    """Pairs whose vectors are brought together."""
    left = Tokens(*language.tokens(pairs.left))
    right = left if pairs.right is pairs.left else Tokens(*language.tokens(pairs.right))
    feed = PairFeed(name, left, right, pairs, batch_size, seed)
    return feed, feed.held


def of_following(
    name: str, pairs: Pairs, language: TunedLanguage, batch_size: int, seed: int
) -> tuple[AnyFeed, Held]:
    """Pairs of which is asked whether the second follows the first."""

    def joined(texts: Sequence[str], others: Sequence[str]) -> Tokens:
        return Tokens(*language.joined(texts, others))

    feed = NextFeed(name, pairs, joined, batch_size, seed)
    return feed, feed.held
