"""The pytest plugin: fixtures for the scripted and the recorded upstream. Every pytest run where this package is installed
loads it, so it loads nothing itself.

    @pytest.mark.scripted_upstream("Hello", HttpError(429, retry_after=1))
    def test_it(scripted_upstream):
        client = OpenAI(base_url=scripted_upstream.openai_url, api_key="test")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from hyperinfer.testing.recorded import RecordedUpstream
    from hyperinfer.testing.scripted import ScriptedUpstream
    from hyperinfer.testing.upstream import Upstream

SomeUpstream = TypeVar("SomeUpstream", bound="Upstream")

_MARKERS = (
    "scripted_upstream(*script, **options): what the fixture plays, as of `hyperinfer.testing.ScriptedUpstream`",
    "recorded_upstream(*files, **options): what the fixture plays; paths are relative to the file of the test",
)


def pytest_configure(config: pytest.Config) -> None:
    """Makes the markers known, for `--strict-markers`."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture
def scripted_upstream(request: pytest.FixtureRequest) -> Iterator[ScriptedUpstream]:
    """A `hyperinfer.testing.ScriptedUpstream` with the script of the nearest marker of this name; empty without one. The
    test fails where it is asked for more or for less."""
    from hyperinfer.testing.scripted import ScriptedUpstream

    script, options = _marked(request, "scripted_upstream")
    yield from _checked(ScriptedUpstream(*script, **options))


@pytest.fixture
def recorded_upstream(request: pytest.FixtureRequest) -> Iterator[RecordedUpstream]:
    """A `hyperinfer.testing.RecordedUpstream` of the files of the nearest marker of this name, whose paths are relative to
    the test's file. The test fails where it is asked for more or for less."""
    from hyperinfer.testing.recorded import RecordedUpstream

    files, options = _marked(request, "recorded_upstream")
    if not files:
        raise pytest.UsageError("recorded_upstream wants a file: @pytest.mark.recorded_upstream('a.jsonl')")
    yield from _checked(RecordedUpstream(*(request.path.parent / file for file in files), **options))


def _marked(request: pytest.FixtureRequest, name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    marker = request.node.get_closest_marker(name)
    return (marker.args, marker.kwargs) if marker else ((), {})


def _checked(upstream: SomeUpstream) -> Iterator[SomeUpstream]:
    try:
        yield upstream
    finally:
        upstream.close()
    upstream.check()
