"""A fault schedule: what clients, upstreams, the store and the operator do around one gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

Break: TypeAlias = Literal["eof", "reset", "stall"]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A time of trio's clock, or a number of steps of tasks since the first client came; whichever is not None."""

    at: float | None = None
    step: int | None = None

    def __str__(self) -> str:
        return f"at {self.at:g} s" if self.at is not None else f"at step {self.step}"


@dataclass(frozen=True, kw_only=True)
class Connecting:
    """What becomes of a connection that the gateway opens. `after`: seconds."""

    after: float = 0.0
    refused: bool = False
    small: bool = False
    """It carries few bytes at a time."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an upstream does with one request.

    `says`: a word of `wires`. `after`: seconds before the head. `cuts`: where the bytes are cut into pieces, as parts of 1;
    None: head and frames, each by itself. `pauses`: seconds before each piece, over and over. `breaks`: where it breaks off,
    as a part of 1, and how. `closes`: the connection ends with the response.
    """

    says: str = "hello"
    status: int = 200
    retry_after: str = ""
    framing: Literal["chunked", "length", "eof"] = "chunked"
    after: float = 0.0
    cuts: tuple[float, ...] | None = None
    pauses: tuple[float, ...] = (0.0,)
    breaks: tuple[float, Break] | None = None
    closes: bool = False

    def __str__(self) -> str:
        words = [self.says if self.status == 200 else f"{self.status} {self.says}", self.framing]
        if self.retry_after:
            words.append(f"retry-after {self.retry_after}")
        if self.after:
            words.append(f"head after {self.after:g} s")
        if self.cuts is not None:
            words.append(f"cut at {', '.join(f'{cut:.3f}' for cut in self.cuts) or 'no place'}")
        if any(self.pauses):
            words.append(f"pauses {', '.join(f'{pause:g}' for pause in self.pauses)}")
        if self.breaks is not None:
            words.append(f"{self.breaks[1]} at {self.breaks[0]:.3f}")
        if self.closes:
            words.append("closes")
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request. `number`: among all of the schedule; upstreams know it by that. `tool`: with a server tool switched on,
    whose run takes so many seconds. `size`: bytes of text more than needed. `answers`: of the upstreams, in turn; then good
    ones."""

    number: int
    client: Dialect
    model: str
    streamed: bool
    tool: float | None = None
    size: int = 0
    answers: tuple[Answer, ...] = ()

    def __str__(self) -> str:
        kind = "stream" if self.streamed else "whole"
        tool = "" if self.tool is None else f", a tool that takes {self.tool:g} s"
        size = f", {self.size} bytes more" if self.size else ""
        return f"request {self.number}: {self.client} to {self.model}, {kind}{tool}{size}"


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """A client that goes away: closes its connection, or only says that it sends no more."""

    when: Moment
    half: bool = False

    def __str__(self) -> str:
        return f"{'half-closes' if self.half else 'closes'} {self.when}"


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """One connection of a client. `begins`: when. `cuts`, `pauses`: of what it sends, as of an `Answer`. `bites`: bytes that
    it reads at a time, `chewing`: seconds before each. `stuck`: bytes after which it reads no more. `pipelined`: it sends
    all requests at once. `stays`: it does not close behind the last response."""

    asks: tuple[Ask, ...]
    begins: float = 0.0
    cuts: tuple[float, ...] = ()
    pauses: tuple[float, ...] = (0.0,)
    bites: int = 65536
    chewing: float = 0.0
    stuck: int | None = None
    pipelined: bool = False
    stays: bool = False
    leaves: Leaving | None = None

    @property
    def prompt(self) -> bool:
        """It takes at once what it is sent."""
        return not self.chewing and self.stuck is None

    def __str__(self) -> str:
        words = [f"client from {self.begins:g} s"]
        if self.cuts:
            words.append(f"sends cut at {', '.join(f'{cut:.3f}' for cut in self.cuts)}")
        if any(self.pauses):
            words.append(f"with pauses {', '.join(f'{pause:g}' for pause in self.pauses)}")
        if self.chewing:
            words.append(f"reads {self.bites} bytes every {self.chewing:g} s")
        if self.stuck is not None:
            words.append(f"reads no more after {self.stuck} bytes")
        if self.pipelined:
            words.append("pipelines")
        if self.stays:
            words.append("stays")
        if self.leaves is not None:
            words.append(str(self.leaves))
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class Storing:
    """Seconds that the store takes. `settling`: for each settlement in turn. `rejects`: it takes no settlement."""

    authenticating: float = 0.0
    before_hold: float = 0.0
    after_hold: float = 0.0
    settling: tuple[float, ...] = (0.0,)
    rejects: bool = False


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """The end of the gateway while it works: a drain, or the cancellation of everything."""

    when: Moment
    cut: bool = False

    def __str__(self) -> str:
        return f"{'cut' if self.cut else 'drain'} {self.when}"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """All of it. `setting`: a name of `setting.SETTINGS`. `watched`: sockets have no task of their own each, as on
    Linux. `small`: the gateway's sockets to clients hold little."""

    seed: int
    setting: str = "quick"
    watched: bool = True
    small: bool = False
    visitors: tuple[Visitor, ...] = ()
    connects: tuple[Connecting, ...] = ()
    storing: Storing = field(default_factory=Storing)
    stopping: Stopping | None = None

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: setting {self.setting}{'' if self.watched else ', sockets not watched'}"]
        if self.small:
            lines[0] += ", small buffers towards clients"
        lines += [f"  connection {n}: {one}" for n, one in enumerate(self.connects) if one != Connecting()]
        if self.storing != Storing():
            lines.append(f"  {self.storing}")
        if self.stopping is not None:
            lines.append(f"  {self.stopping}")
        for visitor in self.visitors:
            lines.append(f"  {visitor}")
            for ask in visitor.asks:
                lines.append(f"    {ask}")
                lines += [f"      answer {number}: {answer}" for number, answer in enumerate(ask.answers)]
        return "\n".join(lines)
