"""The seam of the server tools.

The loop between the model and the gateway's own tools goes here: it will take the place of the plain pass between
admission and the call. Until a tool is configured, a request that switches one on is served without it, and told so.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from hyperinfer.engine import Failure, Node, step
from hyperinfer.formats.codec import Loss
from hyperinfer.formats.native_tools import is_native
from hyperinfer.nodes.items import Planned
from hyperinfer.nodes.refusal import refused_losses


def tool_loop() -> Node[Planned, Planned | Failure]:
    """The node of the gateway's own tools: `Planned` in, the same out, or a `Failed`.

    No tool can be configured yet: it drops the plugins that this gateway does not run, each with a Loss, and refuses them
    when the caller is strict. Without it they are dropped all the same by the encoder of the upstream's format.
    """

    def activate(planned: Planned) -> Planned | Failure:
        plugins = planned.conversation.plugins
        if not plugins:
            return planned
        native = {name for route in planned.routes for name in route.native_tools}
        losses = [
            Loss(plugin.path or "plugins", f"the server tool '{plugin.id}' is not configured here")
            for plugin in plugins
            if not is_native(native, plugin.id)
        ]
        if losses and planned.ticket.strict:
            return refused_losses(losses, planned.ticket)
        planned.ticket.losses.extend(losses)
        kept = tuple(plugin for plugin in plugins if is_native(native, plugin.id))
        return replace(planned, conversation=msgspec.structs.replace(planned.conversation, plugins=kept))

    return step(activate, name="tool_loop", consumes=Planned, produces=Planned | Failure)
