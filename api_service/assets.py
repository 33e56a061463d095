"""Files served from memory: read once at start, with an ETag, so that no request touches the disk."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from api_service.reply import HTML_HEADERS

# Browsers ask again with the ETag each time, so that a new version shows at once and an old one costs no transfer.
CACHING = {"Cache-Control": "no-cache"}
TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/json",
}


@dataclass(frozen=True)
class Asset:
    """One file as it goes out."""

    body: bytes
    content_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, content_type: str) -> Asset:
        """With the ETag of its content."""
        return cls(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def response(self, request: web.Request, headers: Mapping[str, str] = HTML_HEADERS) -> web.Response:
        """The file, or 304 when the client has it already."""
        known = {"ETag": self.etag, **CACHING, **headers}
        if self.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=known)
        text = self.content_type.startswith("text/")
        return web.Response(
            body=self.body, headers=known, content_type=self.content_type, charset="utf-8" if text else None
        )


def read_folder(folder: Path, names: Iterable[str] | None = None) -> dict[str, Asset]:
    """Relative path -> file, for the named files or all below the folder; hidden ones and links are left out."""
    paths = (folder / name for name in names) if names is not None else sorted(folder.rglob("*"))
    return {
        path.relative_to(folder).as_posix(): Asset.of(path.read_bytes(), type_of(path))
        for path in paths
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    }


def type_of(path: Path) -> str:
    """Content type by suffix, the same on every machine for what pages are made of."""
    return TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
