"""What in a source file can open a way out of the process, found in its syntax: a name that is used under whatever alias, a
module that is imported, a method that connects whatever it is called on."""

from __future__ import annotations

import ast
from typing import Final

from tests.project.tree import imports_among

NAMES: Final = frozenset(
    [f"trio.{name}" for name in ("open_tcp_stream", "open_ssl_over_tcp_stream", "open_unix_socket", "run_process")]
    + [f"anyio.{name}" for name in ("connect_tcp", "connect_unix", "create_udp_socket", "open_process", "run_process")]
    + ["trio.lowlevel.open_process"]
    + [f"{module}.{name}" for module in ("socket", "trio.socket") for name in ("socket", "getaddrinfo", "getnameinfo")]
    + [f"socket.{name}" for name in ("create_connection", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")]
    + [f"httpx2.{name}" for name in ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")]
    + [f"httpx2.{name}" for name in ("Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport")]
    + [
        f"subprocess.{name}"
        for name in ("run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput")
    ]
    + ["os.system", "os.popen", "os.posix_spawn", "os.posix_spawnp", "os.fork", "os.forkpty"]
    + [f"os.{verb}{ending}" for verb in ("exec", "spawn") for ending in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")]
    # Our own: connecting, and what has connections.
    + ["hyperinfer.providers.Transport", "hyperinfer.providers.transport.Transport"]
    + ["hyperinfer.providers.transport_connection.connect"]
)
# fmt: off
MODULES: Final = frozenset({
    "aiohttp", "asyncpg", "ftplib", "http.client", "httpcore", "httpcore2", "httpx", "imaplib", "multiprocessing", "nntplib",
    "paramiko", "poplib", "psycopg", "pycurl", "redis", "requests", "smtplib", "socketserver", "telnetlib", "trafilatura",
    "urllib.request", "urllib3", "webbrowser", "websockets", "wsgiref", "xmlrpc",
})
METHODS: Final = frozenset({
    "connect", "connect_ex", "create_connection", "create_datagram_endpoint", "create_unix_connection", "fetch_url",
    "handle_async_request", "handle_request", "open_connection", "open_unix_connection", "sendto", "subprocess_exec",
    "create_subprocess_exec", "create_subprocess_shell", "subprocess_shell", "urlopen", "urlretrieve",
})
# fmt: on
_IMPORTERS: Final = frozenset({"import_module", "__import__"})
_ROOTS: Final = frozenset(module.partition(".")[0] for module in MODULES)


def ways_out(source: str, package: str) -> set[str]:
    """The names from the lists above that a module in `package` uses, and `a module by a name that is not written here`."""
    nodes = list(ast.walk(ast.parse(source)))
    known = _names(nodes)
    found = {
        module
        for each in imports_among(nodes, package)
        for module in MODULES
        if each.module == module or each.module.startswith(module + ".")
    }
    for node in nodes:
        if isinstance(node, ast.Name | ast.Attribute):
            name = _dotted(node, known)
            if name in NAMES:
                found.add(name)
            elif isinstance(node, ast.Attribute) and node.attr in METHODS:
                found.add(f".{node.attr}")
            if name is not None and name.partition(".")[0] in _ROOTS:
                found |= {module for module in MODULES if name.startswith(module + ".")}
        if isinstance(node, ast.Call) and _last_name(node.func) in _IMPORTERS and not _is_written(node):
            found.add("a module by a name that is not written here")
        if isinstance(node, ast.Call) and _last_name(node.func) == "getattr" and len(node.args) > 1:
            name = _getattr(node, known)
            if name in NAMES or (name is not None and name.rpartition(".")[2] in METHODS):
                found.add(name)
    return found


def _names(nodes: list[ast.AST]) -> dict[str, str]:
    """What each imported name stands for, dotted."""
    known: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                known[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return known


def _dotted(node: ast.expr, known: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, known)
        return None if base is None else f"{base}.{node.attr}"
    return None


def _getattr(node: ast.Call, known: dict[str, str]) -> str | None:
    base, name = _dotted(node.args[0], known), node.args[1]
    return f"{base}.{name.value}" if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_written(node: ast.Call) -> bool:
    return bool(node.args) and isinstance(node.args[0], ast.Constant)
