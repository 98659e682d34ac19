"""The scripted upstream: what it is asked is answered by a script, in whatever protocol it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, get_args

from hyperinfer.testing.parts import Answer, Part, Reply
from hyperinfer.testing.received import Received
from hyperinfer.testing.upstream import Upstream
from hyperinfer.testing.wire.frames import Asked, Wire
from hyperinfer.testing.wire.render import render

Answering: TypeAlias = Callable[[Received], "Answer | str | None"]
"""An answer as a function of the request; None where there is none. What it raises fails the test."""
Step: TypeAlias = Answer | str | Answering
"""What one request is given. A string is a `Reply` of that text."""


def _steps(given: Step | Iterable[Step]) -> list[Step]:
    return _checked([given] if isinstance(given, str | Answer) or callable(given) else given)


def _checked(given: Iterable[Step]) -> list[Step]:
    """Steps, found to be such before the program under test meets them. Raises `TypeError`."""
    steps = list(given)
    for step in steps:
        untrusted: Any = step
        if not (isinstance(untrusted, str | Answer) or callable(untrusted)):
            raise TypeError(_no_answer(untrusted))
    return steps


def _no_answer(found: Any) -> str:
    names = ", ".join(kind.__name__ for kind in get_args(Answer))
    hint = "; a part is put into a Reply" if isinstance(found, Part) else ""
    if isinstance(found, list | tuple):
        hint = "; a list is given step by step: *steps"
    return f"an answer is one of {names}, text, or a function of the request that gives one, not {found!r}{hint}"


def _count(steps: Sequence[object], whose: str) -> str:
    if len(steps) == 1:
        return f"1 answer of {whose}, {steps[0]!r}"
    return f"{len(steps)} answers of {whose}, the next of them {steps[0]!r}"


class ScriptedUpstream(Upstream):
    """An upstream of all three protocols that plays a script.

        with ScriptedUpstream("Hello", HttpError(429, retry_after=1), Reply(ToolCall("now"))) as upstream:
            client = OpenAI(base_url=upstream.openai_url, api_key="test", max_retries=0)

    A request for a model that `by_model` names is given the next step of that model; any other the next of `script`; then
    `answer` is asked. A request that finds nothing is answered with 400 and fails the test when the block ends, as do steps
    that nobody asked for. `models`: what the list of models says; by default those of `by_model`. `tokens`: what a count
    of tokens says; None counts four characters a token. `created`: Unix seconds of the replies, whose ids are the same
    in each run.
    """

    kind = "scripted"

    def __init__(
        self,
        *script: Step,
        by_model: Mapping[str, Step | Iterable[Step]] | None = None,
        answer: Answering | None = None,
        models: Iterable[str] | None = None,
        tokens: int | None = None,
        created: int = 1_790_000_000,
        pace: float = 1.0,
    ) -> None:
        super().__init__(pace=pace)
        self._script = _checked(script)
        self._by_model = {model: _steps(given) for model, given in (by_model or {}).items()}
        self._else = answer
        self._models = tuple(self._by_model if models is None else models)
        self._tokens, self._created = tokens, created
        self._played = 0

    def add(self, *script: Step, model: str | None = None) -> None:
        """Puts steps behind those that are there, for one model or for all that have none of their own."""
        steps = _checked(script)
        with self._lock:
            (self._script if model is None else self._by_model.setdefault(model, [])).extend(steps)

    def answer_with(self, answer: Answering | None) -> None:
        """Has a function answer what the script does not; None takes it away."""
        with self._lock:
            self._else = answer

    def _answer(self, request: Received) -> Wire:
        if request.dialect is None:
            return self._beside(request, self._models, self._tokens, self._created)
        try:
            answer = self._next(request)
            if answer is None:
                return self._unexpected(request, self._exhausted(request))
            self._played += 1
            return self._rendered(answer, request)
        except Exception as error:
            return self._raising(request, error)

    def _next(self, request: Received) -> Answer | None:
        steps = self._by_model.get(request.model, self._script)
        step: Step | None = steps.pop(0) if steps else None
        if step is None and steps is self._script:
            step = self._else
        found = step(request) if callable(step) else step
        if isinstance(found, str):
            return Reply(found)
        untrusted: Any = found
        if found is not None and not isinstance(untrusted, Answer):
            raise TypeError(_no_answer(untrusted))
        return found

    def _rendered(self, answer: Answer, request: Received) -> Wire:
        assert request.dialect is not None
        asked = Asked(
            model=request.model,
            streamed=request.streamed,
            body=request.json,
            number=request.number,
            created=self._created,
        )
        return render(answer, request.dialect, asked)

    def _exhausted(self, request: Received) -> str:
        own = f" for {request.model!r}" if request.model in self._by_model else ""
        if not self._played and not own:
            return "the script has no answers; they go into @pytest.mark.scripted_upstream(…), ScriptedUpstream(…) or add(…)"
        return f"the script{own} has no more answers ({self._played} {'was' if self._played == 1 else 'were'} given)"

    def _left(self) -> str | None:
        scripts = [("the script", self._script)]
        scripts += [(f"the script for {model!r}", steps) for model, steps in self._by_model.items()]
        told = [_count(steps, whose) for whose, steps in scripts if steps]
        return f"nobody asked for {', and for '.join(told)}" if told else None
