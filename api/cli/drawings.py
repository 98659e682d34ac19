"""The drawings: what is drawn, and the sentence that explains it. Each is made from what the code itself goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from hyperinfer.api.custom_nodes.places import Plugs
    from hyperinfer.engine import Graph
    from hyperinfer.engine.pictures import Picture
    from hyperinfer.nodes.attempt import Clients
    from hyperinfer.nodes.ports import Health, Ledger


@dataclass(frozen=True, slots=True)
class Chart:
    """One Mermaid chart. `text`: what to see in it."""

    title: str
    text: str
    mermaid: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """One page of charts. `text`: what it shows; `picture`: all charts as one, for SVG."""

    name: str
    title: str
    text: str
    charts: tuple[Chart, ...]
    picture: Picture
    table: tuple[tuple[str, str], ...] = ()
    table_head: tuple[str, str] = ("phase", "what happens")


@dataclass(frozen=True, slots=True)
class Layer:
    """A source folder: what lives there, and which others it imports."""

    what: str
    uses: tuple[str, ...]


LAYERS: Final[Mapping[str, Layer]] = {
    "api": Layer("the hosted API, stores, command line", ("testing", "nodes", "providers", "engine", "formats")),
    "testing": Layer("deterministic tests of what talks to models", ("engine", "formats")),
    "nodes": Layer("the stages of a request", ("providers", "engine", "formats")),
    "providers": Layer("catalogue and upstream side", ("formats",)),
    "engine": Layer("dataflow machinery, knows nothing of AI", ()),
    "formats": Layer("wire formats, no input or output", ()),
}
"""What the folders import of each other. tests/project/test_diagrams.py holds it against the real imports."""


def layers() -> Drawing:
    """Which folder imports which."""
    from hyperinfer.engine.pictures import box_picture

    lines = ["flowchart TD"]
    lines += [f'    {name}["<b>{name}/</b><br/>{layer.what}"]' for name, layer in LAYERS.items()]
    lines += [f"    {name} --> {used}" for name, layer in LAYERS.items() for used in layer.uses]
    return Drawing(
        "layers",
        "Layers",
        "Which source folder imports which. Imports go downward only, and a test holds that.",
        (Chart("", "An arrow means: imports.", "\n".join(lines) + "\n"),),
        box_picture(
            {f"{name}/": [layer.what] for name, layer in LAYERS.items()},
            [(f"{name}/", f"{used}/") for name, layer in LAYERS.items() for used in layer.uses],
        ),
    )


def processes() -> Drawing:
    """What runs beside what."""
    from hyperinfer.api.cli.processes import PROCESSES
    from hyperinfer.engine.pictures import box_picture

    ids = {name: f"p{number}" for number, name in enumerate(PROCESSES)}
    lines = ["flowchart TD"]
    lines += [f'    {ids[name]}["<b>{name}</b><br/>{each.what}"]' for name, each in PROCESSES.items()]
    lines += [f"    {ids[name]} --> {ids[other]}" for name, each in PROCESSES.items() for other in each.speaks]
    return Drawing(
        "processes",
        "Processes",
        "What runs while a gateway serves, and what it speaks with. There may be any number of workers, each with"
        " helpers of its own; of the stores there is one kind, embedded or shared.",
        (Chart("", "An arrow leads to whom is asked or told.", "\n".join(lines) + "\n"),),
        box_picture(
            {name: [each.what] for name, each in PROCESSES.items()},
            [(name, other) for name, each in PROCESSES.items() for other in each.speaks],
        ),
        tuple((name, ", ".join(f"`{where}`" for where in each.where)) for name, each in PROCESSES.items() if each.where),
        ("process", "module"),
    )


def pipeline(plugs: Plugs = ()) -> Drawing:
    """The graphs that requests run through. `plugs`: nodes of an operator's own in them."""
    from hyperinfer.engine import graph_diagram
    from hyperinfer.engine.pictures import beside, graph_picture
    from hyperinfer.nodes import Output, Reply

    graphs = served_graphs(plugs)
    names = {"Reply": Reply, "Output": Output}
    what = {
        "stream": "A streamed response runs as two tasks: one reads the upstream, and writes too while the client takes at"
        " once what it is sent; the other writes what had to wait, and keeps a silent connection alive.",
        "whole": "A whole response runs as one task, without a channel.",
        "count": "The tokens of a request are counted in place of an answer. Nothing is held, billed or recorded.",
    }
    return Drawing(
        "pipeline",
        "Pipeline",
        "The graphs that requests run through, as the server runs them. A box is a task. Steps are"
        " round, stages square, nodes with a task of their own double-edged. Thin arrows are calls; thick ones are channels,"
        " with the number of items they hold. What the items are is said in [docs/library.md](../docs/library.md).",
        tuple(Chart(name, what.get(name, ""), graph_diagram(graph, names)) for name, graph in graphs.items()),
        beside([(name, graph_picture(graph, names)) for name, graph in graphs.items()]),
    )


def served_graphs(plugs: Plugs = ()) -> Mapping[str, Graph]:
    """The server's graphs with nothing behind their ports, to be looked at and not to be run."""
    from hyperinfer.api.pipelines import Parts, build_pipelines, named_graphs
    from hyperinfer.nodes.settlement import Settlement
    from hyperinfer.nodes.tool_loop import Tooling
    from hyperinfer.providers.catalogue import Limits, load

    catalogue = load("", {})
    limits = Limits()
    ledger = cast("Ledger", _Nothing())
    parts = Parts(
        catalogue=lambda: catalogue,
        ledger=ledger,
        settlement=Settlement(ledger),
        clients=cast("Clients", _Nothing()),
        health=cast("Health", _Nothing()),
        tooling=Tooling(tools=dict),
        drain=None,
        now=lambda: 0.0,
        jitter=lambda: 0.0,
    )
    return named_graphs(build_pipelines(parts, limits, plugs))


class _Nothing:
    """Stands at a port of a graph that is only drawn."""


def lifecycle() -> Drawing:
    """The legal order of a reply's events."""
    from hyperinfer.engine import state_diagram
    from hyperinfer.engine.pictures import state_picture
    from hyperinfer.formats.lifecycle import TRANSITIONS, State

    final = (State.ENDED, State.FAILED)
    return Drawing(
        "lifecycle",
        "Lifecycle of a reply",
        "The legal order of the events of a reply, whatever format they are decoded from or encoded to. Decoders and"
        " encoders step this one table, so none can be laxer than another.",
        (Chart("", "", state_diagram(TRANSITIONS, initial=State.START, final=final)),),
        state_picture(TRANSITIONS, initial=State.START, final=final),
    )


def settlement() -> Drawing:
    """How a request is paid, whatever is late or broken."""
    from hyperinfer.api.settlement.phases import CLIENT, LAST, STEPS
    from hyperinfer.engine import state_diagram
    from hyperinfer.engine.pictures import state_picture

    first = next(iter(CLIENT)).value
    return Drawing(
        "settlement",
        "Settlement",
        "The phases of one request's settlement in the shared store, whose database may be late. The client gets its last"
        " bytes once the row is there, or the journal on the disk.",
        (Chart("", "", state_diagram(STEPS, initial=first, final=LAST)),),
        state_picture(STEPS, initial=first, final=LAST),
        tuple((phase.value, what) for phase, what in CLIENT.items()),
        ("phase", "the client"),
    )


def shutdown() -> Drawing:
    """What happens after SIGTERM, and when."""
    from hyperinfer.api.edge.settings import EdgeSettings
    from hyperinfer.api.shutdown_sequence import FIRST, LAST, SEQUENCE, transitions
    from hyperinfer.engine import state_diagram
    from hyperinfer.engine.pictures import state_picture

    table = transitions(EdgeSettings())
    return Drawing(
        "shutdown",
        "Shutdown",
        "What happens from SIGTERM to the end of the process. The times are the defaults; `limits.grace` moves them all.",
        (Chart("", "", state_diagram(table, initial=FIRST, final=LAST)),),
        state_picture(table, initial=FIRST, final=LAST),
        tuple((phase.name, phase.what) for phase in SEQUENCE),
    )


DRAWINGS: Final = {
    "layers": layers,
    "processes": processes,
    "pipeline": pipeline,
    "lifecycle": lifecycle,
    "settlement": settlement,
    "shutdown": shutdown,
}
"""By name, in the order of the README."""


def page(drawing: Drawing) -> str:
    """A Markdown page that a code host shows as a picture."""
    parts = [f"# {drawing.title}", f"{drawing.text}\n[As one picture]({drawing.name}.svg)."]
    for chart in drawing.charts:
        parts += [f"## {chart.title}"] if chart.title else []
        parts += [chart.text] if chart.text else []
        parts.append(f"```mermaid\n{chart.mermaid}```")
    if drawing.table:
        rows = "\n".join(f"| {name} | {what} |" for name, what in drawing.table)
        parts.append(f"| {' | '.join(drawing.table_head)} |\n|---|---|\n{rows}")
    parts.append("Made by `hyperinfer diagram --write`; a test fails while it differs from the code.")
    return "\n\n".join(parts) + "\n"


def drawn(name: str, plugs: Plugs = ()) -> Drawing:
    """One drawing. `plugs`: as in `pipeline`."""
    return pipeline(plugs) if name == "pipeline" else DRAWINGS[name]()


def pages(plugs: Plugs = ()) -> Mapping[str, str]:
    """Every page and picture by file name, the README that lists them included. `plugs`: as in `pipeline`."""
    drawings = [drawn(name, plugs) for name in DRAWINGS]
    rows = [f"- [{each.title}]({each.name}.md): {_lower(_first_sentence(each.text))}" for each in drawings]
    readme = "\n\n".join(
        [
            "# How it hangs together",
            "\n".join(rows),
            "Made by `hyperinfer diagram --write`; `hyperinfer diagram NAME` prints one for the terminal or another tool.",
        ]
    )
    return {
        "README.md": readme + "\n",
        **{f"{each.name}.md": page(each) for each in drawings},
        **{f"{each.name}.svg": each.picture.svg(f"{_first_sentence(each.text)}.") for each in drawings},
    }


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].removesuffix(".")


def _lower(sentence: str) -> str:
    return f"{sentence[0].lower()}{sentence[1:]}"
