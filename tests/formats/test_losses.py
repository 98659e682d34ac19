"""What is a Loss and what is none (RULES: How the contract is read)."""

from __future__ import annotations

from typing import Any

import pytest

from hyperinfer.formats.codec import Loss
from hyperinfer.formats.losses import losses_of_extra


@pytest.mark.parametrize(
    ("extra", "lost"),
    [
        (None, []),
        ({}, []),
        ({"logit_bias": None, "prompt_cache_options": {}, "x": []}, []),
        ({"x": 0, "y": False, "z": ""}, ["x", "y", "z"]),
        (dict.fromkeys(["include", "stream_options", "prompt_cache_key", "client_metadata", "user", "stream"], "v"), []),
        ({"safety_identifier": "u"}, ["safety_identifier"]),
    ],
)
def test_fields_of_the_request(extra: dict[str, Any] | None, lost: list[str]) -> None:
    assert losses_of_extra(extra, "", "no such field") == [Loss(name, "no such field") for name in lost]


def test_within_the_request_the_neutral_names_mean_something_else() -> None:
    assert losses_of_extra({"user": "x", "n": None}, "messages[2]", "r") == [Loss("messages[2].user", "r")]
