"""How a Messages upstream is asked to think (wire facts 0.1, 0.3, 4.6; quirk `thinking`).

Newer models decide themselves, guided by `output_config.effort` (adaptive); older ones take a number of tokens, which
counts against `max_tokens` (budget). A caller who speaks Messages gets what it asked for, unless the route says that the
model cannot do it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from hyperinfer.formats.anthropic_messages.scope import Scope
    from hyperinfer.formats.conversation import ReasoningConfig
from hyperinfer.formats.output_limit import output_limit
from hyperinfer.formats.thinking import effort_of, is_asked, is_off
from hyperinfer.formats.wire import is_object

MIN_BUDGET = 1024
DEFAULT_LIMIT = 4096  # where neither caller nor catalogue names an output limit

_MODELLED = frozenset({"effort", "max_tokens", "enabled", "exclude", "summary"})
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 65536}


class Plan(NamedTuple):
    """`max_tokens`, `thinking` and `output_config.effort` of the request."""

    max_tokens: int
    thinking: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def thinks(self) -> bool:
        """Whether thinking is switched on by this request."""
        return self.thinking is not None and self.thinking.get("type") != "disabled"


def plan(scope: Scope) -> Plan:
    """What to ask for. `max_tokens` is the caller's, or the model's maximum: Messages demands a number."""
    asked = output_limit(scope.conversation, scope.target, scope.lose)
    max_tokens = (scope.target.max_output_tokens or DEFAULT_LIMIT) if asked is None else asked
    config = scope.conversation.reasoning
    if config is None:
        return Plan(max_tokens)
    extra = dict(config.extra or {}) if scope.same else {}
    if not scope.same:
        _lose_unknown(scope, config)
    if scope.target.quirks.thinking == "none" or not (scope.target.reasons or scope.same):
        if is_asked(config):
            scope.lose("thinking" if scope.same else "reasoning", "the model does not think")
        return Plan(max_tokens)
    if scope.same:
        return _as_sent(scope, config, extra, Plan(max_tokens))
    return _translated(scope, config, Plan(max_tokens))


def _as_sent(scope: Scope, config: ReasoningConfig, extra: dict[str, Any], base: Plan) -> Plan:
    budgeted = scope.target.quirks.thinking == "budget"
    if budgeted and config.mode in ("adaptive", "between_tools"):
        return _with_budget(scope, config, base)
    thinking: dict[str, Any] | None = None
    if config.mode is not None:
        thinking = {"type": config.mode}
        if config.budget_tokens is not None:
            thinking["budget_tokens"] = config.budget_tokens
        if config.display is not None:
            thinking["display"] = config.display
        thinking.update(extra)
    if budgeted and config.effort is not None:
        scope.lose("output_config.effort", "the model takes a budget of tokens instead")
        return Plan(base.max_tokens, thinking)
    return Plan(base.max_tokens, thinking, config.effort)


def _translated(scope: Scope, config: ReasoningConfig, base: Plan) -> Plan:
    if is_off(config):
        return base if scope.target.quirks.thinking == "budget" else Plan(base.max_tokens, {"type": "disabled"})
    if config.summary in ("concise", "detailed"):
        scope.lose("reasoning.summary", "Messages has no choice of summaries")
    effort = config.effort
    if effort is None and config.budget_tokens is None and config.mode is None:
        return base  # only a wish for summaries: the model's own default stands
    if scope.target.quirks.thinking == "budget":
        return _with_budget(scope, config, base)
    thinking: dict[str, Any] = {"type": "adaptive"}
    if config.summary is not None or config.display is not None:
        thinking["display"] = config.display or "summarized"
    if effort is not None:
        return Plan(base.max_tokens, thinking, _EFFORTS[effort])
    return Plan(base.max_tokens, thinking, effort_of(config))


def _lose_unknown(scope: Scope, config: ReasoningConfig) -> None:
    """The unmodelled fields of `reasoning`; Chat keeps the whole object under its name."""
    extra = dict(config.extra or {})
    if is_object(whole := extra.pop("reasoning", None)):
        extra.update({name: value for name, value in whole.items() if name not in _MODELLED})
    scope.extra(extra, "reasoning")


def _with_budget(scope: Scope, config: ReasoningConfig, base: Plan) -> Plan:
    """Thinking tokens count against `max_tokens`, so the limit is raised by the budget, never beyond the model's own."""
    limit = scope.target.max_output_tokens or DEFAULT_LIMIT
    wanted = config.budget_tokens or _BUDGETS.get(config.effort or "high", _BUDGETS["high"])
    asked = output_limit(scope.conversation, scope.target, scope.lose)
    answer = asked if asked is not None else max(1, limit - wanted)
    max_tokens = max(base.max_tokens, min(limit, answer + wanted))
    budget = min(wanted, max(max_tokens - answer, max_tokens // 2))
    if budget < MIN_BUDGET or asked == 0:
        scope.lose("thinking" if scope.same else "reasoning", "the output limit leaves no room to think")
        return base
    return Plan(max_tokens, {"type": "enabled", "budget_tokens": budget})
