"""The tool `image`: makes an image through an images API, shows it to the user, and tells the model that it did."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import trio

from hyperinfer.formats.server_tools import ToolImage, ToolName, ToolOutcome
from hyperinfer.nodes.tools import images_api as api
from hyperinfer.nodes.tools.port import Declaration
from hyperinfer.nodes.tools.search.engine import line
from hyperinfer.providers.egress import EgressError
from hyperinfer.providers.tool_api import ApiAnswer, ApiFault, ToolApi

if TYPE_CHECKING:
    import httpx2

    from hyperinfer.providers.catalogue_records import Tool
    from hyperinfer.providers.egress import Egress

LONGEST_DATA: Final = (api.IMAGE_LIMIT + 2) // 3 * 4
"""Characters of an image as base64."""
ANSWER_LIMIT: Final = LONGEST_DATA + 256 * 1024
"""Bytes of an API's answer: the image as base64, and what is around it."""
DOWNLOAD_SECONDS: Final = 60.0

_UNAVAILABLE: Final = "Images cannot be made at the moment. Tell the user so."
_SIZE_WORDS: Final = "Width and height in pixels, such as 1024x1024, 1536x1024 (wide) or 1024x1536 (tall), or auto."


class ImageTool:
    """`image(prompt, [size], [quality], [background])`. Options: those of `images_api`; the model has no say in these.

    An address that the API answers with is fetched through `egress`; from the API itself where it is on its server.
    `now`: Unix seconds.
    """

    name: ToolName = "image"
    seconds: float = 300.0

    def __init__(
        self, tool: Tool, transport: httpx2.AsyncBaseTransport, egress: Egress, *, now: Callable[[], float]
    ) -> None:
        self.price = tool.price
        self._model = tool.model
        self._egress = egress
        self._api = ToolApi(tool, transport, seconds=self.seconds - 2, limit=ANSWER_LIMIT, now=now)

    def declaration(self, options: Mapping[str, Any]) -> Declaration:
        """Raises `ValueError` for options that make no sense."""
        fixed = api.chosen_settings(options)
        properties: dict[str, Any] = {
            "prompt": {"type": "string", "description": "What the image shows, and in which style, in full sentences."},
            "size": {"type": "string", "description": _SIZE_WORDS},
        }
        if api.is_gpt_image(self._model):
            properties["quality"] = {"type": "string", "enum": ["auto", "low", "medium", "high"]}
            properties["background"] = {"type": "string", "enum": ["auto", "opaque", "transparent"]}
        return Declaration(
            description="Makes an image from a description and shows it to the user.",
            parameters={
                "type": "object",
                "properties": {name: value for name, value in properties.items() if name not in fixed},
                "required": ["prompt"],
                "additionalProperties": False,
            },
        )

    async def run(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> ToolOutcome:
        """The image, or why there is none."""
        prompt = _text(arguments.get("prompt"))
        if not prompt:
            return _failed("bad_arguments", "prompt has to be text: what the image shows.")
        if len(prompt) > api.LONGEST_PROMPT:
            return _failed("bad_arguments", f"prompt may have at most {api.LONGEST_PROMPT} characters. Shorten it.")
        settings = self._settings(arguments, options)
        if isinstance(settings, ToolOutcome):
            return settings
        with trio.move_on_after(self.seconds - 1):
            return await self._make(prompt, settings)
        return _failed("timeout", "The image was not ready in time. Try once more with a simpler one, or tell the user.")

    def _settings(self, arguments: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str | int] | ToolOutcome:
        """What the request says, else the model: it knows of no others than those it is told of."""
        chosen: dict[str, str | int] = {}
        if (size := arguments.get("size") or None) is not None:
            read = api.read_size(size)
            if read is None:
                return _failed("bad_arguments", f"size is not understood. {_SIZE_WORDS}")
            chosen["size"] = read
        if api.is_gpt_image(self._model):
            chosen |= {name: arguments[name] for name in ("quality", "background") if api.is_word(arguments.get(name))}
        return chosen | api.chosen_settings(options)

    async def _make(self, prompt: str, settings: dict[str, str | int]) -> ToolOutcome:
        answer = await self._ask(prompt, settings)
        if isinstance(answer, ApiFault):
            return _of_fault(answer)
        picture = api.picture_of(answer.value)
        if picture is None:
            return _of_fault(self._api.misunderstood())
        data = await self._download(picture.url) if picture.url else api.checked(picture.data)
        if isinstance(data, ToolOutcome):
            return data
        if data is None or (media_type := api.media_type_of(data)) is None:
            self._api.misunderstood()
            return _failed("unsupported", "What came is not an image that can be shown. Tell the user so.")
        if len(data) > LONGEST_DATA:
            return _failed("too_large", "The image is too large to be shown. Try a smaller size, or another format.")
        return _shown(ToolImage(data=data, media_type=media_type, prompt=picture.prompt or None), prompt)

    async def _ask(self, prompt: str, settings: dict[str, str | int]) -> ApiAnswer | ApiFault:
        gpt = api.is_gpt_image(self._model)
        answer = await self._api.ask(api.image_request(prompt, self._model, settings, response_format=not gpt))
        if gpt or not isinstance(answer, ApiFault) or answer.error != "bad_arguments":
            return answer
        if "response_format" not in answer.message:
            return answer
        return await self._api.ask(api.image_request(prompt, self._model, settings, response_format=False))

    async def _download(self, url: str) -> str | ToolOutcome:
        if self._api.has(url):
            found = await self._api.download(url)
            return _of_fault(found) if isinstance(found, ApiFault) else _in_base64(found)
        try:
            fetched = await self._egress.fetch(url, room=_room, accept="image/*", seconds=DOWNLOAD_SECONDS)
        except EgressError as error:
            code = error.code if error.code in ("timeout", "too_large", "unsupported") else "unavailable"
            return _failed(code, "The image was made, but could not be fetched. Tell the user so.")
        return _in_base64(fetched.body)


def _room(media_type: str) -> int:
    """Bytes of what may be an image."""
    may_be = media_type.startswith("image/") or media_type in ("", "application/octet-stream", "binary/octet-stream")
    return api.IMAGE_LIMIT if may_be else 0


def _in_base64(image: bytes) -> str:
    return base64.b64encode(image).decode("ascii")


def _text(value: Any) -> str:
    """Text that can be sent: lone surrogates are legal in JSON and nowhere else."""
    return value.strip().encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _shown(image: ToolImage, prompt: str) -> ToolOutcome:
    rephrased = f'\nIt was drawn after this description: "{image.prompt}"' if image.prompt else ""
    text = "The image was made and is shown to the user. Do not describe it at length, and do not link to it." + rephrased
    return ToolOutcome(text=text, summary=f"Image: {_shortened(line(prompt))}", images=(image,))


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else text[:119].rstrip() + "…"


def _of_fault(fault: ApiFault) -> ToolOutcome:
    match fault.error:
        case "refused":
            why = f"The image was refused by a content filter: {fault.message} Tell the user, or try another description."
        case "bad_arguments":
            why = f"The images API refused the request: {fault.message}"
        case "timeout":
            why = "The image was not ready in time. Tell the user so."
        case "too_large":
            why = "The image is too large to be shown. Try a smaller size."
        case "unavailable":
            why = _UNAVAILABLE
    return _failed(fault.error, why)


def _failed(error: str, text: str) -> ToolOutcome:
    return ToolOutcome(text=text, summary=f"No image was made ({error})", error=error, calls=0)
