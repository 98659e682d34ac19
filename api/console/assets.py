"""The pages: every file of `assets/`, read once, and served by name from memory, so that no path leads anywhere else.

`index.html` names the others under `/console/assets/`; it is sent with `/console/assets-HASH/` in the place of that, the
hash being that of all of them. So browsers keep them for good, modules that name each other relatively stay together, and
a new version is fetched whole. `index.html` itself, and the names without a hash, are asked for again each time.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ASSETS_PATH: Final = "/console/assets"
INDEX: Final = "index.html"

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""By suffix; no other file is served."""

_FOLDER: Final = Path(__file__).with_name("assets")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file. etag: without its quotes. packed: the same with gzip."""

    body: bytes
    packed: bytes
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by their names in the folder, and the hash of all but the index."""

    files: dict[str, Asset]
    hash: str

    @property
    def index(self) -> Asset:
        return self.files[INDEX]

    def found(self, version: str | None, name: str) -> tuple[Asset, bool] | None:
        """The file, and whether it may be kept for good; None where there is none. Another version's name gets ours: its
        page was loaded before an update, or from a replica that has had it already."""
        asset = None if name == INDEX else self.files.get(name)
        return None if asset is None else (asset, version == self.hash)


def load_assets(folder: Path = _FOLDER) -> Assets:
    """Reads all of them."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.is_file()
    }
    every = hashlib.sha256()
    for name, body in found.items():
        every.update(f"{len(name)} {name} {len(body)} ".encode() + body)
    version = every.hexdigest()[:16]
    found[INDEX] = found[INDEX].replace(f"{ASSETS_PATH}/".encode(), f"{ASSETS_PATH}-{version}/".encode())
    return Assets({name: _asset(name, body) for name, body in found.items()}, version)


def _asset(name: str, body: bytes) -> Asset:
    packed = gzip.compress(body, mtime=0)
    return Asset(body, packed, MEDIA_TYPES[Path(name).suffix], hashlib.sha256(body).hexdigest()[:32])
