"""The program: from the words of the command line to an exit code, with one clear line for whatever went wrong."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO, cast

from hyperinfer.api.cli.interrupt import ends_at_once
from hyperinfer.api.cli.invocation import DONE, INTERRUPTED, REFUSED, USAGE, CommandRefused, Invocation, UsageError
from hyperinfer.api.cli.output import Output, silence
from hyperinfer.api.cli.parser import VERSION, Found, find_verb, parse
from hyperinfer.api.cli.verbs import VERBS
from hyperinfer.api.settings import JSON, SettingError, SettingsConflict, read_flag
from hyperinfer.api.store.errors import NoStore, Refused, StoreUnavailable

_PIPE_CLOSED = 141  # As a shell says it: 128 + SIGPIPE.


def main(argv: Sequence[str] | None = None, *, environ: Mapping[str, str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 refused, 2 not understood, 130 interrupted.

    `argv`: the words after the program's name, by default the process's. Prints; raises nothing, except in Python's
    development mode (`python -X dev -m hyperinfer`), where a bug shows its traceback.
    """
    words = tuple(sys.argv[1:] if argv is None else argv)
    environment = os.environ if environ is None else environ
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_encode(stream)
    output = Output(sys.stdout, sys.stderr, json="--json" in words)
    try:
        with ends_at_once(output):
            return _guarded(words, environment, output)
    except BrokenPipeError:
        silence(sys.stdout)
        return _PIPE_CLOSED


def _guarded(words: Sequence[str], environ: Mapping[str, str], output: Output) -> int:
    try:
        output.json = output.json or read_flag(JSON, {}, environ) is True
        code = _run(words, environ, output)
        sys.stdout.flush()
    except UsageError as error:
        output.error("usage", error.message, hint=f"(see {error.see} --help)" if error.see else "")
        return USAGE
    except SettingError as error:
        output.error("usage", str(error))
        return USAGE
    except SettingsConflict as error:
        output.error("settings", str(error))
        return REFUSED
    except Refused as error:
        output.error(error.code, error.message)
        return REFUSED
    except CommandRefused as error:
        output.error(error.code, error.message, error.details)
        return REFUSED
    except StoreUnavailable as error:
        output.error("no_store" if isinstance(error, NoStore) else "unavailable", str(error))
        return REFUSED
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        output.error("system", f"{error.strerror or error}{where}")
        return REFUSED
    except (KeyboardInterrupt, BaseExceptionGroup) as error:
        if isinstance(error, BaseExceptionGroup) and not error.subgroup(KeyboardInterrupt):
            return _bug(error, output)
        output.error("interrupted", "interrupted")
        return INTERRUPTED
    except Exception as error:
        return _bug(error, output)
    return code


def _bug(error: BaseException, output: Output) -> int:
    if sys.flags.dev_mode:
        raise error
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    output.error("internal", f"this should not have happened: {what}", hint="(python -X dev -m hyperinfer … shows where)")
    return REFUSED


def _run(words: Sequence[str], environ: Mapping[str, str], output: Output) -> int:
    found = find_verb(words, VERBS)
    if found.verb is None:
        return _without_verb(found, output)
    if found.asks_for_help:
        return _help(found.path, output, failed=False)
    arguments = parse(found.verb, found.words)
    invocation = Invocation(arguments=arguments, environ=environ, output=output, now=time.time)
    return found.verb.load()(invocation)


def _without_verb(found: Found, output: Output) -> int:
    if not found.path and not VERSION.isdisjoint(found.words):
        from hyperinfer import __version__

        output.result({"version": __version__}, lambda console: console.print(f"hyperinfer {__version__}"))
        return DONE
    if found.asks_for_help:
        return _help(found.path, output, failed=False)
    if output.json:
        raise UsageError("no verb is given", see=" ".join(("hyperinfer", *found.path)))
    return _help(found.path, output, failed=True)


def _help(path: tuple[str, ...], output: Output, *, failed: bool) -> int:
    from hyperinfer.api.cli.help_page import help_page

    output.page(lambda console: console.print(help_page(path)), failed=failed)
    return USAGE if failed else DONE


def _open_closed_streams() -> None:
    """A process that was started with a stream closed has None there, whatever the types say; its words go nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open as long as the process)


def _never_fail_to_encode(stream: TextIO) -> None:
    """A terminal or pipe that cannot show a character gets an escape instead of no output at all."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
