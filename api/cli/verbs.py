"""All verbs, as data. What they do lies in the modules that `run` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyperinfer.api import values
from hyperinfer.api.cli.doctor_verb import DOCTOR
from hyperinfer.api.cli.replay_verb import REPLAY
from hyperinfer.api.cli.verb import Argument, Verb
from hyperinfer.api.settings import CONFIG, DATA, JSON, SERVE_FLAGS, SERVER

_COMMON = tuple(Argument(name=f"--{flag.name}", value=flag.value, help=flag.help) for flag in (DATA, JSON))
_ADMIN = (Argument(name=f"--{SERVER.name}", value=SERVER.value, help=SERVER.help), *_COMMON)
_SERVE = tuple(Argument(name=f"--{flag.name}", value=flag.value, help=flag.help) for flag in SERVE_FLAGS)
_CONFIG = Argument(name=f"--{CONFIG.name}", value=CONFIG.value, help=CONFIG.help)
_WORKSPACE = Argument(name="WORKSPACE", help="its id or its name", required=True)
_KEY = Argument(name="KEY", help="its id, how it begins as `keys list` shows it, or all of it", required=True)
_IN_WORKSPACE = Argument(name="--workspace", value="WORKSPACE", help="only this one, by id or name")

GROUPS: Final[Mapping[str, str]] = {
    "workspaces": "Workspaces: who pays. Each has credits, and keys that spend them.",
    "keys": "API keys: what clients sign in with, and what each may do.",
    "console": "The console: the pages at / of a running gateway, for those who operate it.",
    "ledger": "The ledger: every movement of credits.",
}
"""The words that several verbs begin with."""

_VERBS = (
    Verb(
        path=("serve",),
        summary="Run the gateway.",
        run="hyperinfer.api.cli.serve:serve",
        details="Prints `listening http://HOST:PORT` once it is ready; on a store without keys it also makes the workspace"
        " `default` and prints its API key, and once a token for the console, the pages at that address."
        " SIGTERM and Ctrl-C drain: running requests may end; Ctrl-C again ends them."
        " SIGHUP reads the catalogue again. Every option is also an environment variable: --port is HYPERINFER_PORT.",
        arguments=(*_SERVE, *_COMMON),
        examples=(
            ("hyperinfer serve", "on http://127.0.0.1:8080, for this machine alone"),
            ("hyperinfer serve --host 0.0.0.0 --port 80", "for everybody who can reach this machine"),
            ("HYPERINFER_PORT=8081 hyperinfer serve", "the same setting by environment"),
        ),
    ),
    Verb(
        path=("check",),
        summary="Say everything that is wrong with the catalogue and the settings, without serving.",
        run="hyperinfer.api.cli.check:check",
        details="Takes what serve takes. Exits with 1 when there is a problem or a warning; a warning does not keep serve"
        " from starting. A provider whose variable is not set is neither: it is off, and listed.",
        arguments=(*_SERVE, *_COMMON),
        examples=(
            ("hyperinfer check", "the catalogue that serve would use here"),
            ("hyperinfer check --config new.yaml", "another one, before it replaces the old"),
        ),
    ),
    DOCTOR,
    Verb(
        path=("models",),
        summary="List the models of the catalogue: limits, prices, and which can be called.",
        run="hyperinfer.api.cli.models:models",
        details="Prices are USD for a million tokens: prompt, cached prompt, output. CONTEXT is in tokens, to three digits."
        " `check` says which variables the others need. --json prints what GET /api/v1/models answers.",
        arguments=(Argument(name="--available", help="only those that can be called"), _CONFIG, *_COMMON),
        examples=(
            ("hyperinfer models", "all of them"),
            ("hyperinfer models --available --json", "those that can be called, for a script"),
        ),
    ),
    Verb(
        path=("workspaces", "create"),
        summary="Make a workspace, and the store if there is none yet.",
        run="hyperinfer.api.cli.workspaces:create",
        arguments=(
            Argument(name="NAME", help="how it is called; no two have the same name", required=True),
            Argument(name="--credits", value="USD", help="what it starts with (default: 0)", read=values.usd_not_negative),
            *_ADMIN,
        ),
        examples=(("hyperinfer workspaces create acme --credits 12.50", "with 12.50 USD"),),
    ),
    Verb(
        path=("workspaces", "show"),
        summary="Show a workspace: its balance, and whether it is locked.",
        run="hyperinfer.api.cli.workspaces:show",
        arguments=(_WORKSPACE, *_ADMIN),
        examples=(("hyperinfer workspaces show acme", ""),),
    ),
    Verb(
        path=("workspaces", "topup"),
        summary="Add credits to a workspace.",
        run="hyperinfer.api.cli.workspaces:topup",
        details="A negative amount takes credits away, at most what there is; the ledger calls that an adjustment.",
        arguments=(
            _WORKSPACE,
            Argument(name="USD", help="how much, to the last digit that you type", read=values.usd, required=True),
            *_ADMIN,
        ),
        examples=(("hyperinfer workspaces topup acme 100", "100 USD more"),),
    ),
    Verb(
        path=("workspaces", "lock"),
        summary="Refuse a workspace's requests from now on.",
        run="hyperinfer.api.cli.workspaces:lock",
        details="Requests that run are finished and billed.",
        arguments=(_WORKSPACE, *_ADMIN),
        examples=(("hyperinfer workspaces lock acme", ""),),
    ),
    Verb(
        path=("workspaces", "unlock"),
        summary="Take a locked workspace's requests again.",
        run="hyperinfer.api.cli.workspaces:unlock",
        arguments=(_WORKSPACE, *_ADMIN),
        examples=(("hyperinfer workspaces unlock acme", ""),),
    ),
    Verb(
        path=("workspaces", "list"),
        summary="List all workspaces and their balances.",
        run="hyperinfer.api.cli.workspaces:list_all",
        arguments=_ADMIN,
        examples=(("hyperinfer workspaces list", ""),),
    ),
    Verb(
        path=("keys", "create"),
        summary="Make an API key and print it: this once, and nobody can show it again.",
        run="hyperinfer.api.cli.keys:create",
        details="Prints the key alone. Limits count in UTC days and months; what is not said is not limited. A model that"
        " the catalogue here does not have is warned of.",
        arguments=(
            Argument(name="--workspace", value="WORKSPACE", help="who pays, by id or name", required=True),
            Argument(name="--name", value="NAME", help="what you call it", default=""),
            Argument(name="--daily", value="USD", help="the most it may spend in a day", read=values.usd_not_negative),
            Argument(name="--monthly", value="USD", help="the most in a month", read=values.usd_not_negative),
            Argument(name="--total", value="USD", help="the most ever", read=values.usd_not_negative),
            Argument(name="--models", value="A,B", help="the only models it may use", read=values.names),
            Argument(name="--rate", value="N", help="requests a minute, not the catalogue's", read=values.count),
            Argument(name="--burst", value="N", help="requests at once, before the rate holds", read=values.count),
            Argument(
                name="--expires",
                value="WHEN",
                help="from when it is refused: 30d, 12h, 90m, 2w; or an ISO date or time (UTC)",
                read=values.expiry,
            ),
            *_ADMIN,
        ),
        examples=(
            ("hyperinfer keys create --workspace acme", ""),
            ("KEY=$(hyperinfer keys create --workspace acme --daily 5 --expires 30d)", "into a variable"),
            ("hyperinfer keys create --workspace acme --models demo/chat,demo/messages", "for two models only"),
        ),
    ),
    Verb(
        path=("keys", "list"),
        summary="List the keys: how each begins and ends, and what it may do. Never the keys themselves.",
        run="hyperinfer.api.cli.keys:list_all",
        arguments=(_IN_WORKSPACE, *_ADMIN),
        examples=(("hyperinfer keys list --workspace acme", ""),),
    ),
    Verb(
        path=("keys", "disable"),
        summary="Refuse a key until it is enabled again.",
        run="hyperinfer.api.cli.keys:disable",
        arguments=(_KEY, *_ADMIN),
        examples=(("hyperinfer keys disable hi-3fQx9a_k", ""),),
    ),
    Verb(
        path=("keys", "enable"),
        summary="Let a key in again that was disabled.",
        run="hyperinfer.api.cli.keys:enable",
        arguments=(_KEY, *_ADMIN),
        examples=(("hyperinfer keys enable hi-3fQx9a_k", ""),),
    ),
    Verb(
        path=("keys", "revoke"),
        summary="Refuse a key from now on, for good.",
        run="hyperinfer.api.cli.keys:revoke",
        arguments=(_KEY, *_ADMIN),
        examples=(("hyperinfer keys revoke hi-3fQx9a_k", ""),),
    ),
    Verb(
        path=("usage",),
        summary="Sum up requests, tokens and cost.",
        run="hyperinfer.api.cli.usage:usage",
        arguments=(
            Argument(
                name="--by",
                value="WHAT",
                help="day (UTC), key, model or workspace (default: model)",
                choices=("day", "key", "model", "workspace"),
                default="model",
            ),
            _IN_WORKSPACE,
            Argument(name="--since", value="DATE", help="the first day, such as 2026-11-01 (UTC)", read=values.utc_day),
            Argument(name="--until", value="DATE", help="the last day (UTC)", read=values.utc_day),
            Argument(name="--csv", help="comma-separated values instead of a table"),
            *_ADMIN,
        ),
        examples=(
            ("hyperinfer usage --by day --workspace acme", "what acme used, day by day"),
            ("hyperinfer usage --since 2026-11-01 --until 2026-11-30 --csv", "November by model, for a spreadsheet"),
        ),
    ),
    Verb(
        path=("console", "token"),
        summary="Make another token for the console and print it: this once, and nobody can show it again.",
        run="hyperinfer.api.cli.console:token",
        details="Prints the token alone. The last one signs in no more, and whoever had signed in is signed out. A gateway"
        " where HYPERINFER_CONSOLE_TOKEN is set takes that one alone.",
        arguments=_ADMIN,
        examples=(("hyperinfer console token", "after somebody left, or when it is lost"),),
    ),
    Verb(
        path=("ledger", "verify"),
        summary="Recompute every balance and every cost, and say what differs.",
        run="hyperinfer.api.cli.ledger:verify",
        details="Exits with 1 when anything differs.",
        arguments=_ADMIN,
        examples=(("hyperinfer ledger verify", ""),),
    ),
    Verb(
        path=("ledger", "recover"),
        summary="Settle again what a failover of Postgres has lost, from this machine's journals.",
        run="hyperinfer.api.cli.ledger:recover",
        details="For the shared mode, after a replica took over that had not everything yet: on each machine, within a day."
        " What is there already is not settled twice. Gateways may run. Exits with 1 when something could not be restored.",
        arguments=_COMMON,
        examples=(("hyperinfer ledger recover --data /var/lib/hyperinfer", ""),),
    ),
    Verb(
        path=("conformance",),
        summary="Test whether a gateway, this one or another, translates between the three formats as it should.",
        run="hyperinfer.api.cli.conformance:conformance",
        details="Its upstream is then a scripted one, which this starts on --listen: three models must be configured for it."
        " Without a URL it says how. With a URL it asks in three formats, for three upstream protocols, streamed and whole,"
        " prints a matrix and what did not pass, and exits with 1 unless all passed or was plainly refused.",
        arguments=(
            Argument(
                name="URL",
                help="the gateway up to the version, such as http://127.0.0.1:8080/api/v1",
                read=values.server_url,
            ),
            Argument(name="--key", value="KEY", help="its API key"),
            Argument(
                name="--listen",
                value="HOST:PORT",
                help="where the scripted upstream listens (default: 127.0.0.1:8765)",
                read=values.address,
                default=("127.0.0.1", 8765),
            ),
            Argument(
                name="--models",
                value="A=B,C=D",
                help="what a client calls the models, by the upstream's format (default:"
                " chat=conformance/chat,responses=conformance/responses,messages=conformance/messages)",
                read=values.pairs,
            ),
            Argument(
                name="--headers",
                value="JSON",
                help='more headers of each request: {"name": "value"}; {"messages": {"name": "value"}} for one upstream',
                read=values.json_object,
            ),
            Argument(name="--only", value="A,B", help="these checks or groups of them: tools,errors.429", read=values.names),
            Argument(
                name="--within",
                value="MS",
                help="how soon the upstream's connection is to be closed after a client left (default: 2000)",
                read=values.count,
                default=2000,
            ),
            Argument(
                name="--patience",
                value="SECONDS",
                help="how long one exchange may take, and a gateway that is just starting (default: 15)",
                read=values.count,
                default=15,
            ),
            Argument(name="--write-config", value="FILE", help="write a providers.yaml for `hyperinfer serve`, and end"),
            *_COMMON,
        ),
        examples=(
            ("hyperinfer conformance", "what a gateway must be told"),
            (
                "hyperinfer conformance --write-config conformance.yaml",
                "the same for this gateway: serve --config conformance.yaml",
            ),
            ("hyperinfer conformance http://127.0.0.1:8080/api/v1 --key hi-…", "all checks"),
            (
                "hyperinfer conformance https://gateway.example/v1 --key sk-… --only tools,usage --json",
                "some, for a program",
            ),
        ),
    ),
    REPLAY,
    Verb(
        path=("diagram",),
        summary="Draw how it hangs together, as Mermaid or SVG.",
        run="hyperinfer.api.cli.diagram:diagram",
        details="layers: which folder imports which. processes: what runs beside what. pipeline: the graphs that requests"
        " run through. lifecycle: the order of a reply's events. settlement: how a request is paid. shutdown: what happens"
        " after SIGTERM, and when.",
        arguments=(
            Argument(
                name="NAME",
                help="layers, processes, pipeline, lifecycle, settlement or shutdown (default: all)",
                choices=("layers", "processes", "pipeline", "lifecycle", "settlement", "shutdown"),
            ),
            Argument(name="--svg", help="print the one that is named as a picture, SVG"),
            Argument(
                name="--write",
                value="DIR",
                help="write a page and a picture of each and a README, instead of printing (default DIR: diagrams)",
                bare="diagrams",
            ),
            Argument(
                name=f"--{CONFIG.name}", value=CONFIG.value, help="draw the pipeline with the nodes of this catalogue in it"
            ),
            *_COMMON,
        ),
        examples=(
            ("hyperinfer diagram pipeline", "one, for the terminal or another tool"),
            ("hyperinfer diagram pipeline --config providers.yaml", "the same with nodes of your own"),
            ("hyperinfer diagram pipeline --svg", "as a picture, light and dark"),
            ("hyperinfer diagram --write", "the pages of this repository's diagrams/"),
        ),
    ),
)

VERBS: Final[Mapping[tuple[str, ...], Verb]] = {verb.path: verb for verb in _VERBS}
"""By their words, in the order of the help page."""
