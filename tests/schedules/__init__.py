"""Fault schedules: whole gateways on virtual time, among clients, upstreams and stores that misbehave as a seed says.

    python -m tests.schedules 4711               one schedule, and how it went
    python -m tests.schedules --count 20000      that many, from seed 0 on; `--start` for others

A schedule is one run of trio: the real edge, pipelines, upstream transport and store (without its process), between sockets
that never leave the process. It depends on its seed alone, the order in which trio runs tasks included.
"""
