"""What the worked examples print, looked at closely."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final

_REQUEST = {"custom_id": "a", "body": {"model": "demo/chat", "messages": [{"role": "user", "content": "Hello"}]}}
INPUTS: Final = {"batch": json.dumps(_REQUEST) + "\n"}
"""What is to be read, by those that read something."""

TESTS: Final = frozenset({"scripted"})
"""Those that are run by pytest."""

SERVERS: Final = frozenset({"websocket"})
"""Those that serve until they are stopped: `test_websocket.py`."""


def _frames(text: str) -> Iterator[str]:
    return iter(re.findall(r"^data: (.*)$", text, re.MULTILINE))


def _redact(output: str) -> None:
    sent, told = output.splitlines()
    assert sent == "The provider reads: Write to <personal-1> or call <personal-2>."
    assert told.startswith("The client reads: ")
    assert "You wrote: “Write to ann@example.org or call +49 30 1234567.”" in told


def _cache(output: str) -> None:
    lines = [re.fullmatch(r"([\d.]+) s, (\w+): (\d+) bytes of (\S+?)(?:;.*)?", line) for line in output.splitlines()]
    found = [line.groups() for line in lines if line]
    assert [(cache, kind) for _, cache, _, kind in found] == [
        ("miss", "application/json"),
        ("hit", "application/json"),
        ("hit", "text/event-stream"),
    ]
    assert found[0][2] == found[1][2]
    assert float(found[0][0]) > 0.2  # the model's own pause, at least


def _guardrail(output: str) -> None:
    *_, error, end = _frames(output)
    assert json.loads(error)["error"]["code"] == "content_filter"
    assert end == "[DONE]"
    assert "Nightingale" not in output


def _judge(output: str) -> None:
    *chunks, end = _frames(output)
    assert {json.loads(chunk)["model"] for chunk in chunks} == {"demo/messages"}
    assert end == "[DONE]"


def _panel(output: str) -> None:
    assert output.startswith("Hello! ")
    assert "speaking OpenAI Responses. You wrote: “Several assistants have answered." in output


def _hedge(output: str) -> None:
    answer, _, asked = output.partition("\nasked:")
    assert re.match(r"demo/\w+ answers after [\d.]+ s: Hello! .*“Be quick!”.* real answer\.", answer)
    assert re.search(r"demo-responses for \d+ ms", asked)


def _batch(output: str) -> None:
    (line,) = output.splitlines()
    answer = json.loads(line)
    assert (answer["custom_id"], answer["response"]["status_code"]) == ("a", 200)
    assert "“Hello”" in answer["response"]["body"]["choices"][0]["message"]["content"]


CHECKS: Final[dict[str, Callable[[str], None]]] = {
    "redact": _redact,
    "cache": _cache,
    "guardrail": _guardrail,
    "judge": _judge,
    "panel": _panel,
    "hedge": _hedge,
    "batch": _batch,
}
"""Each takes what its example has printed."""
