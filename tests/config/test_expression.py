"""The language of labels: what it reads, what it refuses and where it points."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.config.expression import checked, columns, parse
from motet.config.syntax import (
    FUNCTIONS,
    Arithmetic,
    Call,
    Comparison,
    Logic,
    Member,
    Name,
    Negative,
    Not,
    Number,
    Text,
    Truth,
    kind_of,
    show,
    walk,
)
from motet.errors import ConfigError

A, B, C = Name("a"), Name("b"), Name("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("rating >= 4", Comparison(">=", Name("rating"), Number(4))),
        ("is_click == 1", Comparison("==", Name("is_click"), Number(1))),
        ("log1p(ms / 1000)", Call("log1p", (Arithmetic("/", Name("ms"), Number(1000)),))),
        ("min(a, b)", Call("min", (A, B))),
        ("max(a, b, c)", Call("max", (A, B, C))),
        ("is_null(a)", Call("is_null", (A,))),
        ("type in ['click', \"purchase\"]", Member(Name("type"), (Text("click"), Text("purchase")))),
        ("a in [1, -2.5, true]", Member(A, (Number(1), Number(-2.5), Truth(True)))),
        ("a not in [1]", Not(Member(A, (Number(1),)))),
        ("a or b and not c", Logic("or", A, Logic("and", B, Not(C)))),
        ("(a or b) and c", Logic("and", Logic("or", A, B), C)),
        ("not a == b", Not(Comparison("==", A, B))),
        ("a - b - c > 0", Comparison(">", Arithmetic("-", Arithmetic("-", A, B), C), Number(0))),
        ("a + b * c", Arithmetic("+", A, Arithmetic("*", B, C))),
        ("-a * b", Arithmetic("*", Negative(A), B)),
        ("1 < a <= 5", Logic("and", Comparison("<", Number(1), A), Comparison("<=", A, Number(5)))),
        ("`odd name` > .5", Comparison(">", Name("odd name"), Number(0.5))),
        ("`and` == 1e-3", Comparison("==", Name("and"), Number(0.001))),
        ("评分 >= 4", Comparison(">=", Name("评分"), Number(4))),
        (r"a == 'it\'s'", Comparison("==", A, Text("it's"))),
        ("\n a\n>=\t4 ", Comparison(">=", A, Number(4))),
        ("min > 3", Comparison(">", Name("min"), Number(3))),
    ],
)
def test_an_expression_has_one_tree(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the expression is empty"),
        ("   ", "the expression is empty"),
        ("rating = 4", "'rating = 4', character 8: expected the end or an operator .* found '='; write =="),
        ("a && b", "character 3: .* write and"),
        ("a || b", "write or"),
        ("!a", "character 1: .* write not"),
        ("a <> 1", "write !="),
        ("a AND b", "write and"),
        ("a is null", r"write is_null\(...\)"),
        ("a == null", r"character 6: .* write is_null\(...\)"),
        ("rating >> 4", "character 9: expected a column, a number or a text in quotes, found '>'"),
        ("rating >", "character 9: .* found the end"),
        ("(a", r"character 3: expected '\)', found the end"),
        ("a)", r"character 2: expected the end"),
        ("a b", "character 3"),
        ("4stars", "character 2: .* found 'stars'"),
        ("a == 'x", "the closing ' is missing"),
        ("`a", "the closing ` is missing"),
        ("a.b > 3", "character 2: .* stands in backticks"),
        ("a in []", "character 7: expected a column, a number or a text"),
        ("a in [b]", "character 7: expected a number or a text in quotes, found 'b'"),
        ("a in 3", r"expected '\[', found '3'"),
        ("logp(a)", r"no such function \(did you mean log1p\?\)"),
        ("open(a)", r"no such function \(there are abs, ceil"),
        ("__import__('os')", "no such function"),
        ("abs(a, b)", "abs takes 1 value, not 2"),
        ("min(a)", "min takes 2 values, not 1"),
        ("abs()", "character 5"),
        ("a ** 2", r"found '\*\*'"),
        ("1e999 > a", "a number of usual size"),
        ("'a' + 1", "in `'a' \\+ 1`, `'a'` is text; write a number there"),
        ("not 5", "`5` is a number; write a condition there, such as 5 > 0"),
        ("a > 3 and 'x'", "`'x'` is text; write a condition"),
        ("(a > 1) + 2", r"`a > 1` is a condition; write a number there"),
        ("1 == 'x'", "compare text with text"),
        ("a == 'x' == True", "compare text with text"),
        ("log(a > 1)", "is a condition; write a number"),
        ("(" * 50 + "a" + ")" * 50, "nested too deeply"),
        ("-" * 60 + "a", "nested too deeply"),
        ("not " * 60 + "a", "nested too deeply"),
        ("a" + " + a" * 200, "more than 200 words and signs"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text, said):
    with pytest.raises(ConfigError, match=said):
        parse(text)


def test_the_columns_come_once_in_the_order_of_appearance():
    assert columns("b > 1 and log1p(a / b) > `c d`") == ["b", "a", "c d"]


def test_kinds_of_columns_can_be_told():
    assert kind_of(parse("a"), {"a": "text"}) == "text"
    assert kind_of(parse("a > 1"), {"a": "number"}) == "condition"
    with pytest.raises(ConfigError, match="`'x'` is text and `a` is a number"):
        kind_of(parse("a == 'x'"), {"a": "number"})
    with pytest.raises(ConfigError, match="`a` is text; write a number there"):
        kind_of(parse("a / 2"), {"a": "text"})
    assert kind_of(parse("a and b"), {"a": "flag", "b": "number"}) == "condition"


def test_a_label_must_read_a_column_and_give_what_is_wanted():
    assert checked("a > 1", "condition") == "a > 1"
    assert checked("a", "number") == "a"
    with pytest.raises(ValueError, match="reads no column"):
        checked("1 > 0")
    with pytest.raises(ValueError, match="a regression needs a number"):
        checked("a > 1", "number")
    with pytest.raises(ValueError, match=r"'a \+ 1' is a number; write a condition such as"):
        checked("a + 1", "condition")


signs = [
    "==",
    "<=",
    ">",
    "+",
    "-",
    "*",
    "/",
    "(",
    ")",
    "[",
    "]",
    ",",
    "'",
    '"',
    "`",
    "\\",
    "=",
    "!",
    "é",
    "分",
]
words = ["a", "b c", "and", "or", "not", "in", "true", "null", "1", "2.5", "1e9", "'x'", "`y z`", *FUNCTIONS]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=12))
def test_the_parser_raises_nothing_but_its_own_error(text):
    try:
        parse(text)
    except ConfigError:
        return


@given(st.lists(st.sampled_from(signs + words), max_size=30).map(" ".join))
def test_the_parser_raises_nothing_but_its_own_error_on_words_of_the_language(text):
    try:
        tree = parse(text)
    except ConfigError:
        return
    assert parse(show(tree)) == tree


names = st.one_of(
    st.sampled_from(["rating", "and", "True", "null", "a b", "x-y", "@type", "9", "评分"]),
    st.text(string.ascii_letters + " .-", min_size=1, max_size=5),
).map(Name)
numbers = st.one_of(st.integers(0, 10**15), st.floats(0, 1e12)).map(Number)
leaves = st.one_of(names, numbers)


def grow(inner):
    arithmetic = st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner)
    return st.one_of(
        arithmetic, inner.map(Negative), st.builds(lambda a, b: Call("min", (a, b)), inner, inner)
    )


values = st.recursive(leaves, grow, max_leaves=8)
comparisons = st.builds(Comparison, st.sampled_from(["==", "!=", "<", ">="]), values, values)
texts = st.builds(Member, names, st.lists(st.text(max_size=4).map(Text), min_size=1, max_size=3).map(tuple))
conditions = st.recursive(
    st.one_of(comparisons, texts),
    lambda inner: st.one_of(inner.map(Not), st.builds(Logic, st.sampled_from(["and", "or"]), inner, inner)),
    max_leaves=4,
)


@given(st.one_of(values, conditions))
def test_a_tree_shown_as_text_reads_as_the_same_tree(tree):
    if sum(1 for _ in walk(tree)) < 30:
        assert parse(show(tree)) == tree
