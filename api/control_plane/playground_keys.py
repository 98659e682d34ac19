"""One-time keys for the platform's own pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quart import request

from hyperinfer.api.control_plane.answer import answer
from hyperinfer.api.control_plane.caller import require_platform
from hyperinfer.api.control_plane.envelope import Refusal
from hyperinfer.api.media_type import is_json
from hyperinfer.api.openapi.records import PlaygroundKey, PlaygroundKeyRequest
from hyperinfer.api.store.errors import Refused
from hyperinfer.formats.wire import parse_object, read

if TYPE_CHECKING:
    from quart import Response
    from quart_trio import QuartTrio

    from hyperinfer.api.gateway import Gateway


def playground_routes(app: QuartTrio, gateway: Gateway) -> None:
    """POST /api/v1/playground-keys, for the platform alone: whoever has the internal token."""

    @app.post("/api/v1/playground-keys")
    async def mint() -> Response:
        require_platform(gateway)
        if not is_json(request.headers.get("content-type", "")):
            message = "The body must be JSON, with the header Content-Type: application/json."
            raise Refusal("invalid_request", message)
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        asked = read(parse_object(body), PlaygroundKeyRequest)
        try:
            workspace = await gateway.store.workspace(asked.workspace_id)
        except Refused:
            raise Refusal("invalid_request", "There is no such workspace.", param="workspace_id") from None
        key, expires = await gateway.playground.mint(workspace.id, workspace.name, asked.user_id, asked.source)
        expires_at = datetime.fromtimestamp(expires, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return answer(PlaygroundKey(key.reveal(), expires_at, asked.source), 201)

    del mint
