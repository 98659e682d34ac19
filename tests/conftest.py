"""What every test may ask for. A fixture that only one folder needs lives in that folder's conftest.py."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import leftovers
from tests.support import postgres as postgres_kit
from tests.support import valkey as valkey_kit
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.valkey import ValkeyServer, valkey_server

ROOT = Path(__file__).resolve().parents[1]
WITHOUT_GATEWAYS = frozenset({"deploy", "formats", "engine", "fields", "project"})
GATEWAYS_APART = frozenset({"e2e", "system"})
"""Their gateways are processes of their own, and the clients of a file may keep their connections to the next test."""
BARE_NAMES = frozenset({"api", "engine", "formats", "nodes", "providers", "testing"})

# Where a change is judged, the examples are the same each time; on a person's machine every run looks further.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


# Who starts this in the background (`make test &`, a script) has Ctrl-C ignored in it and in all that it starts, by POSIX;
# tests that interrupt something mean a program that a person has started.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a test that skips has failed: what it misses must be there")
    parser.addoption(
        "--servers",
        choices=("packaged", "debian"),
        default="packaged",
        help="whose Postgres and Redis the shared store is tested on: of Python packages, or Debian's",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which --no-skips does not allow: {call.excinfo and call.excinfo.value}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why tests were skipped, a line for each reason. pytest's own `-rs` has one for each place as well."""
    skipped: list[pytest.TestReport] = terminalreporter.getreports("skipped")
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in skipped if isinstance(report.longrepr, tuple)
    )
    # A skip within an asynchronous test arrives without its words.
    if silent := reasons.pop("Skipped", 0):
        reasons["within an asynchronous test, most likely for one of the reasons here"] = silent
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")
    if reasons and not (ROOT.parent / "shared").is_dir():
        terminalreporter.write_line("Most of these need the folder ../shared, which is optional: see CONTRIBUTING.md.")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the repository with recorded exchanges and independent judges. Not everybody has it."""
    folder = ROOT.parent / "shared"
    if not (folder / "recordings").is_dir():
        pytest.skip(f"no recordings: {folder} is not there")
    return folder


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A real PostgreSQL, one for all tests: each takes a database of its own, and starts again what it has stopped."""
    debian = pytestconfig.getoption("--servers") == "debian"
    with postgres_server(postgres_kit.debian if debian else postgres_kit.packaged) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(pytestconfig: pytest.Config) -> Iterator[ValkeyServer]:
    """A real Valkey, one for all tests: each begins by emptying it."""
    debian = pytestconfig.getoption("--servers") == "debian"
    with valkey_server(valkey_kit.debian if debian else valkey_kit.packaged) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test after which a socket of this process is open that was not before, or of whose gateways a task, a request
    or a hold is left."""
    folder = request.path.relative_to(ROOT / "tests").parts[0]
    if folder in WITHOUT_GATEWAYS:
        yield
        return
    leftovers.taken()
    before = leftovers.sockets()
    yield
    found = leftovers.taken()
    if folder not in GATEWAYS_APART and leftovers.sockets() - before:
        gc.collect()  # what nobody holds any more fails by its own warning, if it is one
        found += sorted(leftovers.sockets() - before)
    assert not found, f"left behind: {found}"


@pytest.fixture(scope="session", autouse=True)
def one_name_for_each_module() -> Iterator[None]:
    """Fails when any test imported `engine` beside `hyperinfer.engine`: two copies of every type, never equal."""
    yield
    both = {name for name in BARE_NAMES & set(sys.modules) if f"hyperinfer.{name}" in sys.modules}
    assert not both, f"imported under two names: {sorted(both)}"
