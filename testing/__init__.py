"""Deterministic tests of what talks to language models: scripted and recorded upstreams, and a conformance kit."""

__all__: list[str] = []
