"""Letters: which signs belong to a word, and what makes two texts the same."""

import functools
import re
import sys
import unicodedata

import polars as pl

_JOINERS = "\u200c\ufe0e\ufe0f"  # the zero-width non-joiner and variation selectors
_ZWJ = "\u200d"  # joins letters, and signs to one sign


@functools.cache
def marks() -> str:
    r"""Combining marks and joiners, as the inside of a set of a regular expression.

    Python's ``\w`` leaves them out, so that it tears words of Hindi, vowelled Arabic or decomposed accents.
    """
    found = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith("M")]
    ranges, first = list[str](), found[0]
    for at, code in enumerate(found):
        if at + 1 == len(found) or found[at + 1] != code + 1:
            ranges.append(f"\\U{first:08x}-\\U{code:08x}")
            first = found[at + 1] if at + 1 < len(found) else code
    return "".join(ranges) + _JOINERS


@functools.cache
def words_and_signs() -> re.Pattern[str]:
    """Words, and signs that are none, each with the marks on it."""
    return re.compile(rf"\w[\w{marks()}{_ZWJ}]*|[^\w\s](?:[{marks()}]|{_ZWJ}[^\w\s]?)*")


@functools.cache
def words() -> re.Pattern[str]:
    """Words alone."""
    return re.compile(rf"[^\W_](?:[^\W_]|[{marks()}{_ZWJ}])*")


def same_text(text: pl.Expr) -> pl.Expr:
    """What two texts have in common that differ in case, in blanks or in how letters are composed alone."""
    return text.str.normalize("NFC").str.to_lowercase().str.replace_all(r"\s+", "")
