"""Rules that replace signs, compiled as sentencepiece compiles them, which tokenizers' `Precompiled` reads.

The compiled form is a length, a double array and the replacements, each ended by a zero byte. The array is
a trie over the bytes of the signs, in the units of Darts-clone (github.com/s-yata/darts-clone): 32 bits that
hold the last byte (0 to 7), whether a sign ends here (8), and how far the children lie (10 to 30, by
exclusive or); a unit with bit 31 holds the place of a replacement.
"""

import struct
from collections.abc import Mapping
from typing import Any

_ENDS, _VALUE = 1 << 8, 1 << 31
_Node = dict[int, Any]  # byte -> node; 0 -> place of the replacement


def compile_rules(rules: Mapping[str, str]) -> bytes:
    """The compiled form.

    Args:
        rules: Sign -> what stands in its place; neither holds a zero byte.
    """
    texts = sorted(set(rules.values()))
    places, replacements = dict[str, int](), b""
    for text in texts:
        places[text] = len(replacements)
        replacements += text.encode() + b"\0"
    root: _Node = {}
    for sign, text in rules.items():
        node = root
        for byte in sign.encode():
            node = node.setdefault(byte, {})
        node[0] = places[text]
    units = _Array(root).units
    return struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + replacements


class _Array:
    """The double array of a trie; unit 0 is the root."""

    def __init__(self, root: _Node) -> None:
        self.units, self._taken, self._bases, self._next = [0], {0}, set[int](), 1
        waiting = [(0, root)]
        while waiting:
            place, node = waiting.pop()
            waiting += self._add(place, node)
        # Any byte may be asked for at any base, so the array ends with a whole block of 256.
        self._extend(max(self._taken | self._bases) | 255)

    def _add(self, place: int, node: _Node) -> list[tuple[int, _Node]]:
        """Give the children of a node their places, and return those that have children themselves."""
        base = self._free_base(sorted(node))
        self._bases.add(base)
        self._extend(max(base ^ byte for byte in node))
        self.units[place] |= (base ^ place) << 10 | (_ENDS if 0 in node else 0)
        for byte, child in node.items():
            self._taken.add(base ^ byte)
            self.units[base ^ byte] = _VALUE | child if byte == 0 else byte
        return [(base ^ byte, child) for byte, child in node.items() if byte]

    def _free_base(self, wanted: list[int]) -> int:
        """A base that no other node has and whose places for these bytes are free."""
        alone = len(wanted) == 1
        slot = self._next if alone else len(self.units)  # many children fit best behind all others
        while True:
            base = slot ^ wanted[0]
            slot += 1
            if base not in self._bases and not any(base ^ byte in self._taken for byte in wanted):
                self._next = slot if alone else self._next
                return base

    def _extend(self, last: int) -> None:
        self.units += [0] * (last + 1 - len(self.units))
