"""Recordings, played again: the real gateway on virtual time, between the client and the upstreams that were recorded.

    assert replay("tests/recordings/tool-call.jsonl").text == "It rains in Oslo."
    replay("tests/recordings/tool-call.jsonl", verify=True)  # every byte, every header, or ReplayDiffers

docs/recording.md is its manual; `hyperinfer replay` does the same in a terminal.
"""

from hyperinfer.api.replay.client import Write
from hyperinfer.api.replay.reading import ReplayError, SeveralEntries, read_scene, scene_of
from hyperinfer.api.replay.result import Replay, ReplayDiffers, replay, replay_scene
from hyperinfer.api.replay.telling import KeepAlive, Told

__all__ = [
    "KeepAlive",
    "Replay",
    "ReplayDiffers",
    "ReplayError",
    "SeveralEntries",
    "Told",
    "Write",
    "read_scene",
    "replay",
    "replay_scene",
    "scene_of",
]
