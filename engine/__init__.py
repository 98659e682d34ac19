"""The dataflow machinery: nodes, graphs and the runner. It knows nothing of AI.

    graph = Graph.linear(decode, my_step, call, encode)
    await run(graph, [body], sink)

A graph is frozen data made of three forms of node (`step`, `stage`, `node`); `run` turns it into as few tasks as its
edges allow. The test kit is `hyperinfer.engine.testing`, imported by whoever tests.
"""

from .errors import AbortExpired
from .graph import Edge, Graph, GraphError
from .node import DownstreamClosed, Failure, Form, Machine, Node, Sink, Source, Stage, node, stage, step
from .run import run

__all__ = [
    "AbortExpired",
    "DownstreamClosed",
    "Edge",
    "Failure",
    "Form",
    "Graph",
    "GraphError",
    "Machine",
    "Node",
    "Sink",
    "Source",
    "Stage",
    "node",
    "run",
    "stage",
    "step",
]
