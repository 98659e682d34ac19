"""The seam of the server tools.

The loop between the model and the gateway's own tools goes here: it will take the place of the plain pass between
admission and the call. Until a tool is configured, a request that switches one on is served without it, and told so.
"""

from __future__ import annotations

import msgspec

from hyperinfer.engine import Failure, Node, step
from hyperinfer.formats.codec import Loss
from hyperinfer.nodes.items import Failed, Planned


def tool_loop() -> Node[Planned, Planned | Failure]:
    """Drops the plugins that this gateway does not run, each with a Loss; refuses them when the caller is strict."""

    def activate(planned: Planned) -> Planned | Failure:
        plugins = planned.conversation.plugins
        if not plugins:
            return planned
        native = {name for route in planned.routes for name in route.native_tools}
        missing = [plugin for plugin in plugins if plugin.id not in native]
        losses = [
            Loss(plugin.path or "plugins", f"the server tool '{plugin.id}' is not configured here")
            for plugin in missing
        ]
        if losses and planned.ticket.strict:
            return refused_losses(planned, losses)
        planned.ticket.losses.extend(losses)
        kept = tuple(plugin for plugin in plugins if plugin.id in native)
        conversation = msgspec.structs.replace(planned.conversation, plugins=kept)
        return Planned(planned.ticket, conversation, planned.model, planned.routes)

    return step(activate, name="tool_loop", consumes=Planned, produces=Planned | Failure)


def refused_losses(planned: Planned, losses: list[Loss]) -> Failed:
    """The 400 of a strict request (RULES: Headers)."""
    named = "; ".join(f"{loss.path}: {loss.reason}" for loss in losses)
    details = {"losses": [{"path": loss.path, "reason": loss.reason} for loss in losses]}
    return Failed(
        "invalid_request",
        f"This model cannot express the whole request: {named}",
        param=losses[0].path,
        details=details,
        ticket=planned.ticket,
    )
