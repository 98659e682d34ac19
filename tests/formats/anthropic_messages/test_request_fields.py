"""Fields of the OpenAI dialects beside the history, for an upstream that speaks Messages."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats.conversation import (
    Conversation,
    Sampling,
)
from hyperinfer.formats.errors import RequestError
from tests.support.messages_codec import chat, encode, target, user

SILENT = {
    "client_metadata": {"a": "b"},
    "background": False,
    "truncation": "disabled",
    "modalities": ["text"],
    "usage": {"include": True},
    "nothing": None,
}


def test_fields_without_a_counterpart() -> None:
    conversation = chat(
        user(),
        sampling=Sampling(seed=0, n=1, logprobs=False, frequency_penalty=0.0, presence_penalty=0.5, logit_bias={}),
        metadata={"a": "b"},
        verbosity="low",
        store=True,
        include=("x",),
        stream_options={"include_usage": True},
        prompt_cache_key="k",
        service_tier="flex",
        user="u",
        extra={**SILENT, "prediction": {"type": "content"}},
    )
    body, losses = encode(conversation)
    assert sorted(losses) == ["metadata", "prediction", "presence_penalty", "seed", "service_tier", "store", "verbosity"]
    assert body["metadata"] == {"user_id": "u"}
    assert body.keys() == {"model", "max_tokens", "messages", "metadata"}


def test_safety_identifier_is_the_user() -> None:
    body, losses = encode(chat(user(), extra={"safety_identifier": "s"}))
    assert body["metadata"] == {"user_id": "s"}
    assert losses == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"sampling": Sampling(n=2)}, "n"),
        ({"extra": {"previous_response_id": "r"}}, "previous_response_id"),
        ({"extra": {"conversation": "c"}}, "conversation"),
        ({"extra": {"prompt": {"id": "p"}}}, "prompt"),
        ({"extra": {"background": True}}, "background"),
        ({"extra": {"modalities": ["text", "audio"]}}, "modalities"),
        ({"extra": {"audio": {"voice": "x"}}}, "audio"),
    ],
)
def test_what_is_always_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        encode(chat(user(), **fields))
    assert caught.value.param == param


def test_sampling() -> None:
    body, losses = encode(
        chat(user(), sampling=Sampling(temperature=1.7, top_p=0.9, top_k=5, stop=("Y", "Z"), max_tokens=7))
    )
    assert (body["temperature"], body["top_p"], body["top_k"]) == (1, 0.9, 5)
    assert (body["stop_sequences"], body["max_tokens"]) == (["Y", "Z"], 7)
    assert losses == ["temperature"]
    body, losses = encode(chat(user(), sampling=Sampling(temperature=1.0, top_p=0.9)), target(sampling="omit"))
    assert "top_p" not in body
    assert losses == ["top_p"]


def test_service_tiers() -> None:
    assert encode(chat(user(), service_tier="default"))[0]["service_tier"] == "standard_only"
    assert encode(chat(user(), service_tier="auto"))[0]["service_tier"] == "auto"


def test_a_request_is_stable_json() -> None:
    conversation = Conversation(dialect="openai_responses", model="m", turns=(user(),), verbosity="high")
    assert encode(conversation) == encode(conversation)
    assert encode(conversation)[1] == ["text.verbosity"]
