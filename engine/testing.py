"""The test kit: scripted inputs, recording outputs, virtual time, and a suite that every node must pass.

    from hyperinfer.engine.testing import ListSink, ScriptedStream, check_node, run_virtual

Not imported by `hyperinfer.engine`: only whoever tests pays for it.
"""

from hyperinfer.engine.conformance import check_node as check_node
from hyperinfer.engine.scripted import ListSink as ListSink
from hyperinfer.engine.scripted import ListSource as ListSource
from hyperinfer.engine.scripted import ScriptedStream as ScriptedStream
from hyperinfer.engine.virtual import RealTimeExceededError as RealTimeExceededError
from hyperinfer.engine.virtual import ThreadInVirtualTimeError as ThreadInVirtualTimeError
from hyperinfer.engine.virtual import refusing_threads as refusing_threads
from hyperinfer.engine.virtual import run_virtual as run_virtual
from hyperinfer.engine.virtual import seeded_schedule as seeded_schedule
