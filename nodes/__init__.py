"""The stages of a request: decode, route, admit, tool loop, call, translate, meter, encode, settle. Or count, in place of
all after route.

Each function makes a node of `hyperinfer.engine`; `items` says what travels between them, `ports` what they need from
outside.
"""

from hyperinfer.nodes.admit import admit
from hyperinfer.nodes.big_bodies import BigBodies
from hyperinfer.nodes.call import call
from hyperinfer.nodes.count import count
from hyperinfer.nodes.decode import decode, decode_count
from hyperinfer.nodes.encode import encode, encode_whole
from hyperinfer.nodes.items import Answering, Asked, Chunk, Failed, Head, Incoming, Output, Planned, Reply, Ticket
from hyperinfer.nodes.meter import meter
from hyperinfer.nodes.rewrite import rewrite
from hyperinfer.nodes.route import route, to_model, to_routes
from hyperinfer.nodes.settlement import settle
from hyperinfer.nodes.tap import AttemptTap, Tap
from hyperinfer.nodes.tool_loop import tool_loop
from hyperinfer.nodes.translate import translate

__all__ = [
    "Answering",
    "Asked",
    "AttemptTap",
    "BigBodies",
    "Chunk",
    "Failed",
    "Head",
    "Incoming",
    "Output",
    "Planned",
    "Reply",
    "Tap",
    "Ticket",
    "admit",
    "call",
    "count",
    "decode",
    "decode_count",
    "encode",
    "encode_whole",
    "meter",
    "rewrite",
    "route",
    "settle",
    "to_model",
    "to_routes",
    "tool_loop",
    "translate",
]
