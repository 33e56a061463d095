"""Nothing names a package registry or configures one: whoever installs decides where packages come from."""

from __future__ import annotations

from tests.architecture.tree import ROOT, tracked

# Put together here so that this file names none.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("jsdelivr", "net"),
        ("unpkg", "com"),
        ("crates", "io"),
    )
]
OPTIONS = ["--" + "index-url", "--" + "extra-index-url", "PIP_" + "INDEX_URL"]


def test_no_tracked_file_names_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked()
        for word in HOSTS + OPTIONS
        if word.encode() in path.read_bytes()
    ]
    assert found == []
