"""The recorder of `serve --record`: one file for a request, for `hyperinfer replay` and for tests (docs/recording.md).

A recorded request has a `Recorded`, which looks on: between the nodes and what they call (`nodes.tap`), and between the end
of the pipeline and the connection. It writes lines; a process of its own (`scribe.py`) brings them to the disk, so that no
request ever waits for that, nor is harmed by a disk that is full or gone.
"""

__all__: list[str] = []
