"""A JSON value that fits a JSON schema: arguments for a tool, and structured answers, of the demo models."""

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, TypeGuard
from urllib.parse import unquote

STEPS: Final = 5_000
"""How many schemas are looked at for one value, and how long a string is made at most: alternatives that all fail would
multiply for ever."""

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


Rules = dict[str, Any]
"""A schema that is an object."""


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
        self._step()
        if schema is False:
            raise Unsatisfiable("the schema allows no value")
        if not _is_rules(schema):
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
            return self._first(_each_type(rules), within, nth)
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

    def _resolved(self, schema: Rules, within: frozenset[str]) -> tuple[Rules, frozenset[str]]:
        """`schema` with its reference and its `allOf` folded in, and the references that this took."""
        self._step()
        rules = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        others: list[Any] = [*schema.get("allOf", ())]
        if reference := schema.get("$ref"):
            if reference in within:
                raise Unsatisfiable("the schema never comes to an end")
            within |= {reference}
            others.append(self._target(reference))
        for other in others:
            if other is False:
                raise Unsatisfiable("the schema allows no value")
            if _is_rules(other):
                more, within = self._resolved(other, within)
                rules = _both(more, rules)
        return rules, within

    def _step(self) -> None:
        self._steps += 1
        if self._steps > STEPS:
            raise Unsatisfiable("the schema has too many alternatives, or asks for too much")

    def _target(self, reference: str) -> Any:
        found: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(name) if isinstance(found, list) else name]
            except LookupError:
                raise Unsatisfiable(f"the schema refers to {reference}, which is not there") from None
        return found

    def _first(self, alternatives: Iterable[Rules], within: frozenset[str], nth: int) -> Any:
        problem = Unsatisfiable("the schema has no alternatives")
        for rules in alternatives:
            try:
                return self.value(rules, within, nth)
            except Unsatisfiable as error:
                problem = error
        raise problem

    def _object(self, rules: Rules, within: frozenset[str]) -> Rules:
        properties: Rules = rules.get("properties", {})
        required: list[str] = rules.get("required", [])
        made = {str(name): self.value(properties.get(name, {}), within, 0) for name in required}
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

    def _array(self, rules: Rules, within: frozenset[str]) -> list[Any]:
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

    def _string(self, rules: Rules, nth: int) -> str:
        if rules.get("format") in _FORMATS:
            return _FORMATS[rules["format"]]
        text = self._free(nth)
        least = rules.get("minLength", 0)
        if least > STEPS:
            raise Unsatisfiable(f"{least} characters are too many")
        return text.ljust(least, ".")[: max(least, rules.get("maxLength", len(text)))]


def _implied(rules: Rules) -> str:
    if "properties" in rules or "required" in rules or "additionalProperties" in rules:
        return "object"
    return "array" if "items" in rules or "prefixItems" in rules else "string"


def _is_rules(schema: object) -> TypeGuard[Rules]:
    return isinstance(schema, dict) and schema != {}


def _each_type(rules: Rules) -> list[Rules]:
    """The rules once for every type that they list, null last."""
    kinds: list[str] = sorted(rules["type"], key="null".__eq__)
    return [{**rules, "type": kind} for kind in kinds]


def _alternatives(rules: Rules, key: str) -> list[Rules]:
    """Each alternative together with the rules around it, null last."""
    around = {name: value for name, value in rules.items() if name != key}
    options: list[Any] = [option for option in rules[key] if option is not False]
    alternatives = [_both(option, around) if _is_rules(option) else around for option in options]
    return sorted(alternatives, key=lambda option: option.get("type") == "null")


def _both(first: Rules, second: Rules) -> Rules:
    """Two sets of rules as one. Where both speak of the same thing, the second is heard."""
    joined = {**first, **second}
    if "properties" in first and "properties" in second:
        joined["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        joined["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    if "allOf" in first and "allOf" in second:
        joined["allOf"] = [*first["allOf"], *second["allOf"]]
    return joined


def _number(rules: Rules, nth: int, *, whole: bool) -> int | float:
    """The `nth` fitting number from 1 upwards, then downwards."""
    step: int | float = rules.get("multipleOf", 1)
    low = _bound(rules, "minimum", "exclusiveMinimum", -math.inf)
    high = _bound(rules, "maximum", "exclusiveMaximum", math.inf)
    open_ends = (rules.get("exclusiveMinimum"), rules.get("exclusiveMaximum"))
    up = math.ceil(max(low, 1) / step) * step
    down = math.floor(min(high, up - step) / step) * step
    tried = [up + n * step for n in range(nth + 12)] + [down - n * step for n in range(nth + 12)]
    fitting = [
        number
        for number in tried
        if low <= number <= high
        and abs(number) < 1 << 63  # what every JSON library can write
        and number not in open_ends
        and not (whole and number != int(number))
    ]
    if fitting:
        return fitting[min(nth, len(fitting) - 1)]
    if whole or "multipleOf" in rules or not low < high:
        raise Unsatisfiable(f"no number lies between {low} and {high}")
    return low + (high - low) / 2


def _bound(rules: Rules, closed: str, opened: str, none: float) -> float:
    given = (rules.get(key) for key in (closed, opened))
    # Draft 4 has true and false in the open bounds.
    values: list[float] = [bound for bound in given if isinstance(bound, int | float) and not isinstance(bound, bool)]
    if not values:
        return none
    return max(values) if closed == "minimum" else min(values)
