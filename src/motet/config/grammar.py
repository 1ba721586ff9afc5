"""The grammar of label expressions: from text to a tree, by recursive descent.

From loosest to tightest: `or`; `and`; `not`; comparisons and `in [..]`; `+ -`; `* /`; a minus sign. Names
with odd characters stand in backticks.
"""

import difflib
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

from motet.config.syntax import (
    FUNCTIONS,
    KEYWORDS,
    RESERVED,
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Logic,
    Member,
    Name,
    Negative,
    Not,
    Number,
    Text,
    Truth,
)
from motet.errors import ConfigError

_MOST_TOKENS, _DEEPEST = 200, 40
_TOKEN = re.compile(
    r"""(?P<space>\s+) | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") | `(?P<quoted>[^`]+)` | (?P<name>[^\W\d]\w*)
      | (?P<sign>==|!=|<=|>=|<>|&&|\|\||\*\*|[-+*/<>()\[\],]) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_INSTEAD = {"=": "==", "<>": "!=", "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not"}
_INSTEAD |= {"AND": "and", "OR": "or", "NOT": "not", "IN": "in"}
_INSTEAD |= {"is": "is_null(...)", "null": "is_null(...)", "None": "is_null(...)"}
_COMPARE = ("==", "!=", "<", "<=", ">", ">=")


class Token(NamedTuple):
    """A word or a sign of an expression, and where it stands."""

    kind: str
    text: str
    at: int


def read(text: str) -> Expression:
    """The tree of an expression; what kinds its parts have is not looked at.

    Raises:
        ConfigError: It cannot be read; the message says at which character.
    """
    parser = _Parser(text)
    tree = parser.either()
    if parser.token.kind != "end":
        parser.refuse("expected the end or an operator such as >=, +, and")
    return tree


def _tokens(text: str) -> list[Token]:
    found = [
        Token(str(match.lastgroup), match[str(match.lastgroup)], match.start())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "space"
    ]
    return [*found, Token("end", "the end", len(text))]


class _Parser:
    """Recursive descent: one method a level of the grammar, `token` is the one to read next."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.place, self.depth = text, _tokens(text), 0, 0
        if len(self.tokens) == 1:
            raise ConfigError("the expression is empty; write for example rating >= 4")
        if len(self.tokens) > _MOST_TOKENS:
            raise ConfigError(
                f"the expression has more than {_MOST_TOKENS} words and signs; write a column instead"
            )

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def refuse(self, expected: str) -> NoReturn:
        """Raise the error that points at the token to be read next."""
        kind, text, at = self.token
        hint = ""
        if text in _INSTEAD and kind != "quoted":
            hint = f"; write {_INSTEAD[text]}"
        elif text in ("'", '"', "`"):
            hint = f"; the closing {text} is missing"
        elif kind == "other":
            hint = "; a column name with odd characters stands in backticks"
        found = text if kind == "end" else repr(text)
        raise ConfigError(f"{self.text!r}, character {at + 1}: {expected}, found {found}{hint}")

    def take(self, *texts: str) -> str | None:
        """Read the next token if it is one of these signs or words."""
        token = self.token
        if token.kind not in ("sign", "name") or token.text not in texts:
            return None
        self.place += 1
        return token.text

    def need(self, text: str) -> None:
        if not self.take(text):
            self.refuse(f"expected {text!r}")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level of nesting; too many are refused before Python's own limit."""
        self.depth += 1
        if self.depth > _DEEPEST:
            self.refuse("nested too deeply")
        yield
        self.depth -= 1

    def either(self) -> Expression:
        with self.deeper():
            tree = self.both()
            while self.take("or"):
                tree = Logic("or", tree, self.both())
        return tree

    def both(self) -> Expression:
        tree = self.opposite()
        while self.take("and"):
            tree = Logic("and", tree, self.opposite())
        return tree

    def opposite(self) -> Expression:
        if not self.take("not"):
            return self.compared()
        with self.deeper():
            return Not(self.opposite())

    def compared(self) -> Expression:
        left = self.sum()
        links: list[Expression] = []
        while operator := self.take(*_COMPARE):
            right = self.sum()
            links.append(Comparison(operator, left, right))  # type: ignore[arg-type]
            left = right
        if links:
            tree = links[0]
            for link in links[1:]:  # a < b < c means a < b and b < c
                tree = Logic("and", tree, link)
            return tree
        return self.member(left)

    def member(self, left: Expression) -> Expression:
        if self.take("in"):
            return Member(left, self.choices())
        if self.token[:2] == ("name", "not") and self.tokens[self.place + 1][:2] == ("name", "in"):
            self.place += 2
            return Not(Member(left, self.choices()))
        return left

    def choices(self) -> tuple[Number | Text | Truth, ...]:
        self.need("[")
        found = [self.literal()]
        while self.take(","):
            found.append(self.literal())
        self.need("]")
        return tuple(found)

    def literal(self) -> Number | Text | Truth:
        tree = self.signed()
        if isinstance(tree, Negative) and isinstance(tree.operand, Number):
            tree = Number(-tree.operand.value)
        if not isinstance(tree, Number | Text | Truth):
            self.place -= 1
            self.refuse("expected a number or a text in quotes")
        return tree

    def sum(self) -> Expression:
        tree = self.product()
        while operator := self.take("+", "-"):
            tree = Arithmetic(operator, tree, self.product())  # type: ignore[arg-type]
        return tree

    def product(self) -> Expression:
        tree = self.signed()
        while operator := self.take("*", "/"):
            tree = Arithmetic(operator, tree, self.signed())  # type: ignore[arg-type]
        return tree

    def signed(self) -> Expression:
        if not self.take("-"):
            return self.atom()
        with self.deeper():
            return Negative(self.signed())

    def atom(self) -> Expression:
        kind, text, _ = self.token
        if self.take("("):
            tree = self.either()
            self.need(")")
            return tree
        if kind == "name" and self.tokens[self.place + 1][:2] == ("sign", "(") and text not in KEYWORDS:
            return self.call()
        makers: dict[str, Any] = {"number": self.number, "text": _text, "quoted": Name, "name": _name}
        reserved = kind == "name" and text in RESERVED and text.lower() not in ("true", "false")
        if kind not in makers or reserved:
            self.refuse("expected a column, a number or a text in quotes")
        made: Expression = makers[kind](text)
        self.place += 1
        return made

    def number(self, text: str) -> Number:
        value = int(text) if text.isdigit() and len(text) < 19 else float(text)
        if not math.isfinite(value):
            self.refuse("expected a number of usual size")
        return Number(value)

    def call(self) -> Call:
        name = self.token.text
        if name not in FUNCTIONS:
            nearest = difflib.get_close_matches(name.lower(), FUNCTIONS, 1)
            meant = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(FUNCTIONS)}"
            self.refuse(f"no such function ({meant})")
        start = self.place
        self.place += 2
        found = [self.either()]
        while self.take(","):
            found.append(self.either())
        self.need(")")
        if len(found) != FUNCTIONS[name] and not (name in ("min", "max") and len(found) > 1):
            self.place = start
            self.refuse(
                f"{name} takes {FUNCTIONS[name]} value{'s' * (FUNCTIONS[name] > 1)}, not {len(found)}"
            )
        return Call(name, tuple(found))


def _text(quoted: str) -> Text:
    return Text(re.sub(r"\\(['\"\\])", r"\1", quoted[1:-1]))


def _name(word: str) -> Name | Truth:
    return Truth(word.lower() == "true") if word in ("true", "false", "True", "False") else Name(word)
