"""The name by which `nodes/` still imports what an attempt failed of. New code imports `formats.upstream_errors`."""

from hyperinfer.formats.upstream_errors import UpstreamFault as UpstreamFault
