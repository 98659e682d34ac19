"""What a request of any format may say of who serves it."""

from __future__ import annotations

from typing import Any

ROUTING: tuple[dict[str, Any], ...] = (
    {
        "models": ["zqother"],
        "provider": {
            "order": ["zqone"],
            "only": ["zqone", "zqtwo"],
            "ignore": ["zqthree"],
            "sort": {"by": "price", "partition": "none"},
            "allow_fallbacks": False,
            "max_price": {"prompt": 1234, "completion": 2345, "request": 3456, "image": 4567, "audio": 5678},
            "data_collection": "deny",
            "locations": ["zqplace"],
            "require_parameters": True,
        },
    },
    {"provider": {"sort": "latency", "preferred_min_throughput": 1234, "preferred_max_latency": 2345}},
    {"provider": {"zdr": True}},
    {"provider": {"enforce_distillable_text": True}},
    {"provider": {"quantizations": ["zqbits"]}},
)
