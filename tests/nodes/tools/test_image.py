"""The tool `image`: what an images API is asked, in every form that one answers, and what goes wrong."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from typing import Any, cast

import httpx2
import pytest
import trio

from hyperinfer.formats.server_tools import ToolImage, ToolOutcome
from hyperinfer.nodes.tools import images_api as api
from hyperinfer.nodes.tools.image import ANSWER_LIMIT, ImageTool
from hyperinfer.providers.catalogue_records import Tool
from hyperinfer.providers.egress import Egress, EgressError, Fetched
from hyperinfer.providers.secret import Secret
from hyperinfer.providers.transport import Transport
from tests.support.rawserver import Reply, Request, raw_server
from tests.support.upstreams import NEVER, Script, ScriptedTransport

KEY = "sk-secret-0123456789abcdef"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"x" * 30
WEBP = b"RIFF\x1a\0\0\0WEBPVP8 " + b"x" * 30
GIF = b"GIF89a" + b"x" * 30
MADE = "The image was made and is shown to the user. Do not describe it at length, and do not link to it."


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def tool(model: str = "gpt-image-2", url: str = "http://images.internal:9000/v1") -> Tool:
    return Tool("image", "openai", url, (Secret(KEY),), model=model, price=50_000_000_000)


class Web:
    """In place of the guarded way out: what it is asked for, and one answer."""

    def __init__(self, answer: bytes | EgressError = PNG) -> None:
        self.asked: list[tuple[str, int, float]] = []
        self._answer = answer

    async def fetch(self, url: str, *, room: Callable[[str], int], accept: str = "*/*", seconds: float = 20.0) -> Fetched:
        self.asked.append((url, room("image/png"), seconds))
        assert accept == "image/*"
        assert [room(each) > 0 for each in ("image/png", "", "text/html", "text/json")] == [True, True, False, False]
        if isinstance(self._answer, EgressError):
            raise self._answer
        return Fetched(url, "image/png", None, self._answer)


def maker(transport: Any, made: Tool | None = None, web: Web | None = None) -> ImageTool:
    return ImageTool(made or tool(), transport, cast("Egress", web or Web()), now=lambda: 1_798_250_712.0)


def answered(*items: Any, **more: Any) -> Script:
    return Script([(0.1, json.dumps({"created": 1, "data": list(items), **more}).encode())], headers={})


def failing(status: int, code: str, message: str) -> Script:
    body = {"error": {"message": message, "type": "x", "param": None, "code": code}}
    return Script([(0.0, json.dumps(body).encode())], status=status, headers={})


async def test_a_gpt_image_on_the_wire() -> None:
    body = json.dumps({"created": 1, "data": [{"b64_json": b64(PNG)}], "output_format": "png", "usage": {}}).encode()
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with raw_server([Request(), Reply(reply)]) as server, Transport() as transport:
        making = maker(transport, tool(url=server.url + "/v1"))
        outcome = await making.run({"prompt": " A red\nfox \ud800", "size": "1536×1024", "quality": "low"}, {})
        head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/images/generations HTTP/1.1\r\n")
    assert f"authorization: bearer {KEY}" in head.decode().lower()
    assert json.loads(sent) == {
        **{"model": "gpt-image-2", "prompt": "A red\nfox ?", "n": 1, "size": "1536x1024", "quality": "low"},
    }
    assert outcome == ToolOutcome(
        text=MADE, summary="Image: A red fox ?", images=(ToolImage(data=b64(PNG), media_type="image/png"),)
    )


@pytest.mark.parametrize(
    ("image", "media_type"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp"), (GIF, "image/gif")]
)
async def test_the_type_is_what_the_bytes_are(image: bytes, media_type: str, autojump_clock: object) -> None:
    script = answered({"b64_json": b64(image)}, output_format="svg")
    outcome = await maker(ScriptedTransport(script)).run({"prompt": "a"}, {})
    assert outcome.images == (ToolImage(data=b64(image), media_type=media_type),)


@pytest.mark.parametrize(
    "written",
    [
        *(b64(PNG).rstrip("="), b64(PNG)[:20] + "\r\n" + b64(PNG)[20:] + "\n", "data:image/jpeg;base64," + b64(PNG)),
        *("data:image/png;base64," + b64(PNG).rstrip("="),),
    ],
)
async def test_base64_however_it_is_written(written: str, autojump_clock: object) -> None:
    for field in ("b64_json", "url"):
        script = answered({field: written, "revised_prompt": "A  red fox\nin snow"})
        outcome = await maker(ScriptedTransport(script)).run({"prompt": "a"}, {})
        if field == "url" and not written.startswith("data:"):
            continue
        assert outcome.images == (ToolImage(data=b64(PNG), media_type="image/png", prompt="A red fox in snow"),)
        assert outcome.text == MADE + '\nIt was drawn after this description: "A red fox in snow"'


async def test_another_model_is_asked_for_base64_and_may_answer_with_an_address(autojump_clock: object) -> None:
    web = Web(JPEG)
    transport = ScriptedTransport(answered({"url": "https://cdn.example/i.png?sig=1", "b64_json": None}))
    outcome = await maker(transport, tool("flux-2"), web).run({"prompt": "a", "quality": "high", "background": "opaque"}, {})
    assert json.loads(transport.played[0].body) == {
        **{"model": "flux-2", "prompt": "a", "n": 1, "response_format": "b64_json"},
    }
    assert web.asked == [("https://cdn.example/i.png?sig=1", api.IMAGE_LIMIT, 60.0)]
    assert outcome.images == (ToolImage(data=b64(JPEG), media_type="image/jpeg"),)


async def test_a_server_that_does_not_know_response_format(autojump_clock: object) -> None:
    refusal = failing(400, "invalid_value", "Invalid value for 'response_format': expected one of base64, url.")
    transport = ScriptedTransport(refusal, answered({"b64_json": b64(PNG)}))
    outcome = await maker(transport, tool("flux-2")).run({"prompt": "a"}, {})
    assert outcome.error is None
    assert "response_format" not in json.loads(transport.played[1].body)
    transport = ScriptedTransport(failing(400, "invalid_value", "Invalid size: response_format"))
    assert (await maker(transport).run({"prompt": "a"}, {})).error == "bad_arguments", "it was not sent at all"


async def test_an_address_on_the_operator_s_own_server_is_fetched_there(autojump_clock: object) -> None:
    web = Web()
    transport = ScriptedTransport(
        answered({"url": "http://images.internal:9000/made/1.png?a=b"}), Script([(0.0, PNG)], headers={"content-type": "x"})
    )
    outcome = await maker(transport, tool(""), web).run({"prompt": "a"}, {})
    assert outcome.images == (ToolImage(data=b64(PNG), media_type="image/png"),)
    assert "model" not in json.loads(transport.played[0].body)
    assert transport.played[1].url == "http://images.internal:9000/made/1.png?a=b"
    assert web.asked == []
    gone = ScriptedTransport(answered({"url": "http://images.internal:9000/a"}), failing(404, "", "none"))
    assert (await maker(gone).run({"prompt": "a"}, {})).error == "unavailable"


@pytest.mark.parametrize(
    "url",
    [
        "https://images.internal:9000/a",
        "http://images.internal/a",
        "http://images.internal:9001/a",
        "http://10.0.0.1:9000/a",
    ],
)
async def test_no_other_address_is(url: str, autojump_clock: object) -> None:
    web = Web(EgressError("refused", "this address is not reachable from here"))
    outcome = await maker(ScriptedTransport(answered({"url": url})), web=web).run({"prompt": "a"}, {})
    assert (outcome.error, outcome.calls, len(web.asked)) == ("unavailable", 0, 1)


BIG = Script([(0.5, b'{"data":[' + b" " * ANSWER_LIMIT), NEVER])


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        (
            failing(400, "moderation_blocked", "Your request was rejected by the safety system."),
            "refused",
            "refused by a content filter: Your request was rejected by the safety system.",
        ),
        (failing(400, "content_policy_violation", "No."), "refused", "refused by a content filter: No."),
        (failing(400, "invalid_value", "Invalid size '9x9'."), "bad_arguments", "refused the request: Invalid size '9x9'."),
        (failing(400, "billing_hard_limit_reached", "Billing hard limit has been reached"), "unavailable", "at the moment"),
        (failing(401, "invalid_api_key", f"Incorrect API key provided: {KEY}"), "unavailable", "at the moment"),
        (
            failing(400, "x", f"Bad size for {KEY} at http://images.internal:9000/v1"),
            "bad_arguments",
            "Bad size for [redacted]",
        ),
        (failing(429, "rate_limit_exceeded", "Wait 20 s."), "unavailable", "at the moment"),
        (Script(status=302), "unavailable", "at the moment"),
        (answered(), "unavailable", "at the moment"),
        (answered({"b64_json": None, "url": None}, 5, None, {"b64_json": 5}), "unavailable", "at the moment"),
        (Script([(0.0, b'{"data": {"b64_json": "x"}}')], headers={}), "unavailable", "at the moment"),
        (Script([(0.0, b"null")], headers={}), "unavailable", "at the moment"),
        (Script([(0.0, b"<svg/>")], headers={}), "unavailable", "at the moment"),
        (answered({"b64_json": b64(b"<svg xmlns='http://www.w3.org/2000/svg'/>")}), "unsupported", "not an image"),
        (answered({"b64_json": b64(b"RIFF\x1a\0\0\0WAVEfmt ")}), "unsupported", "not an image"),
        (answered({"b64_json": b64(PNG)[:-4] + "!" * 4}), "unsupported", "not an image"),
        (answered({"b64_json": b64(PNG) + "é"}), "unsupported", "not an image"),
        (answered({"b64_json": "="}), "unsupported", "not an image"),
        (answered({"b64_json": "file:///etc/passwd"}), "unsupported", "not an image"),
        (BIG, "too_large", "too large"),
        (Script(thinking=1e6), "timeout", "not ready in time"),
    ],
)
async def test_what_else_can_come(
    script: Script, error: str, said: str, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    again = script if script.status == 429 else answered()
    transport = ScriptedTransport(script, again)
    with caplog.at_level(logging.WARNING, "hyperinfer.tools"):
        outcome = await maker(transport).run({"prompt": "a"}, {})
    assert (outcome.error, outcome.calls, outcome.images) == (error, 0, ())
    assert said in outcome.text
    assert len(transport.played) == (2 if script.status == 429 else 1)
    assert not transport.left_open
    assert caplog.records
    for private in (KEY, "images.internal", "9000"):
        assert private not in outcome.text + outcome.summary
    assert KEY not in caplog.text
    assert trio.current_time() < 300


async def test_what_may_have_been_made_is_not_asked_for_again(autojump_clock: object) -> None:
    lost = ScriptedTransport(Script(thinking=3.0, breaks=httpx2.ReadError("reset")))
    assert (await maker(lost).run({"prompt": "a"}, {})).error == "unavailable"
    never = ScriptedTransport(Script(breaks=httpx2.ConnectError("refused")), answered({"b64_json": b64(PNG)}))
    assert (await maker(never).run({"prompt": "a"}, {})).error is None


async def test_the_whole_run_has_one_deadline(autojump_clock: object) -> None:
    transport = ScriptedTransport(
        Script([(200.0, json.dumps({"data": [{"url": "http://images.internal:9000/a"}]}).encode())], headers={}),
        Script(thinking=1e6),
    )
    outcome = await maker(transport).run({"prompt": "a"}, {})
    assert outcome.error == "timeout"
    assert trio.current_time() == pytest.approx(299.0)
    assert not transport.left_open


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        *(({"prompt": bad}, "prompt has to be text") for bad in (None, "", " \n", 5, ["a"])),
        ({}, "prompt has to be text"),
        ({"prompt": "x" * 32_001}, "at most 32000 characters"),
        *(({"prompt": "a", "size": bad}, "size is not understood") for bad in ("huge", "1024", 1024, "0x0", "1x1", ["a"])),
    ],
)
async def test_arguments_that_make_no_image(arguments: dict[str, Any], said: str) -> None:
    transport = ScriptedTransport()
    outcome = await maker(transport).run(arguments, {})
    assert (outcome.error, outcome.calls, transport.played) == ("bad_arguments", 0, [])
    assert said in outcome.text


async def test_what_the_request_says_is_not_the_model_s_to_choose(autojump_clock: object) -> None:
    options = {
        **{"size": "512 X 512", "quality": "high", "output_format": "webp", "output_compression": 80, "moderation": "low"},
        **{"model": "dearest-image", "partial_images": 3, "background": None, "n": 10},
    }
    transport = ScriptedTransport(answered({"b64_json": b64(WEBP)}))
    making = maker(transport)
    assert making.declaration(options).parameters["properties"].keys() == {"prompt", "background"}
    assert making.declaration({}).parameters["properties"].keys() == {"prompt", "size", "quality", "background"}
    assert maker(transport, tool("flux")).declaration({}).parameters["properties"].keys() == {"prompt", "size"}
    await making.run({"prompt": "a", "size": "auto", "quality": "low", "background": "not a word", "n": 4}, options)
    assert json.loads(transport.played[0].body) == {
        **{"model": "gpt-image-2", "prompt": "a", "n": 1, "size": "512x512", "quality": "high"},
        **{"output_format": "webp", "output_compression": 80, "moderation": "low"},
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "big"}, "size: expected auto"),
        ({"size": 5}, "size: expected auto"),
        ({"quality": 5}, "quality: expected one word"),
        ({"background": "a b"}, "background: expected one word"),
        ({"output_format": "svg"}, "output_format: expected one of png, jpeg, webp, gif"),
        ({"output_format": ["png"]}, "output_format: expected one of"),
        ({"output_compression": 101}, "output_compression: expected a whole number from 0 to 100"),
        ({"output_compression": True}, "output_compression: expected a whole number"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maker(ScriptedTransport()).declaration(options)


@pytest.mark.parametrize("model", ["gpt-image-2", "chatgpt-image-latest", "openai/gpt-image-1.5", "a/openai/gpt-image-2"])
def test_models_of_openai(model: str) -> None:
    assert api.is_gpt_image(model)
    assert not any(map(api.is_gpt_image, ("", "flux", "not-gpt-image", "dall-e-3", "grok-2-image")))
