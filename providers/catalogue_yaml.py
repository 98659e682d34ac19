"""YAML text as values that know their line and path, so that every complaint can name both.

The text is composed into PyYAML's node graph and never constructed: a price is read from the characters of its scalar
and goes through no binary float, no tag can make an object, duplicate keys are seen, and size, depth and what aliases
expand to are bounded.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches

import yaml

from hyperinfer.providers.catalogue_records import Problem

MAX_CHARACTERS = 4_000_000
"""Longest text that is read."""
MAX_DEPTH = 32
"""Deepest nesting; the format itself needs seven levels."""
MAX_VALUES = 200_000
"""Most values looked at, counting those behind an alias each time they are used."""

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"(?:0|[1-9][0-9_]{0,24})\Z")
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9_]{0,24})\Z")
_DECIMAL = re.compile(r"-?[0-9][0-9_]{0,24}(?:\.[0-9]{0,40})?(?:[eE][+-]?[0-9]{1,2})?\Z")


class TooLarge(Exception):
    """The document expands to more than MAX_VALUES values or nests deeper than MAX_DEPTH."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


@dataclass(slots=True)
class Report:
    """Collects what is wrong while the rest goes on being read."""

    source_name: str
    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[Problem] = field(default_factory=list[Problem])
    values: int = 0

    def error(self, line: int, path: str, message: str) -> None:
        self.problems.append(Problem(self.source_name, line, path, message))

    def warn(self, line: int, path: str, message: str) -> None:
        self.warnings.append(Problem(self.source_name, line, path, message))


class Value:
    """One value of the document. Each reader method reports what it cannot read and returns None (or an empty
    collection), so that one mistake does not hide the next."""

    __slots__ = ("_depth", "_line", "_node", "_report", "path")

    def __init__(self, node: yaml.Node, path: str, report: Report, depth: int = 0, line: int | None = None) -> None:
        """`line`: where it starts, if not where its node says."""
        self._node = node
        self._line = int(node.start_mark.line) + 1 if line is None else line
        self._report = report
        self._depth = depth
        self.path = path
        report.values += 1
        # The text is checked before this; a value inside itself (`&a [*a]`) shows only here.
        if depth > MAX_DEPTH:
            raise TooLarge(self.line, f"nested deeper than {MAX_DEPTH} levels")
        if report.values > MAX_VALUES:
            raise TooLarge(self.line, f"more than {MAX_VALUES} values, counting those behind aliases")

    @property
    def line(self) -> int:
        """The line it starts on, from 1."""
        return self._line

    def error(self, message: str) -> None:
        self._report.error(self.line, self.path, message)

    def warn(self, message: str) -> None:
        self._report.warn(self.line, self.path, message)

    def expected(self, what: str) -> None:
        self.error(f"expected {what}, got {self._kind()}")

    def is_null(self) -> bool:
        return isinstance(self._node, yaml.ScalarNode) and self._node.tag == _TAG + "null"

    def is_empty(self) -> bool:
        """Nothing at all, or a list or mapping without entries."""
        return self.is_null() or (isinstance(self._node, yaml.CollectionNode) and not self._node.value)

    def entries(self) -> dict[str, "Value"]:
        """The entries of a mapping with free keys; an empty section (`tools:`) has none."""
        if self.is_null():
            return {}
        if not isinstance(self._node, yaml.MappingNode) or self._node.tag != _TAG + "map":
            self.expected("a mapping")
            return {}
        entries: dict[str, Value] = {}
        for key_node, value_node in self._pairs(self._node):
            key = Value(key_node, self.path, self._report, self._depth + 1)
            if not isinstance(key_node, yaml.ScalarNode) or key.is_null():
                key.error("a key must be text")
                continue
            name = str(key_node.value)
            path = f"{self.path}.{name}" if self.path else name
            if name == "<<" and not key_node.style:
                self._report.error(key.line, path, "merge keys are not supported; write the entries out")
            elif name in entries:
                self._report.error(key.line, path, f"duplicate key; first given on line {entries[name].line}")
            else:
                # A value that is not there starts where the next thing does, by one of the two parsers.
                absent = isinstance(value_node, yaml.ScalarNode) and not value_node.value and not value_node.style
                line = key.line if absent else None
                entries[name] = Value(value_node, path, self._report, self._depth + 1, line)
        return entries

    def fields(self, known: Sequence[str]) -> dict[str, "Value"]:
        """The entries of a mapping whose keys are `known`; others are reported."""
        entries = self.entries()
        for name in [name for name in entries if name not in known]:
            entries.pop(name).error(f"unknown key; one of {', '.join(known)}{did_you_mean(name, known)}")
        return entries

    def items(self) -> list["Value"]:
        """The items of a list; an empty section has none."""
        if self.is_null():
            return []
        if not isinstance(self._node, yaml.SequenceNode) or self._node.tag != _TAG + "seq":
            self.expected("a list")
            return []
        nodes: list[yaml.Node] = self._node.value
        inner = self._depth + 1
        return [Value(node, f"{self.path}[{index}]", self._report, inner) for index, node in enumerate(nodes)]

    def text(self, tags: Iterable[str] = ("str",)) -> str | None:
        """Text, as written. Plain scalars that YAML takes for something else (`no`, `1.0`) need quotes."""
        if not isinstance(self._node, yaml.ScalarNode) or self._node.tag not in [_TAG + tag for tag in tags]:
            plain = isinstance(self._node, yaml.ScalarNode) and not self.is_null()
            self.error(f"expected text, got {self._kind()}{'; put it in quotes' if plain else ''}")
            return None
        return str(self._node.value)

    def integer(self, least: int, most: int) -> int | None:
        """A whole number within bounds."""
        text = self._plain()
        if text is None or not _INTEGER.match(text):
            self.expected(f"a whole number from {least} to {most}")
            return None
        number = int(text.replace("_", ""))
        if not least <= number <= most:
            self.error(f"expected a whole number from {least} to {most}, got {number}")
            return None
        return number

    def decimal(self) -> Decimal | None:
        """A number, exactly as written; never through a float."""
        text = self._plain()
        if text is None or not _DECIMAL.match(text):
            self.expected("a number")
            return None
        return Decimal(text.replace("_", ""))

    def flag(self) -> bool | None:
        """`true` or `false`."""
        text = self._plain()
        if text not in ("true", "false"):
            self.expected("true or false")
            return None
        return text == "true"

    def choice(self, what: str, allowed: Sequence[str]) -> str | None:
        """One of a closed set of words."""
        # YAML 1.1 reads a plain `no` or `none`-like word as something else: a choice is compared by its characters.
        text = str(self._node.value) if isinstance(self._node, yaml.ScalarNode) else None
        if text is None:
            self.expected(f"one of {', '.join(allowed)}")
        elif text not in allowed:
            self.error(f"unknown {what} {text[:80]!r}; one of {', '.join(allowed)}{did_you_mean(text, allowed)}")
        else:
            return text
        return None

    def data(self, fill: Callable[["Value"], str | None]) -> object:
        """The value as mappings, lists, text, whole numbers, floats, true, false and None, for somebody else to interpret.
        `fill`: reads its texts."""
        if isinstance(self._node, yaml.MappingNode):
            return {name: value.data(fill) for name, value in self.entries().items()}
        if isinstance(self._node, yaml.SequenceNode):
            return [value.data(fill) for value in self.items()]
        if self.is_null():
            return None
        if self._node.tag == _TAG + "str":
            return fill(self)
        text = str(self._node.value)
        for pattern, make in ((_WHOLE, int), (_DECIMAL, float)):
            if pattern.match(text):
                return make(text.replace("_", ""))
        if text in ("true", "false"):
            return text == "true"
        self.error("expected text, a number, true or false; put it in quotes if it is text")
        return None

    @property
    def source_name(self) -> str:
        """Of the document."""
        return self._report.source_name

    @property
    def mistakes(self) -> int:
        """How many were found in the document so far."""
        return len(self._report.problems)

    def _plain(self) -> str | None:
        if isinstance(self._node, yaml.ScalarNode) and not self._node.style:
            return str(self._node.value)
        return None

    def _pairs(self, node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
        return list(node.value)

    def _kind(self) -> str:
        if isinstance(self._node, yaml.MappingNode):
            return "a mapping"
        if isinstance(self._node, yaml.SequenceNode):
            return "a list"
        if self.is_null():
            return "nothing"
        names = {"int": "a number", "float": "a number", "bool": "true or false", "timestamp": "a date", "str": "text"}
        kind = names.get(self._node.tag.removeprefix(_TAG))
        return kind or "an unknown tag"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing when no known word is near."""
    near = get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def read_document(text: str, report: Report, read: Callable[[Value], None]) -> None:
    """Compose `text` and hand its root to `read`. Syntax errors and bounds are reported, never raised; the characters
    of the document are not quoted, since they may be a key."""
    try:
        # A text of nothing but comments has no root: it is an empty mapping.
        root = _compose(text) or _compose("{}")
        if root is not None:
            read(Value(root, "", report))
    except TooLarge as large:
        report.error(large.line, "", str(large))
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        what = " ".join(part for part in (fault.context, fault.problem) if part)
        report.error(mark.line + 1 if mark else 1, "", f"not YAML: {what}")
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        report.error(line, "", "not YAML: a character that is not allowed")


def _compose(text: str) -> yaml.Node | None:
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(1, f"longer than {MAX_CHARACTERS} characters")
    if yaml.__with_libyaml__:
        # A tenth of the time. What it refuses goes to the parser in Python, whose words for mistakes are the better ones.
        with suppress(yaml.YAMLError, UnicodeEncodeError):
            return _composed_by(yaml.CSafeLoader, text)
    return _composed_by(yaml.SafeLoader, text)


def _composed_by(loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader], text: str) -> yaml.Node | None:
    depth = 0
    # Composing recurses, reading events does not: so the depth is known before anything recurses.
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise TooLarge(
                    event.start_mark.line + 1 if event.start_mark else 1, f"nested deeper than {MAX_DEPTH} levels"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    root: yaml.Node | None = yaml.compose(text, Loader=loader)
    return root
