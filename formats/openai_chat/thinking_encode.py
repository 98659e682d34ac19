"""How a Chat upstream is asked to think (wire facts 4.6; quirk `reasoning_effort`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperinfer.formats.losses import caller_path, losses_of_extra
from hyperinfer.formats.thinking import effort_of, is_asked, is_off

if TYPE_CHECKING:
    from hyperinfer.formats.conversation import ReasoningConfig
    from hyperinfer.formats.openai_chat.scope import Scope


def encode_thinking(body: dict[str, Any], scope: Scope) -> None:
    """Writes the wish into the body."""
    config = scope.conversation.reasoning
    if config is None:
        return
    if not scope.target.reasons and not scope.same:
        if is_asked(config):
            scope.lose(caller_path(scope.conversation.dialect, "reasoning"), "the model does not think")
        return
    rule = scope.quirks.reasoning_effort
    raw = (config.extra or {}).get("reasoning") if scope.same else None
    if raw is not None and rule in ("effort", "reasoning_object"):
        body["reasoning"] = raw
        if config.effort is not None and config.effort != raw.get("effort"):
            body["reasoning_effort"] = config.effort
        return
    path = caller_path(scope.conversation.dialect, "reasoning")
    _lose_details(config, path, scope)
    effort = effort_of(config)
    off = is_off(config)
    match rule:
        case "omit":
            if is_asked(config):
                scope.lose(path, "this model cannot be asked how much to think")
        case "thinking_object" if off or is_asked(config):
            body["thinking"] = {"type": "disabled" if off else "enabled"}
            if effort is not None and not off:
                body["reasoning_effort"] = effort
        case "reasoning_object":
            _object(body, config, effort, off=off)
        case "effort":
            if effort is not None:
                body["reasoning_effort"] = effort
            elif off:
                scope.lose(path, "this model's API cannot switch thinking off")
        case _:
            pass  # only a wish for how to show what there may be of it


def _object(body: dict[str, Any], config: ReasoningConfig, effort: str | None, *, off: bool) -> None:
    if off:
        body["reasoning"] = {"enabled": False}
    elif config.budget_tokens is not None and config.effort is None:
        body["reasoning"] = {"max_tokens": config.budget_tokens}
    elif effort is not None:
        body["reasoning"] = {"effort": effort}
    elif config.mode is not None:
        body["reasoning"] = {"enabled": True}
    if config.display == "omitted" and not off:
        body["reasoning"] = {**body.get("reasoning", {}), "exclude": True}


def _lose_details(config: ReasoningConfig, path: str, scope: Scope) -> None:
    """What no Chat upstream can be told."""
    if scope.same:
        return
    if config.summary not in (None, "auto"):  # `auto` leaves it to the model, as Chat always does
        scope.lose(f"{path}.summary", "Chat has no choice of summaries")
    if config.display == "omitted" and scope.quirks.reasoning_effort != "reasoning_object":
        scope.lose(f"{path}.display", "Chat cannot leave the reasoning out")
    if config.mode == "between_tools":
        scope.lose(f"{path}.type", "Chat cannot ask for thinking between tool calls")
    scope.losses.extend(losses_of_extra(config.extra, path, "Chat has no such field"))
