"""The section `pipeline` of `providers.yaml`: nodes of the operator's own, as data. Their code is loaded, and their places
are known, where pipelines are put together."""

from collections.abc import Mapping
from typing import Final, Literal

from hyperinfer.providers import catalogue_values as values
from hyperinfer.providers.catalogue_records import CustomNode
from hyperinfer.providers.catalogue_yaml import Value

PIPELINE_KEYS: Final = ("node", "name", "before", "after", "buffer", "deadline", "options")

MOST_BUFFER: Final = 16
"""As many items as an edge of a graph holds at most (`engine.MAX_CAPACITY`)."""


def read_pipeline(section: Value, environ: Mapping[str, str]) -> tuple[CustomNode, ...]:
    """Every item that says where its node is, also one that is otherwise wrong. What is wrong is in the section's report."""
    items = [_read_item(item, environ) for item in section.items()]
    return tuple([item for item in items if item is not None])


def _read_item(item: Value, environ: Mapping[str, str]) -> CustomNode | None:
    mistakes = item.mistakes
    given = item.fields(PIPELINE_KEYS)
    if not given and not item.is_empty():
        return None  # it is no mapping, or has unknown keys alone
    lines = {key: value.line for key, value in given.items()}
    node = given["node"].text() if "node" in given else None
    if "node" not in given:
        item.error("missing node: module:attribute, or the name of an entry point")
    name = given["name"].text() if "name" in given else ""
    side, neighbour = _place(item, given)
    buffer = given["buffer"].integer(0, MOST_BUFFER) if "buffer" in given else 0
    deadline = values.seconds(given["deadline"]) if "deadline" in given else None
    options: dict[str, object] = {}
    secrets: list[str] = []
    for key, value in given["options"].entries().items() if "options" in given else ():
        lines[f"options.{key}"] = value.line
        options[key] = value.data(lambda text: _filled(text, environ, secrets))
    if not node:
        return None
    return CustomNode(
        node=node,
        name=name or "",
        side=side,
        neighbour=neighbour,
        buffer=buffer or 0,
        deadline=deadline,
        options=options,
        secrets=tuple(secrets),
        complete=item.mistakes == mistakes,
        source_name=item.source_name,
        path=item.path,
        line=item.line,
        lines=lines,
    )


def _place(item: Value, given: Mapping[str, Value]) -> tuple[Literal["before", "after", ""], str]:
    """Empty after a complaint."""
    if "before" in given and "after" in given:
        given["after"].error("give before or after, not both")
        return "", ""
    for side in ("before", "after"):
        if side in given:
            return side, given[side].text() or ""
    item.error("missing before or after: the node that it stands before or after")
    return "", ""


def _filled(value: Value, environ: Mapping[str, str], secrets: list[str]) -> str | None:
    """Text with its variables. What is unset is a mistake: a node that goes without would not do what it is there for."""
    found = values.filled(value, environ)
    if found is None:
        return None
    if found.unset:
        value.error(f"{' and '.join(found.unset)} not set")
        return None
    if found.text and found.text != value.text():
        secrets.append(found.text)
    return found.text
