"""Traces: what happened in a request as spans, to an OpenTelemetry collector by OTLP over HTTP. Off unless configured.

`settings`: what the environment says. `tracer`: decides which requests are traced, and begins with them. `request_trace`:
looks on at one and makes its spans. `contents`: what is asked and answered, for those who want it on them. `exporter`: sends
them, beside the requests and in no thread of its own; `otlp` writes them. OpenTelemetry's SDK is not in it: that has
threads, and a clock of its own.
"""
