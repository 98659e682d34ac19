"""What people ask and are answered, on the spans of those who ask for it to be there (`settings.contents`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from hyperinfer.api.recording.known_secrets import keys_of, secrets_of
from hyperinfer.api.recording.redaction import Redactor
from hyperinfer.api.tracing.fitting import Fitting
from hyperinfer.api.tracing.messages import instructions, messages, tools
from hyperinfer.api.tracing.said import Said
from hyperinfer.nodes.tap import AttemptTap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hyperinfer.api.edge.exchange import Exchange
    from hyperinfer.api.tracing.spans import Span
    from hyperinfer.formats.codec import ToolAlias
    from hyperinfer.formats.conversation import Conversation
    from hyperinfer.formats.events import Event
    from hyperinfer.formats.server_tools import ToolOutcome
    from hyperinfer.formats.upstream_errors import UpstreamFault
    from hyperinfer.providers.catalogue import Catalogue
    from hyperinfer.providers.secret import Secret

log = logging.getLogger("hyperinfer.tracing")

CUT: Final = "hyperinfer.cut"
"""The attributes of a span that are not whole."""


class Contents:
    """For the requests of one worker. `catalogue`: the present one, whose secrets no span may hold. `secrets`: the gateway's
    own. `most`: bytes of an attribute."""

    def __init__(self, catalogue: Callable[[], Catalogue], secrets: Sequence[Secret], *, most: int) -> None:
        self._catalogue, self._own, self._most = catalogue, secrets, most
        self._known: tuple[Catalogue, list[str]] | None = None

    def of(self, exchange: Exchange) -> RequestContents:
        """For one request."""
        return RequestContents([*self._secrets(), *keys_of(exchange)], self._most)

    def _secrets(self) -> list[str]:
        catalogue = self._catalogue()
        if self._known is None or self._known[0] is not catalogue:
            found = [*secrets_of(catalogue.providers.values(), catalogue.tools.values()), *self._own]
            self._known = catalogue, [each.reveal() for each in found]
        return self._known[1]


class RequestContents:
    """Puts the contents of one request onto its spans. Nothing here raises: a bug in it costs contents, not requests.
    `size`: bytes, so far."""

    def __init__(self, secrets: Sequence[str], most: int) -> None:
        self._longest = max(map(len, secrets), default=0)
        self._fitting = Fitting(Redactor(secrets), self._longest, most)
        self._most = most
        self.size = 0
        self._asked: tuple[Conversation, dict[str, bytes], list[str]] | None = None

    def attempt(self, span: Span, asked: Conversation, aliases: Mapping[str, ToolAlias]) -> AttemptTap:
        """Hears of an attempt. `asked`: what the model is."""
        return _Attempt(self, span, asked, Said(self._most + self._longest + 1, aliases))

    def asking(self, span: Span, asked: Conversation, said: Said, end: str) -> None:
        """An attempt is over. `end`: why an answer ended that has none."""
        try:
            made, cut = self._input(asked)
            made, cut = dict(made), list(cut)
            answers = list(said.messages(end))
            if answers:
                made["gen_ai.output.messages"] = self._fitting.messages(answers)
                if self._fitting.cut:
                    cut.append("gen_ai.output.messages")
            self._put(span, made, cut)
        except Exception:  # of ours
            log.exception("a span has no contents")

    def calling(self, span: Span, given: Any) -> None:
        """A tool runs. `given`: its arguments."""
        self._told(span, "gen_ai.tool.call.arguments", lambda: self._fitting.value(given))

    def called(self, span: Span, outcome: ToolOutcome) -> None:
        """A tool has run."""
        self._told(span, "gen_ai.tool.call.result", lambda: self._fitting.text(outcome.text))

    def _told(self, span: Span, name: str, make: Callable[[], bytes]) -> None:
        try:
            made = make()
            self._put(span, {name: made}, [name] if self._fitting.cut else [])
        except Exception:  # of ours
            log.exception("a span has no contents")

    def _put(self, span: Span, made: dict[str, bytes], cut: list[str]) -> None:
        self.size += sum(map(len, made.values()))
        span.contents = made if span.contents is None else {**span.contents, **made}
        if cut:
            before = span.attributes.get(CUT, ())
            span.attributes[CUT] = [*before, *cut] if isinstance(before, list) else cut

    def _input(self, asked: Conversation) -> tuple[dict[str, bytes], list[str]]:
        """Made once for the attempts at one conversation."""
        if self._asked is None or self._asked[0] is not asked:
            made, cut, fitting = dict[str, bytes](), list[str](), self._fitting
            making: dict[str, Callable[[], bytes]] = {
                "gen_ai.system_instructions": lambda: fitting.values(instructions(asked)),
                "gen_ai.input.messages": lambda: fitting.messages(messages(asked)),
                "gen_ai.tool.definitions": lambda: fitting.values(tools(asked)),
            }
            for name, make in making.items():
                data = make()
                if data != b"[]" or fitting.cut:
                    made[name] = data
                if fitting.cut:
                    cut.append(name)
            self._asked = asked, made, cut
        return self._asked[1:]


class _Attempt(AttemptTap):
    def __init__(self, contents: RequestContents, span: Span, asked: Conversation, said: Said) -> None:
        self._contents, self._span, self._asked, self._said = contents, span, asked, said

    def heard(self, events: Sequence[Event]) -> None:
        """See the port."""
        self._said.take(events)

    def ended(self, fault: UpstreamFault | None, *, complete: bool) -> None:
        """See the port."""
        end = "error" if fault is not None else "cut_short"
        self._contents.asking(self._span, self._asked, self._said, end)
