"""Schedules from seeds. Most things go well in most schedules: what goes wrong is to be seen, not to hide all else."""

from __future__ import annotations

from math import inf
from random import Random
from typing import TYPE_CHECKING

from tests.schedules.plan import (
    Answer,
    Ask,
    Break,
    Connecting,
    Leaving,
    Moment,
    Schedule,
    Stopping,
    Storing,
    Visitor,
)
from tests.schedules.setting import SETTINGS, Setting
from tests.support.bench import DIALECTS

if TYPE_CHECKING:
    from hyperinfer.formats import Dialect

_ERRORS = (400, 401, 403, 404, 408, 413, 429, 429, 500, 502, 503, 503, 504, 529)
_MODELS = (*DIALECTS, *DIALECTS, "any")


def schedule(seed: int) -> Schedule:
    """The one of a seed."""
    return _Drawing(Random(seed)).schedule(seed)


class _Drawing:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._asks = 0
        self._setting: Setting

    def _chance(self, percent: float) -> bool:
        return self._random.random() * 100 < percent

    def schedule(self, seed: int) -> Schedule:
        random = self._random
        name = random.choices(list(SETTINGS), [setting.weight for setting in SETTINGS.values()])[0]
        self._setting = SETTINGS[name]
        visitors = [self._visitor(0.0)]
        if name in ("narrow", "crowded"):
            visitors += [self._visitor(random.choice((0.0, 0.0, 0.1))) for _ in range(random.randint(2, 4))]
        elif self._chance(10):
            visitors.append(self._visitor(random.choice((0.0, 0.0, 0.5, 3.0))))
        return Schedule(
            seed=seed,
            setting=name,
            watched=self._chance(90),
            small=self._chance(30) or not all(visitor.prompt for visitor in visitors),
            visitors=tuple(visitors),
            connects=tuple(self._connecting() for _ in range(random.choice((0, 0, 0, 1, 2, 4)))),
            storing=self._storing() if self._chance(15) else Storing(),
            stopping=Stopping(when=self._moment(), cut=self._chance(30)) if self._chance(15) else None,
        )

    # ---- clients ----------------------------------------------------------------------------------------------------

    def _visitor(self, begins: float) -> Visitor:
        random = self._random
        kind = random.choices(("plain", "slow", "stuck"), (84, 10, 6))[0]
        asks = [self._ask(kind) for _ in range(random.choices((1, 2, 3), (84, 13, 3))[0])]
        cuts: tuple[float, ...] = ()
        pauses: tuple[float, ...] = (0.0,)
        if self._chance(12):
            cuts = tuple(sorted(random.random() for _ in range(random.randint(1, 4))))
            pauses = tuple(random.choice((0.0, 0.0, 0.2, 1.0, 4.0, 6.0)) for _ in range(random.randint(1, 3)))
        return Visitor(
            asks=tuple(asks),
            begins=begins,
            cuts=cuts,
            pauses=pauses,
            bites=random.choice((100, 256, 1000)) if kind == "slow" else random.choice((65536, 65536, 300)),
            chewing=random.choice((0.05, 0.3, 1.0)) if kind == "slow" else 0.0,
            stuck=random.choice((0, 200, 1000, 4000)) if kind == "stuck" else None,
            pipelined=len(asks) > 1 and not any(ask.size for ask in asks) and self._chance(30),
            stays=self._chance(10),
            leaves=Leaving(when=self._moment(), half=self._chance(30)) if self._chance(32) else None,
        )

    def _moment(self) -> Moment:
        random = self._random
        if self._chance(65):
            return Moment(step=int(random.triangular(1, 260, 20)))
        setting = self._setting
        times = (0.0, 0.1, 0.1, 0.25, setting.keepalive, setting.idle, setting.connect, random.random() * 9)
        return Moment(at=random.choice(times))

    def _ask(self, kind: str) -> Ask:
        random = self._random
        number, self._asks = self._asks, self._asks + 1
        client: Dialect = random.choice(DIALECTS)
        streamed = self._chance(72)
        tool = random.choice((0.0, 0.0, 0.4, self._setting.keepalive * 2.5, 25.0)) if self._chance(10) else None
        answers = [self._answer(kind, streamed) for _ in range(random.choices((0, 1, 2, 3), (14, 66, 12, 8))[0])]
        if tool is not None:
            answers.insert(0, Answer(says="search", pauses=self._pauses()))
        return Ask(
            number=number,
            client=client,
            model=f"test/{random.choice(_MODELS)}",
            streamed=streamed,
            tool=tool,
            size=random.choice((70_000, 200_000)) if self._chance(1.5 if self._setting.bodies == inf else 60) else 0,
            answers=tuple(answers),
        )

    # ---- upstreams --------------------------------------------------------------------------------------------------

    def _connecting(self) -> Connecting:
        limit = self._setting.connect
        after = self._random.choice((0.0, 0.0, 0.0, 0.01, 0.01, 0.5, limit - 0.01, limit))
        return Connecting(after=after, refused=self._chance(20), small=self._chance(20))

    def _edges(self) -> tuple[float, ...]:
        """Times about which something changes."""
        setting = self._setting
        return tuple(at + by for at in (setting.idle, setting.keepalive) for by in (-0.01, 0.0, 0.01))

    def _pauses(self) -> tuple[float, ...]:
        random = self._random
        if self._chance(55):
            return (0.0,)
        small = (0.0, 0.0, 0.0, 0.001, 0.05, 0.3, 1.0)
        return tuple(random.choice(small) for _ in range(random.randint(2, 4)))

    def _answer(self, kind: str, streamed: bool) -> Answer:
        random = self._random
        words = ("fine", "edges", "dribble", "thinking", "breaks", "refused", "error", "garbage")
        pattern = random.choices(words, (43, 9, 6, 4, 17, 13, 4, 4))[0]
        says = "long" if kind != "plain" or self._chance(8) else "hello"
        pauses, breaks, status, retry_after, after = self._pauses(), None, 200, "", 0.0
        if pattern == "edges":
            pauses = tuple(random.choice((0.0, *self._edges())) for _ in range(random.randint(1, 4)))
            after = random.choice((0.0, 0.0, *self._edges(), self._setting.first_token, self._setting.whole))
        elif pattern == "dribble":
            says, pauses = "long", (self._setting.idle * 0.8,)
        elif pattern == "thinking":
            says, pauses = "thinking", (random.choice((0.3, 0.9)) * self._setting.idle,)
        elif pattern == "breaks":
            how: Break = random.choice(("eof", "reset", "stall"))
            breaks = (random.choice((0.0, random.random(), random.random(), 0.999)), how)
            says = random.choice((says, says, "search"))
        elif pattern == "refused":
            status, says = random.choice(_ERRORS), random.choice(("refused", "refused", "html", "nothing"))
            retry_after = random.choice(("", "", "", "1", "3", "60"))
        elif pattern == "error":
            says = random.choice(("error", "late error"))
        elif pattern == "garbage":
            says = random.choice(("garbage", "html", "nothing", "cut"))
        cuts = None
        if pattern != "dribble" and self._chance(45):
            cuts = tuple(sorted(random.random() for _ in range(random.choice((0, 1, 2, 5, 12)))))
        return Answer(
            says=says,
            status=status,
            retry_after=retry_after,
            framing=random.choices(("chunked", "length", "eof"), (80, 12, 8))[0],
            after=after,
            cuts=cuts,
            pauses=pauses,
            breaks=breaks,
            closes=self._chance(10),
        )

    # ---- the store --------------------------------------------------------------------------------------------------

    def _storing(self) -> Storing:
        random = self._random
        return Storing(
            authenticating=random.choice((0.0, 0.0, 0.2)),
            before_hold=random.choice((0.0, 0.1, 2.0)),
            after_hold=random.choice((0.0, 0.1, 2.0)),
            settling=tuple(random.choice((0.0, 0.1, 3.0, 9.9, 10.1, 14.0)) for _ in range(random.randint(1, 2))),
            rejects=self._chance(15),
        )
