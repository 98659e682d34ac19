"""Faults of area unicode: characters that arrive in pieces."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.faults.kit import ALL, CHAT, MESSAGES, Case, Seen, fault, through
from tests.faults.reading import read
from tests.faults.test_stream_blocks import calls_from
from tests.faults.wire import chat_ending, chunk
from tests.support.upstreams import Script

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

TEXT = "你好世界 👩‍👩‍👧 é"
CALL = ("翻译", json.dumps({"城市": "北京🌏"}, ensure_ascii=False))


def _intact(seen: Seen) -> None:
    found = read(seen)
    assert found.text == TEXT
    assert found.calls == [(CALL[0], json.loads(CALL[1]))]
    assert "\ufffd" not in seen.body.decode()


def _replaced(client: Dialect) -> list[bytes]:
    """Characters at an edge became replacement characters, in the text or in the arguments."""
    call = (CALL[0], CALL[1].replace("京", "\ufffd\ufffd"))
    cut = TEXT.encode()[:-1].decode("utf-8", "ignore")
    broken = [calls_from(client, CALL, text=TEXT.replace("世", "\ufffd\ufffd\ufffd"))]
    return [
        *broken,
        calls_from(client, call, text=TEXT),
        calls_from(client, CALL, text=cut),
    ]


def _cut(upstream: Dialect, *, at_characters: bool) -> Script:
    said = calls_from(upstream, CALL, text=TEXT)
    if not at_characters:
        return Script([(0.0, bytes((byte,))) for byte in said])
    edges = [0, *(place for place, byte in enumerate(said) if byte & 0xC0 == 0x80), len(said)]
    return Script([(0.0, said[a:b]) for a, b in pairwise(edges)])


def _cases(*, at_characters: bool) -> list[Case[Seen]]:
    return [
        through(client, upstream, _cut(upstream, at_characters=at_characters), _intact, _replaced(client))
        for client in ALL
        for upstream in ALL
    ]


test_F160_a_character_at_the_edge_of_a_read_stays_whole = fault(*_cases(at_characters=True))

test_F161_text_and_arguments_survive_byte_by_byte = fault(*_cases(at_characters=False))


# F162: the upstream itself puts a character into two events.


def _one_delta(upstream: Dialect) -> tuple[bytes, bytes, bytes]:
    """A stream of the text "@": what comes before its delta, the delta, and what comes after."""
    if upstream == CHAT:
        return chunk({"role": "assistant", "content": ""}), chunk({"content": "@"}), chat_ending()
    whole = calls_from(upstream, text="@")
    start = whole.index(b"event: content_block_delta" if upstream == MESSAGES else b"event: response.output_text.delta")
    end = whole.index(b"\n\n", start) + 2
    return whole[:start], whole[start:end], whole[end:].replace(b"@", "a😀b".encode())


def _split(upstream: Dialect, *pieces: bytes) -> bytes:
    before, delta, after = _one_delta(upstream)
    return before + b"".join(delta.replace(b"@", piece) for piece in pieces) + after


_WAYS: dict[str, tuple[bytes, ...]] = {
    "halves of a pair": (b"a\\ud83d", b"\\ude00b"),
    "bytes": (b"a\xf0\x9f", b"\x98\x80b"),
    "each byte": (b"a", b"\xf0", b"\x9f", b"\x98", b"\x80", b"b"),
}


def _one_character(seen: Seen) -> None:
    assert read(seen).text == "a😀b"
    for line in seen.body.decode().splitlines():
        assert "\ufffd" not in line
        assert "\\ud83d" not in line.replace("\\ud83d\\ude00", ""), "half a character in an event"


def _broken_events(client: Dialect, *pieces: bytes) -> list[bytes]:
    """As it came, with replacement characters, and left out."""
    return [_split(client, *pieces), calls_from(client, text="a\ufffd\ufffdb"), calls_from(client, text="ab")]


test_F162_a_character_in_two_events_is_held_until_it_is_whole = fault(
    *[
        through(client, upstream, _split(upstream, *pieces), _one_character, _broken_events(client, *pieces), label=label)
        for client in ALL
        for upstream in ALL
        for label, pieces in _WAYS.items()
    ]
)
