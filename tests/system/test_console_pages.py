"""The console's pages in a real Chromium, on a gateway as a user starts it. What is done there stands in `browser/`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.served import KEY, ROOT, generations, running
from tests.system.slow_model import CATALOGUE, slow_model

SCENARIOS = Path(__file__).with_name("browser")
ASSETS = ROOT / "api" / "console" / "assets"
STRICT = {"strict": True, "noUncheckedIndexedAccess": True, "target": "es2024", "lib": ["es2024", "dom", "dom.iterable"]}
TOKEN = re.compile(r"Token of the console \(shown once\): (hc-\S+)")


@dataclass(frozen=True)
class Console:
    """A gateway after its first start, which printed `token`."""

    url: str
    token: str
    folder: Path


@pytest.fixture
def console(tmp_path: Path) -> Generator[Console]:
    with slow_model() as url:
        file = tmp_path / "providers.yaml"
        file.write_text(CATALOGUE.format(url=url))
        serve = [sys.executable, "-u", "-m", "hyperinfer", "serve", "--port", "0", "--config", str(file), "--data"]
        command = [*serve, str(tmp_path / "data")]
        with running(command, {"HYPERINFER_BOOTSTRAP_KEY": KEY}) as server:
            found = TOKEN.search("".join(server.seen))
            assert found is not None, server.seen
            yield Console(server.url, found[1], tmp_path)


def type_check(browser: Path, node: Path, folder: Path, options: dict[str, Any], files: list[str]) -> None:
    """TypeScript's compiler says nothing of these files."""
    config = folder / "tsconfig.json"
    config.write_text(json.dumps({"compilerOptions": options, "include": files}))
    command = [str(node), str(browser / "node_modules/typescript/bin/tsc"), "-p", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def scenario(name: str, console: Console, browser: Path, node: Path) -> Any:
    """What a scenario prints."""
    token = ["console", "token", "--json", "--data", str(console.folder / "data")]
    settings = {
        "url": console.url,
        "token": console.token,
        "key": KEY,
        "chromium": shutil.which("chromium"),
        "python": sys.executable,
        "folder": str(console.folder),
        "newToken": [sys.executable, "-m", "hyperinfer", *token],
    }
    command = [str(node), str(SCENARIOS / f"{name}.mjs"), str(browser), json.dumps(settings)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    return json.loads(done.stdout)


def test_the_playground(console: Console, browser: Path, sdks: Path, node: Path) -> None:
    # The code to copy imports the SDKs from beside itself.
    (console.folder / "node_modules").symlink_to(sdks / "node_modules")
    scenario("playground", console, browser, node)
    types = {**STRICT, "noEmit": True, "module": "nodenext", "types": [], "skipLibCheck": True}
    declared = console.folder / "node.d.ts"
    declared.write_text("declare const process: { env: Record<string, string>; stdout: { write(text: string): void } };\n")
    type_check(browser, node, console.folder, types, ["*.mts", declared.name])
    rows = generations(console.folder)
    assert [row["status"] for row in rows if row["model"] == "slow/chat"] == ["cancelled"]
    assert {row["source"] for row in rows} == {"playground", "api"}


def test_keys_requests_and_usage(console: Console, browser: Path, node: Path) -> None:
    scenario("accounts", console, browser, node)


def test_everybody_can_use_it(console: Console, browser: Path, node: Path) -> None:
    scenario("access", console, browser, node)


def test_other_pages_can_do_nothing_with_it(console: Console, browser: Path, node: Path) -> None:
    scenario("attacks", console, browser, node)


def test_nothing_is_too_much_for_it(console: Console, browser: Path, node: Path) -> None:
    scenario("limits", console, browser, node)


def test_the_scripts_are_as_their_types_say(browser: Path, node: Path, tmp_path: Path) -> None:
    types = {
        **STRICT,
        "allowJs": True,
        "checkJs": True,
        "noEmit": True,
        "module": "esnext",
        "moduleResolution": "bundler",
        "types": [],
    }
    type_check(browser, node, tmp_path, types, [str(ASSETS / "js" / "**" / "*.js")])


def test_what_the_scripts_compute(node: Path) -> None:
    command = [str(node), "--no-warnings", str(SCENARIOS / "units.mjs"), str(ASSETS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
