"""A file does one thing: 400 lines are the most that any has."""

from __future__ import annotations

from tests.architecture.tree import ROOT, tracked

MOST = 400
SOURCES = {".py", ".js", ".mjs", ".css", ".html", ".lua", ".sh", ".toml"}

# path -> why it is longer
ALLOWED: dict[str, str] = {
    "client/visionfleet/errors/mirrored.py": "made from the server's errors, one short class for each",
}


def test_no_source_file_is_too_long() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in tracked() if path.suffix in SOURCES
    }
    assert len(sizes) > 20
    assert {name: lines for name, lines in sizes.items() if lines > MOST and name not in ALLOWED} == {}
    assert [name for name in ALLOWED if sizes.get(name, 0) <= MOST] == [], "no longer needed in ALLOWED"
