"""How a route shapes answers, where neither it nor its provider says: by the features of the model."""

from collections.abc import Collection
from dataclasses import replace

from hyperinfer.providers.catalogue_records import Feature
from hyperinfer.providers.quirks import Quirks


def shaped_by_features(quirks: Quirks, features: Collection[Feature]) -> Quirks:
    """`quirks` with `json_schema` decided. A model of which nothing is said is asked as its protocol has it."""
    if quirks.json_schema != "auto":
        return quirks
    if not features or "json_mode" in features:
        return replace(quirks, json_schema="send")
    return replace(quirks, json_schema="tool" if "tools" in features else "instruction")
