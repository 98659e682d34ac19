"""A JSON value that fits a JSON schema: arguments for a tool, and structured answers, of the demo models."""

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote

STEPS: Final = 5_000
"""How many schemas are looked at for one value: alternatives that all fail would multiply for ever."""

_FORMATS: Final = {
    "date-time": "2026-01-01T12:00:00Z",
    "date": "2026-01-01",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class Unsatisfiable(Exception):
    """No value was found that fits the schema."""


def instance(schema: object, text: str) -> Any:
    """A small value that fits `schema`, with `text` in its free strings.

    Objects get their required properties, or the first one where none is required. Of alternatives the first is taken
    that is not null and comes to an end. `pattern`, `not` and `if` are not read. Raises `Unsatisfiable`.
    """
    try:
        return _Maker(schema, text).value(schema, frozenset({"#"}), 0)
    except (AttributeError, TypeError, ValueError, ArithmeticError):
        raise Unsatisfiable("the schema is not a JSON schema") from None


class _Maker:
    """Walks one schema. `within` holds the references that are being followed: the smallest value of a recursive
    schema never needs one inside itself."""

    def __init__(self, root: object, text: str) -> None:
        self._root = root
        self._text = text
        self._steps = 0

    def value(self, schema: object, within: frozenset[str], nth: int) -> Any:
        """The `nth` of several values, all different where the schema allows it."""
        self._steps += 1
        if schema is False:
            raise Unsatisfiable("the schema allows no value")
        if not isinstance(schema, dict) or not schema:
            return self._free(nth)
        rules, within = self._resolved(schema, within)
        if "const" in rules:
            return rules["const"]
        if choices := rules.get("enum"):
            return choices[nth % len(choices)]
        for key in ("anyOf", "oneOf"):
            if key in rules:
                return self._first(_alternatives(rules, key), within, nth)
        kind = rules.get("type", _implied(rules))
        if isinstance(kind, list):
            return self._first(({**rules, "type": each} for each in sorted(kind, key="null".__eq__)), within, nth)
        match kind:
            case "object":
                return self._object(rules, within)
            case "array":
                return self._array(rules, within)
            case "integer":
                return int(_number(rules, nth, whole=True))
            case "number":
                return _number(rules, nth, whole=False)
            case "boolean":
                return not nth % 2
            case "null":
                return None
            case _:
                return self._string(rules, nth)

    def _resolved(self, schema: dict[str, Any], within: frozenset[str]) -> tuple[dict[str, Any], frozenset[str]]:
        """`schema` with its reference and its `allOf` folded in, and the references that this took."""
        if self._steps > STEPS:
            raise Unsatisfiable("the schema has too many alternatives")
        rules = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        others: list[Any] = [*schema.get("allOf", ())]
        if reference := schema.get("$ref"):
            if reference in within:
                raise Unsatisfiable("the schema never comes to an end")
            within |= {reference}
            others.append(self._target(reference))
        for other in others:
            self._steps += 1
            if other is False:
                raise Unsatisfiable("the schema allows no value")
            if isinstance(other, dict):
                more, within = self._resolved(other, within)
                rules = _both(more, rules)
        return rules, within

    def _target(self, reference: str) -> Any:
        found: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(name)] if isinstance(found, list) else found[name]
            except LookupError:
                raise Unsatisfiable(f"the schema refers to {reference}, which is not there") from None
        return found

    def _first(self, alternatives: Iterable[dict[str, Any]], within: frozenset[str], nth: int) -> Any:
        problem = Unsatisfiable("the schema has no alternatives")
        for rules in alternatives:
            try:
                return self.value(rules, within, nth)
            except Unsatisfiable as error:
                problem = error
        raise problem

    def _object(self, rules: dict[str, Any], within: frozenset[str]) -> dict[str, Any]:
        properties: dict[str, Any] = rules.get("properties", {})
        required: list[str] = rules.get("required", [])
        made = {name: self.value(properties.get(name, {}), within, 0) for name in required}
        least = rules.get("minProperties", 0)
        for name in properties:
            if len(made) >= max(least, 1):
                break
            if name not in made:
                with suppress(Unsatisfiable):
                    made[name] = self.value(properties[name], within, 0)
        others = rules.get("additionalProperties", True)
        for nth in range(least - len(made)):
            made[f"{self._text} {nth + 1}"] = self.value(others, within, nth)
        return made

    def _array(self, rules: dict[str, Any], within: frozenset[str]) -> list[Any]:
        first: list[Any] = rules.get("prefixItems", [])
        least = rules.get("minItems", 0)
        most = rules.get("maxItems", math.inf)
        made: list[Any] = []
        while len(made) < least or (len(made) < max(len(first), 1) and len(made) < most):
            nth = len(made)
            item = first[nth] if nth < len(first) else rules.get("items", True)
            try:
                made.append(self.value(item, within, nth if rules.get("uniqueItems") else 0))
            except Unsatisfiable:
                if nth < least:
                    raise
                break
        return made

    def _free(self, nth: int) -> str:
        return f"{nth + 1} {self._text}" if nth else self._text

    def _string(self, rules: dict[str, Any], nth: int) -> str:
        if rules.get("format") in _FORMATS:
            return _FORMATS[rules["format"]]
        text = self._free(nth)
        least = rules.get("minLength", 0)
        return text.ljust(least, ".")[: max(least, rules.get("maxLength", len(text)))]


def _implied(rules: dict[str, Any]) -> str:
    if "properties" in rules or "required" in rules or "additionalProperties" in rules:
        return "object"
    return "array" if "items" in rules or "prefixItems" in rules else "string"


def _alternatives(rules: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Each alternative together with the rules around it, those for null last."""
    around = {name: value for name, value in rules.items() if name != key}
    options = [option if isinstance(option, dict) else {} for option in rules[key] if option is not False]
    for option in sorted(options, key=lambda option: option.get("type") == "null"):
        yield _both(option, around)


def _both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two sets of rules as one. Where both speak of the same thing, the second is heard."""
    joined = {**first, **second}
    if "properties" in first and "properties" in second:
        joined["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        joined["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    if "allOf" in first and "allOf" in second:
        joined["allOf"] = [*first["allOf"], *second["allOf"]]
    return joined


def _number(rules: dict[str, Any], nth: int, *, whole: bool) -> int | float:
    """1, or the smallest multiple within the bounds, and then the `nth` after it."""
    step = rules.get("multipleOf") or 1
    low = _bound(rules, "minimum", "exclusiveMinimum", -math.inf)
    high = _bound(rules, "maximum", "exclusiveMaximum", math.inf)
    number: int | float
    if low <= 1 <= high and step == 1:
        number = 1
    else:
        base = max(low, 1 if high >= 1 else -math.inf)
        number = math.ceil(base / step) * step if base > -math.inf else math.floor(high / step) * step
    if rules.get("exclusiveMinimum") == number:
        number += step
    if rules.get("exclusiveMaximum") == number:
        number -= step
    if not low <= number <= high or (whole and number != int(number)):
        return _between(low, high, whole=whole)
    return number + nth * step if number + nth * step <= high else number


def _bound(rules: dict[str, Any], closed: str, opened: str, none: float) -> float:
    values = [rules[key] for key in (closed, opened) if isinstance(rules.get(key), int | float)]
    values = [value for value in values if not isinstance(value, bool)]
    if not values:
        return none
    return max(values) if closed == "minimum" else min(values)


def _between(low: float, high: float, *, whole: bool) -> int | float:
    """Somewhere inside narrow bounds, where no whole number lies."""
    if whole or not low < high:
        raise Unsatisfiable(f"no number lies between {low} and {high}")
    return low + (high - low) / 2
