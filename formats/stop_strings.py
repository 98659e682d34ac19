"""The caller's stop strings: which of them an upstream takes, and how those are found that the gateway looks for itself.

Theory of operation. Either the upstream stops at all of them or the gateway does: were they shared, which one the reply ran
into could not be told. The gateway's search is one automaton for all strings (Aho and Corasick, 1975): one step a
character, whatever the strings and however the text is cut into pieces. Characters that begin no string are skipped by a
regular expression, which is most of a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_MOST: Mapping[str, int | None] = {"max4": 4, "max5": 5, "max16": 16, "unlimited": None, "none": 0}
"""The quirk `stop`: how many the upstream takes."""

LONGEST = 16_384
"""Characters of stop strings that the gateway looks for in one reply: beyond what anyone needs, bounded for its memory."""


class Placed(NamedTuple):
    """Stop strings by who stops at them. `lost`: why some of them nobody does; None when there are none."""

    upstream: tuple[str, ...] = ()
    gateway: tuple[str, ...] = ()
    lost: str | None = None


_NONE = Placed()


def place_stops(stops: Sequence[str] | None, quirk: str, *, takes_blank: bool = True) -> Placed:
    """Who stops at `stops`, by the quirk `stop`. `takes_blank`: the upstream takes strings of white space."""
    if not stops:
        return _NONE
    most = _MOST[quirk]
    if (most is None or len(stops) <= most) and (takes_blank or all(stop.strip() for stop in stops)):
        return Placed(upstream=tuple(stops))
    found: list[str] = []
    left, lost = LONGEST, None
    for stop in dict.fromkeys(stops):
        if not stop:
            lost = lost or "an empty stop string stops nothing"
        elif len(stop) > left:
            lost = f"stop strings of more than {LONGEST} characters in all are not looked for"
        else:
            left -= len(stop)
            found.append(stop)
    return Placed(gateway=tuple(found), lost=lost)


class Automaton:
    """All strings as one trie, made once for a reply; `Search` walks it. `strings`: none of them empty.

    Nodes are numbers, 0 is the root. `ending[n]`: length of the longest string that the text at node `n` ends with, or 0.
    `living[n]`: length of the longest end of that text which more text can still make a string. `find_first`: a search for
    the characters that begin a string.
    """

    __slots__ = ("ending", "fail", "find_first", "living", "next")

    def __init__(self, strings: Sequence[str]) -> None:
        self.next: list[dict[str, int]] = [{}]
        self.fail, self.ending, self.living = [0], [0], [0]
        for string in strings:
            self._add(string)
        self._link()
        self.find_first = re.compile("[" + "".join(map(re.escape, self.next[0])) + "]").search

    def _add(self, string: str) -> None:
        node = 0
        for character in string:
            following = self.next[node].get(character)
            if following is None:
                following = self.next[node][character] = len(self.next)
                self.next.append({})
                self.fail.append(0)
                self.ending.append(0)
                self.living.append(self.living[node] + 1)  # its depth, until `_link`
            node = following
        self.ending[node] = len(string)

    def _link(self) -> None:
        """Breadth first: a node's links go to nodes nearer to the root."""
        queue = list(self.next[0].values())
        for node in queue:
            for character, child in self.next[node].items():
                self.fail[child] = self.step(self.fail[node], character)
                queue.append(child)
            shorter = self.fail[node]
            self.ending[node] = self.ending[node] or self.ending[shorter]
            if not self.next[node]:
                self.living[node] = self.living[shorter]

    def step(self, node: int, character: str) -> int:
        """The node after one more character."""
        following = self.next[node].get(character)
        while following is None and node:
            node = self.fail[node]
            following = self.next[node].get(character)
        return following or 0


class Search:
    """One text, piece by piece. Positions are in characters from its beginning.

    What is found is the string that begins first; of several that begin at one place, the longest: otherwise one that
    begins with another of the caller's strings could never be told. So a string that may go on as a longer one is found
    only when it does not, or when the text ends.

    `read`: characters so far. `match`: start and end of the best string so far. `final`: nothing can be better any more.
    """

    __slots__ = ("_automaton", "_node", "final", "match", "read")

    def __init__(self, automaton: Automaton) -> None:
        self._automaton = automaton
        self._node = 0
        self.read = 0
        self.match: tuple[int, int] | None = None
        self.final = False

    @property
    def settled(self) -> int:
        """The text before this position is no part of a string, now or later."""
        living = self.read - self._automaton.living[self._node]
        return living if self.match is None else min(living, self.match[0])

    def passes(self, text: str) -> bool:
        """The next piece, if it is one that begins nothing and goes on with nothing; else False, and it is still to feed."""
        if self._node or self.match is not None or self._automaton.find_first(text) is not None:
            return False
        self.read += len(text)
        return True

    def feed(self, text: str) -> None:
        """The next piece. What follows a final match is not looked at."""
        automaton, node, at, length = self._automaton, self._node, 0, len(text)
        step, ending, living = automaton.step, automaton.ending, automaton.living
        before = self.read
        while at < length and not self.final:
            if not node and self.match is None:
                found = automaton.find_first(text, at)
                if found is None:
                    at = length
                    break
                at = found.start()
            node = step(node, text[at])
            at += 1
            position = before + at
            if ends := ending[node]:
                start = position - ends
                if self.match is None or start <= self.match[0]:
                    self.match = (start, position)
            if self.match is not None and position - living[node] > self.match[0]:
                self.final = True
        self._node, self.read = node, before + at
