"""The dataflow machinery: nodes, graphs and the runner. It knows nothing of AI.

    graph = Graph.linear(decode, my_step, call, encode)
    await run(graph, [body], sink)

A graph is frozen data made of nodes (`step`, `stage`, `timed`, `node`), and of what makes nodes of others (`subgraph`,
`each`, `within`, `race`, `gather`, `merge`, `tee`); `run` turns it into as few tasks as its edges allow. The test kit is
`hyperinfer.engine.testing`, imported by whoever tests.
"""

from hyperinfer.engine.branches import Part
from hyperinfer.engine.deadlines import Cause, Deadlines, Expired
from hyperinfer.engine.drain import Drain, DrainingError, FullError, HardEnd
from hyperinfer.engine.errors import AbortExpired
from hyperinfer.engine.failure import Failure
from hyperinfer.engine.graph import MAX_CAPACITY, Edge, Graph, GraphError
from hyperinfer.engine.node import (
    DONE,
    DownstreamClosed,
    Form,
    Machine,
    Node,
    Sink,
    Source,
    Stage,
    TimedStage,
    node,
    stage,
    step,
    timed,
)
from hyperinfer.engine.observe import ChannelCounts, Counts, Observer, Observers
from hyperinfer.engine.open_run import open_run
from hyperinfer.engine.race import race
from hyperinfer.engine.render import graph_diagram, state_diagram
from hyperinfer.engine.run import run
from hyperinfer.engine.subgraph import each, gather, merge, subgraph
from hyperinfer.engine.tee import SideEnd, Slow, tee
from hyperinfer.engine.within import within

__all__ = [
    "DONE",
    "MAX_CAPACITY",
    "AbortExpired",
    "Cause",
    "ChannelCounts",
    "Counts",
    "Deadlines",
    "DownstreamClosed",
    "Drain",
    "DrainingError",
    "Edge",
    "Expired",
    "Failure",
    "Form",
    "FullError",
    "Graph",
    "GraphError",
    "HardEnd",
    "Machine",
    "Node",
    "Observer",
    "Observers",
    "Part",
    "SideEnd",
    "Sink",
    "Slow",
    "Source",
    "Stage",
    "TimedStage",
    "each",
    "gather",
    "graph_diagram",
    "merge",
    "node",
    "open_run",
    "race",
    "run",
    "stage",
    "state_diagram",
    "step",
    "subgraph",
    "tee",
    "timed",
    "within",
]
