"""The name by which some codecs still import `upstream_error`. New code imports `formats.upstream_errors`."""

from hyperinfer.formats.upstream_errors import upstream_error as upstream_error
