"""The dataflow machinery: nodes, graphs and the runner. It knows nothing of AI.

    graph = Graph.linear(decode, my_step, call, encode)
    await run(graph, [body], sink)

A graph is frozen data made of three forms of node (`step`, `stage`, `node`); `run` turns it into as few tasks as its
edges allow. The test kit is `hyperinfer.engine.testing`, imported by whoever tests.
"""

from hyperinfer.engine.errors import AbortExpired
from hyperinfer.engine.failure import Failure
from hyperinfer.engine.graph import Edge, Graph, GraphError
from hyperinfer.engine.node import DownstreamClosed, Form, Machine, Node, Sink, Source, Stage, node, stage, step
from hyperinfer.engine.run import run

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
