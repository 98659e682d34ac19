"""What a client hears of a reply from an upstream of another format: the differences that are no loss, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperinfer.formats.ids import DistinctIds, anthropic_call_id, chat_call_id, responses_call_id
from hyperinfer.formats.restore import wrap_input
from tests.support.told import Piece, arguments, joined

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect, Loss
    from hyperinfer.formats.events import StopReason

_CALL_IDS = {
    "openai_chat": chat_call_id,
    "openai_responses": responses_call_id,
    "anthropic_messages": anthropic_call_id,
}
_STOPS: dict[Dialect, dict[StopReason, StopReason]] = {
    "openai_chat": {"context_window": "length", "pause": "stop"},
    "openai_responses": {"context_window": "length", "pause": "stop", "stop_sequence": "stop"},
    "anthropic_messages": {},
}
"""The ends that a format has no word for, and the word that it uses (wire facts 4.1)."""

_SEARCH = "web_search_call"
"""What Responses calls the one hosted tool of a walk."""


def as_heard(pieces: list[Piece], upstream: Dialect, client: Dialect, losses: list[Loss]) -> list[Piece]:
    """What is left of a reply, and in which words, towards a client.

    - Blocks of hosted tools go as a loss tells; Responses has forms of its own for some of them.
    - Messages has no refusals: they are text, and the reason to stop. Why a reply was refused stands there in
      `stop_details`, elsewhere as a refusal.
    - A custom tool that the client has not declared is a function of one string on Chat and Messages.
    - Ids of calls are made legal, and no two are the same.
    - Reasons to stop, by `_STOPS`.
    - Blocks of reasoning that nothing parts are one text, set apart by an empty line (`spaced`).
    """
    same = upstream == client
    lost = {loss.path.removeprefix("response.") for loss in losses}
    ids = DistinctIds(_CALL_IDS[client])
    out: list[Piece] = []
    for piece in pieces:
        match piece.kind:
            case "native":
                if same:
                    out.append(piece)
                elif client == "openai_responses":
                    out.append(Piece("native", "", (_SEARCH,)))
                else:
                    assert piece.what[0] in lost
            case "refusal" if client == "anthropic_messages":
                out.append(piece._replace(kind="text"))
            case "call":
                call_id, name, kind = piece.what
                text = piece.text
                if kind == "custom" and client != "openai_responses" and not same:
                    kind, text = "function", arguments(wrap_input(text), "function")
                out.append(Piece("call", text, (ids.give(call_id), name, kind)))
            case "end":
                refusals = [said for said in pieces if said.kind == "refusal"]
                why = "" if same and client == "openai_responses" else piece.text
                out = _with_the_end(out, piece._replace(text=why), client, refusals)
            case _:
                out.append(piece)
    return joined(out)


def _with_the_end(out: list[Piece], end: Piece, client: Dialect, refusals: list[Piece]) -> list[Piece]:
    stop, matched = end.what
    *said, usage = out
    why = end.text
    if client == "anthropic_messages":
        if refusals:
            stop = stop if stop in ("length", "context_window") else "refusal"
            why = why or "".join(refusal.text for refusal in refusals)
        why = why if stop == "refusal" else ""
        stop, matched = ("stop", None) if stop == "stop_sequence" and matched is None else (stop, matched)
        return [*said, usage, Piece("end", why, (stop, matched))]
    cited = [piece for piece in said if piece.kind == "citation"]
    if why and not refusals:
        said = [*(piece for piece in said if piece.kind != "citation"), Piece("refusal", why), *cited]
    stop = _STOPS[client].get(stop, stop)
    if stop == "stop_sequence" and matched is None:
        stop = "stop"
    return [*said, usage, Piece("end", "", (stop, matched if stop == "stop_sequence" else None))]


def spaced(pieces: list[Piece]) -> list[Piece]:
    """Reasoning without the empty lines between its parts."""
    return [piece._replace(text=piece.text.replace("\n\n", "")) if piece.kind == "reasoning" else piece for piece in pieces]
