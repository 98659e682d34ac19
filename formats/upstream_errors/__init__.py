"""What upstreams' errors mean, and how they are told to a client: one table for error responses, for error frames in a
stream and for errors under a 200."""

from hyperinfer.formats.upstream_errors.event import fault_of_event, upstream_error
from hyperinfer.formats.upstream_errors.fault import CREDENTIALS_REFUSED, MODEL_MISSING, SENTENCES, UpstreamFault
from hyperinfer.formats.upstream_errors.fields import ErrorFields, error_fields
from hyperinfer.formats.upstream_errors.meaning import CODE_OF_STATUS, fault_of_error, fault_of_fields
from hyperinfer.formats.upstream_errors.redaction import redact

__all__ = [
    "CODE_OF_STATUS",
    "CREDENTIALS_REFUSED",
    "MODEL_MISSING",
    "SENTENCES",
    "ErrorFields",
    "UpstreamFault",
    "error_fields",
    "fault_of_error",
    "fault_of_event",
    "fault_of_fields",
    "redact",
    "upstream_error",
]
