"""What the text benchmarks are compared with: vectors of a frozen language model, and words.

Shapes: N texts, M answers, T width of the language model.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from bm25s import BM25
from bm25s.tokenization import tokenize
from sklearn.linear_model import LogisticRegression

from motet.config.model import Language
from motet.data.letters import same_text
from motet.language.backbone import load_language

STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)  # of a linear head, the inverse of its weight decay
Figures = dict[str, float]


def vectors(name: str, texts: Sequence[str], max_tokens: int) -> np.ndarray:
    """What a frozen language model says of texts, ``(N, T)``."""
    found: np.ndarray = load_language(Language(name=name, max_tokens=max_tokens)).encode(texts)
    return found


def linear_head(
    name: str, tables: Mapping[str, pl.DataFrame], max_tokens: int, columns: Sequence[str] = ("text",)
) -> float:
    """Test accuracy of a linear head on a frozen language model, its strength chosen on validation rows."""
    joined = pl.concat_str(*columns, separator=" ").str.strip_chars()
    inputs = {
        part: vectors(name, tables[part].select(text=joined)["text"].to_list(), max_tokens)
        for part in ("train", "valid", "test")
    }
    labels = {part: tables[part]["label"].to_numpy() for part in inputs}
    mean_T, spread_T = inputs["train"].mean(0), inputs["train"].std(0) + 1e-6
    inputs = {part: (each - mean_T) / spread_T for part, each in inputs.items()}
    fitted = [
        LogisticRegression(C=strength / len(inputs["train"]), max_iter=2000).fit(
            inputs["train"], labels["train"]
        )
        for strength in STRENGTHS
    ]
    best = max(fitted, key=lambda each: each.score(inputs["valid"], labels["valid"]))
    return float(best.score(inputs["test"], labels["test"]))


def to_answer(table: pl.DataFrame) -> tuple[list[str], list[str], list[set[int]]]:
    """The test questions, all answers, and which of them are right for each question."""
    answers = table["Answer"].unique(maintain_order=True).to_list()
    number = {answer: place for place, answer in enumerate(answers)}
    key = same_text(pl.col("Question")).alias("key")
    asked = (
        table.filter(part="test").group_by(key, maintain_order=True).agg(pl.col("Question").first(), "Answer")
    )
    return (
        asked["Question"].to_list(),
        answers,
        [{number[each] for each in several} for several in asked["Answer"]],
    )


def ranked(scores_NM: np.ndarray, right: Sequence[set[int]]) -> Figures:
    """Share of questions whose first answer is right, and mean of 1 / place of the first right answer."""
    order_NM = np.argsort(-scores_NM, axis=1, kind="stable")
    places = [
        next(place for place, number in enumerate(order.tolist(), 1) if number in mine)
        for order, mine in zip(order_NM, right, strict=True)
    ]
    return {
        "recall@1": float(np.mean([place == 1 for place in places])),
        "mrr": float(np.mean([1 / place for place in places])),
    }


def by_words(questions: Sequence[str], answers: Sequence[str], right: Sequence[set[int]]) -> Figures:
    """BM25, with and without leaving out the commonest words: the better of both, figure by figure."""
    found = []
    for stopwords in ("en", []):
        index = BM25()
        index.index(tokenize(list(answers), stopwords=stopwords, show_progress=False), show_progress=False)
        asked = tokenize(list(questions), stopwords=stopwords, return_ids=False, show_progress=False)
        scores_NM = np.stack([index.get_scores(words) for words in asked])
        found.append(ranked(scores_NM, right))
    return {name: max(each[name] for each in found) for name in found[0]}


def by_cosine(
    name: str, questions: Sequence[str], answers: Sequence[str], right: Sequence[set[int]], max_tokens: int
) -> Figures:
    """Cosines of a frozen language model."""
    asked_NT, answer_MT = vectors(name, questions, max_tokens), vectors(name, answers, max_tokens)
    asked_NT = asked_NT / np.linalg.norm(asked_NT, axis=1, keepdims=True)
    return ranked(asked_NT @ (answer_MT / np.linalg.norm(answer_MT, axis=1, keepdims=True)).T, right)
