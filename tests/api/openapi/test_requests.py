"""What the contract allows: the description that is served allows it too, and the codecs never stumble over it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from hyperinfer.api.data_plane import ROUTES as DATA_PLANE
from hyperinfer.api.openapi.document import document
from hyperinfer.formats import Format, RequestError
from tests.api.openapi.instances import instances

ROUTES = tuple(DATA_PLANE)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def body_schema(description: dict[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return found


@pytest.mark.parametrize("path", [*ROUTES, "/api/v1/playground-keys"])
def test_a_body_that_the_contract_allows_is_allowed(shared: Path, path: str) -> None:
    contract = body_schema(json.loads((shared / "contract" / "openapi.json").read_text()), path)
    served = document()
    theirs, ours = valid(contract), valid({**body_schema(served, path), "components": served["components"]})

    @SETTINGS
    @given(instances(contract))
    def check(body: Any) -> None:
        theirs(body)
        ours(body)

    check()


def valid(schema: dict[str, Any]) -> Callable[[object], None]:
    """Raises ValidationError for a value that the schema does not allow."""
    validator: Any = jsonschema.Draft202012Validator(schema)
    check: Callable[[object], None] = validator.validate
    return check


def refusal(format: Format, body: object) -> RequestError | None:
    try:
        format.decode_request(json.dumps(body).encode())
    except RequestError as error:
        return error
    return None


@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_the_contract_allows_is_read_or_refused_by_name(shared: Path, path: str) -> None:
    # What is refused means nothing: a result of no call, a file without content, a choice of no tool.
    format = DATA_PLANE[path]
    contract = body_schema(json.loads((shared / "contract" / "openapi.json").read_text()), path)

    @SETTINGS
    @given(instances(contract))
    def check(body: Any) -> None:
        refused = refusal(format, body)
        assert refused is None or refused.param

    check()
