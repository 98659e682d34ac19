"""A head that was sent before is read as one that was not: requests one behind the other, whole or cut, alike or not."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.edge import EdgeSettings
from hyperinfer.api.edge.lean import parser as parsers
from hyperinfer.api.edge.lean.known_head import KnownHead
from hyperinfer.api.edge.lean.parser import RequestParser
from tests.api.edge.test_lean_requests import SPLINTERS, WIRES, outline

if TYPE_CHECKING:
    from hyperinfer.api.edge.exchange import HeadMemo
    from hyperinfer.api.edge.lean.request import Request

Pieces = list[bytes]


def outcome(pieces: Pieces) -> tuple[object, ...]:
    """All that a parser makes of these pieces, where its owner takes each request as soon as it is whole."""
    parser = RequestParser(EdgeSettings(), cleartext=True)
    seen: list[object] = []
    for piece in pieces:
        parser.feed(piece)
        seen.append([request.body.size for request in parser.requests])
        while parser.requests and parser.requests[0].body.complete:
            request = parser.requests.pop(0)
            seen.append((request.length, request.has_body, request.raw_path, request.body.size, *outline(request)))
    rest = [outline(request) for request in parser.requests]
    return (seen, rest, parser.in_head, parser.over, parser.refusal, parser.refused_path, parser.handover)


def head(chance: random.Random, length: bytes) -> bytes:
    """Of a few kinds, so that most are like the one before."""
    lines = [
        chance.choice([b"POST /a?b HTTP/1.1", b"POST /a?b HTTP/1.1", b"POST /c HTTP/1.0", b"GET / HTTP/1.1"]),
        b"host: h",
        chance.choice([b"Content-Length: ", b"Content-Length: ", b"content-length:  ", b"Content-Length:\t"]) + length,
        chance.choice([b"Authorization: Bearer x", b"authorization: Bearer y"]),
    ]
    odd = [b"content-length: 3", b"x: content-length: 4", b"transfer-encoding: chunked", b"connection: close"]
    odd += [b"connection: keep-alive", b"expect: 100-continue", b"upgrade: h2c\r\nconnection: upgrade", b"x: " + b"y" * 5000]
    if chance.random() < 0.15:
        lines.append(chance.choice(odd))
    if chance.random() < 0.2:
        lines[1:] = chance.sample(lines[1:], len(lines) - 1)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def sequence(chance: random.Random) -> Pieces:
    pieces: Pieces = []
    same = random.Random(chance.random())
    for _ in range(chance.randint(2, 8)):
        if chance.random() < 0.15:
            same = random.Random(chance.random())
        body = bytes(chance.choices(b"ab\r\n0 :", k=chance.choice([0, 1, 5, 9, 10, 100, 5000])))
        spelled = chance.choice([b"0%d", b"+%d", b"%d ", b" %d"]) if chance.random() < 0.05 else b"%d"
        length = spelled % len(body)
        state = same.getstate()
        wire = head(same, length) + body
        same.setstate(state)
        if chance.random() < 0.05:
            at = chance.randint(0, len(wire))
            wire = wire[:at] + chance.choice(SPLINTERS) + wire[at + chance.randint(0, 3) :]
        if chance.random() < 0.1:
            wire += chance.choice([b"\r\n", b"x", *WIRES.values()])
        if chance.random() < 0.15:
            cut = chance.randint(chance.choice([0, len(wire) - len(body)]), len(wire))
            pieces += (wire[:cut], wire[cut:])
        else:
            pieces.append(wire)
    return pieces


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_without_what_is_known(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    again, known = KnownHead.again, list[bool]()

    def counted(self: KnownHead, data: bytes) -> object:
        request = again(self, data)
        known.append(request is not None)
        return request

    monkeypatch.setattr(KnownHead, "again", counted)
    for _ in range(600):
        pieces = sequence(chance)
        found = outcome(pieces)
        with monkeypatch.context() as patch:
            patch.setattr(parsers, "MOST_UNLIKE", 0)
            assert outcome(pieces) == found, pieces
    assert known.count(True) > 200
    assert known.count(False) > 200


def test_requests_with_one_memo_have_one_head() -> None:
    """But for the value of its length: what was made of the head of one holds for the others."""
    chance, again = random.Random(5), 0
    for _ in range(400):
        parser = RequestParser(EdgeSettings(), cleartext=True)
        heads: dict[int, tuple[HeadMemo, object]] = {}
        for piece in sequence(chance):
            parser.feed(piece)
            while parser.requests and parser.requests[0].body.complete:
                request = parser.requests.pop(0)
                fields = [(name, b"" if name == b"content-length" else value) for name, value in request.headers]
                found = (request.method, request.target, request.version, fields)
                again += id(request.memo) in heads
                assert heads.setdefault(id(request.memo), (request.memo, found))[1] == found
    assert again > 100


def test_a_client_whose_heads_differ_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    of = KnownHead.of

    def counted(data: bytes, request: Request) -> KnownHead | None:
        made.append(data)
        return of(data, request)

    monkeypatch.setattr(KnownHead, "of", counted)
    parser = RequestParser(EdgeSettings(), cleartext=True)
    for number in range(50):
        parser.feed(b"POST / HTTP/1.1\r\nhost: h\r\nx-trace: %d\r\ncontent-length: 2\r\n\r\nab" % number)
        assert dict(parser.requests.pop(0).headers)[b"x-trace"] == b"%d" % number
    assert len(made) == parsers.MOST_UNLIKE
