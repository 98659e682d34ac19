"""What is wrong on this machine: settings, folders, the disk, the store, certificates, ports, the gateway."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hyperinfer.api.doctor import data_folder
from hyperinfer.api.settlement.effects import Admitted, Hold
from hyperinfer.api.store.journal import JournalFolder
from tests.api.cli.kit import Ran
from tests.api.doctor.kit import Said, server, states, told
from tests.project.blocks import blocks
from tests.support.served import ROOT, running

if TYPE_CHECKING:
    from tests.api.cli.kit import Cli


def test_a_fresh_folder_is_well(cli: Cli) -> None:
    ran = cli("doctor --port 0 --json")
    assert (ran.code, ran.err) == (0, "")
    assert {each["state"] for each in ran.document["checks"]} <= {"ok", "note"}
    assert {each["area"] for each in ran.document["checks"]} == {
        "machine", "settings", "catalogue", "way out", "providers", "data folder",
        "metrics",
    }  # fmt: skip
    assert not Path("data").exists()
    assert cli("doctor --port 0").out.splitlines()[-1] == "all well"


def test_the_commands_of_the_manual(cli: Cli) -> None:
    for block in blocks("docs/cli.md", "sh doctor"):
        for line in block.text.splitlines():
            assert cli(line.removeprefix("hyperinfer "), environ={"HYPERINFER_PORT": "0"}).code == 0


def test_settings_that_mean_nothing_or_too_little(cli: Cli) -> None:
    environ = {
        "HYPERINFER_PROT": "1",
        "OPENAI_API_KEYS": "x",
        "HYPERINFER_INTERNAL_TOKEN": "short",
        "HYPERINFER_WORKERS": "3",
    }
    ran = cli("doctor --port 0 --json", environ=environ)
    assert ran.code == 1
    said = [each["what"] for each in ran.document["checks"] if each["area"] == "settings" and each["state"] != "ok"]
    assert said[0].startswith("3 workers need the shared mode")
    assert "did you mean HYPERINFER_PORT?" in said[1]
    assert said[2:] == ["OPENAI_API_KEYS is set and OPENAI_API_KEY is not", "HYPERINFER_INTERNAL_TOKEN has 5 characters"]
    assert '"short"' not in ran.out


def test_a_catalogue_with_mistakes_is_told_line_by_line_and_the_rest_is_looked_at(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text("providers:\n  a: {protocl: openai_chat}\n")
    ran = cli("doctor --port 0 --json")
    assert ran.code == 1
    problems = [each["what"] for each in ran.document["checks"] if each["area"] == "catalogue"]
    assert any(each.startswith("providers.yaml:2:") for each in problems)
    assert states(ran, "machine")["python"] == "ok"


def test_a_folder_that_is_none_that_others_see_and_that_may_not_be_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is no folder" in told(cli("doctor --port 0 --json --data file"), "data folder")["folder"]["what"]
    (tmp_path / "open").mkdir(mode=0o755)
    found = told(cli("doctor --port 0 --json --data open"), "data folder")
    assert (found["folder"]["state"], found["folder"]["fix"].split(":")[0]) == ("warning", "chmod 700 open")
    assert found["disk"]["facts"]["fsync_ms"] >= 0
    assert list((tmp_path / "open").iterdir()) == []
    (tmp_path / "recordings").touch()
    assert states(cli("doctor --port 0 --json --record recordings"), "recordings") == {"folder": "problem"}


def test_what_a_full_disk_does_is_told_of_each_folder(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folder, "FREE_MB_LEAST", 1 << 40)
    ran = cli("doctor --port 0 --json --offline --record recordings")
    assert "nothing is admitted" in told(ran, "data folder")["room"]["fix"]
    assert "requests are served all the same" in told(ran, "recordings")["room"]["fix"]


def test_a_folder_of_somebody_else(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:  # others may enter this one
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "data").mkdir(mode=0o755)
        monkeypatch.chdir(folder)
        cli("doctor --port 0 --json")  # all that it imports: the other user may not read this checkout
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
            else:
                (folder / "data").chmod(0o500)
            ran = cli("doctor --port 0 --json")
        finally:
            if root:
                os.seteuid(0)
            else:
                (folder / "data").chmod(0o700)
        monkeypatch.undo()
    found = told(ran, "data folder")["folder"]
    assert (ran.code, found["state"]) == (1, "problem")
    assert "may not write to" in found["what"]
    assert "chown" in found["fix"]


def test_a_store_that_is_damaged_or_newer(cli: Cli, tmp_path: Path) -> None:
    assert cli("workspaces create w").code == 0
    assert states(cli("doctor --port 0 --json"), "data folder")["store"] == "ok"
    file = tmp_path / "data" / "hyperinfer.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    found = told(cli("doctor --port 0 --json"), "data folder")["store"]
    assert (found["state"], "newer HyperInfer" in found["what"]) == ("problem", True)
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(os.urandom(4096))
    found = told(cli("doctor --port 0 --json"), "data folder")["store"]
    assert found["state"] == "problem"
    assert "put a backup" in found["fix"]


def test_a_disk_that_takes_no_more(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    cli("doctor --port 0 --json")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        ran = cli("doctor --port 0 --json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    found = told(ran, "data folder")["disk"]
    assert (ran.code, found["state"]) == (1, "problem")
    assert found["what"].startswith("cannot write to data: ")
    assert list((tmp_path / "data").iterdir()) == []


def test_too_few_open_files(tmp_path: Path) -> None:
    command = f"ulimit -n 400; exec {sys.executable} -m hyperinfer doctor --port 0 --json"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True)
    found = told(Ran(done.returncode, done.stdout, done.stderr), "machine")["open files"]
    assert (done.returncode, found["state"]) == (1, "warning")
    assert found["what"] == "400: room for 136 connections a worker"
    assert "LimitNOFILE" in found["fix"]


def test_a_collector_of_traces(cli: Cli) -> None:
    def look(**environ: str) -> dict[str, str]:
        return states(cli("doctor --port 0 --json", environ=environ), "traces")

    with server({"/v1/traces": Said(405, "{}")}) as collector:
        assert look(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_EXPORTER_OTLP_HEADERS="key=hush") == {"collector": "ok"}
        assert all("hush" not in str(headers) for _, headers in collector.requests)
        assert look(OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.url}/elsewhere") == {"collector": "warning"}
    assert look(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) == {"collector": "warning"}
    contents = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
    assert look(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **contents) == {"collector": "warning", "contents": "note"}
    assert look(OTEL_EXPORTER_OTLP_ENDPOINT="nowhere") == {"settings": "problem"}
    assert look() == {}


def test_who_reads_metrics_and_keys_that_go_over_a_network(cli: Cli) -> None:
    ran = cli("doctor --port 0 --json --host 0.0.0.0", environ={"HYPERINFER_METRICS": "open"})
    assert states(ran, "metrics") == {"who reads": "note"}
    assert told(ran, "settings")["address"]["state"] == "note"
    assert ran.code == 0


def test_what_a_dead_gateway_owes(cli: Cli, tmp_path: Path) -> None:
    assert cli("workspaces create w").code == 0
    JournalFolder(tmp_path / "data" / "journal").begin(1.0, Admitted(Hold("r", "w", 5))).close()
    found = told(cli("doctor --port 0 --json"), "data folder")["journals"]
    assert (found["state"], found["facts"]["owed"]) == ("warning", 1)
    assert found["fix"] == "start the gateway: it settles them"


def certificate(folder: Path, *options: str) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is not installed")
    folder.mkdir(exist_ok=True)
    key, made = folder / "key.pem", folder / "certificate.pem"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=gateway.example"
    subprocess.run(
        [openssl, *request.split(), "-keyout", str(key), "-out", str(made), *options], check=True, capture_output=True
    )
    key.chmod(0o600)
    return made, key


def test_certificates(cli: Cli, tmp_path: Path) -> None:
    def look(made: Path, key: Path) -> dict[str, str]:
        ran = cli(f"doctor --port 0 --json --certfile {made} --keyfile {key}")
        return states(ran, "tls")

    good, key = certificate(tmp_path / "good", "-days", "300", "-addext", "subjectAltName=DNS:gateway.example")
    assert look(good, key) == {"key": "ok", "certificate": "ok", "issuer": "note"}
    key.chmod(0o644)
    assert look(good, key)["rights"] == "warning"
    soon, of_soon = certificate(tmp_path / "soon", "-days", "5")
    assert look(soon, of_soon)["certificate"] == "warning"
    assert look(good, of_soon)["key"] == "problem"
    assert look(tmp_path / "none.pem", key) == {"files": "problem"}
    old, of_old = expired(tmp_path)
    ran = cli(f"doctor --port 0 --json --certfile {old} --keyfile {of_old}")
    assert told(ran, "tls")["certificate"]["what"] == "CN=gateway.example has expired on 2001-02-03: clients refuse it"


def expired(folder: Path) -> tuple[Path, Path]:
    """A certificate of another century's turn."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(datetime(2000, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2001, 2, 3, tzinfo=UTC))
    pem = serialization.Encoding.PEM
    made, private = folder / "old.pem", folder / "old.key"
    made.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(pem, *plain))
    private.chmod(0o600)
    return made, private


def test_a_port_that_somebody_has(cli: Cli) -> None:
    with server({"*": Said(200, "hello", {"content-type": "text/plain"})}) as other:
        port = other.url.rpartition(":")[2]
        found = told(cli(f"doctor --json --port {port}"), "gateway")["port"]
        assert (found["state"], "is no HyperInfer" in found["what"]) == ("problem", True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert states(cli(f"doctor --json --port {port}"), "gateway") == {"port": "ok"}
    found = told(cli(f"doctor --json --host 192.0.2.1 --patience 1 --port {port}"), "gateway")["port"]
    assert found["state"] == "problem"


def test_the_gateway_that_runs_on_the_folder_and_one_elsewhere(cli: Cli, tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-m", "hyperinfer", "serve", "--port", "0", "--data", str(data)]
    with running(command, {"PYTHONPATH": str(ROOT)}) as gateway:
        port = gateway.url.rpartition(":")[2]
        ran = cli(f"doctor --json --data {data} --port {port} --server {gateway.url}")
        found = told(ran, "gateway")
        assert {name: each["state"] for name, each in found.items()} == {
            "running": "ok", "port": "ok", "elsewhere": "ok", "elsewhere clock": "ok",
        }  # fmt: skip
        assert found["running"]["facts"]["in_flight"] == 0
        assert found["running"]["facts"]["draining"] is False
        assert told(ran, "data folder")["lock"]["state"] == "ok"
        assert ran.code == 0
        # Another data folder, the same port.
        beside = told(cli(f"doctor --json --data other --port {port}"), "gateway")["port"]
        assert (beside["state"], "not on this data folder" in beside["what"]) == ("note", True)
        # The same folder, another port.
        assert states(cli(f"doctor --json --data {data} --port 1"), "gateway")["port"] == "note"
    gone = told(cli(f"doctor --json --port 0 --server {gateway.url}"), "gateway")
    assert gone["elsewhere"]["facts"]["kind"] == "refused"
