"""Reads the body of a response that is no success: JSON, an event stream, plain text, or a page for people."""

import msgspec

from hyperinfer.formats.upstream_errors import ErrorFields, error_fields


def is_html(body: bytes, content_type: str) -> bool:
    """Whether the body is a page for people: a proxy's, not an API's."""
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return content_type.lower().startswith("text/html") or start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def read_error(body: bytes) -> ErrorFields:
    """The error in a response body. A body that is not JSON is its own message; an empty one is not `found`."""
    text = body.decode("utf-8-sig", "replace").strip()
    # Some servers answer a streamed request with an error status and an event stream.
    if text.startswith(("data:", "event:", ":")):
        lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
        text = lines[0] if lines else ""
    try:
        value = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError):
        return error_fields(text)._replace(found=False)
    return error_fields(value)
