"""Quirks of upstreams. The record lives in `formats/quirks.py`, since the codecs read it; edit it there."""

from hyperinfer.formats.quirks import PROTOCOL_QUIRKS as PROTOCOL_QUIRKS
from hyperinfer.formats.quirks import Protocol as Protocol
from hyperinfer.formats.quirks import QuirkFact as QuirkFact
from hyperinfer.formats.quirks import Quirks as Quirks
from hyperinfer.formats.quirks import overlay as overlay
from hyperinfer.formats.quirks import quirk_facts as quirk_facts
