"""Graphs, transition tables and boxes with arrows as SVG: a text that needs no program to be drawn, light and dark.

    graph_picture(graph).svg("How requests run")

The same input gives the same text, byte for byte. `hyperinfer.engine.graph_diagram` draws the same as Mermaid.
"""

from hyperinfer.engine.pictures.boxes import box_picture
from hyperinfer.engine.pictures.drawing import Picture, beside
from hyperinfer.engine.pictures.graphs import graph_picture
from hyperinfer.engine.pictures.states import state_picture

__all__ = ["Picture", "beside", "box_picture", "graph_picture", "state_picture"]
