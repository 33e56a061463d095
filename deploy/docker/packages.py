"""Which packages an image gets. Runs inside the build, with nothing installed.

``wanted EXTRAS [ONNXRUNTIME]`` writes the requirements of pyproject.toml's extras; ``locked EXTRAS`` writes what pip's
report resolved, pinned, with the hashes of constraints.hashes.txt.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

OURS = "visionfleet-server"
EXTRAS_OF_OURS = re.compile(rf"{OURS}\[([\w,-]+)\]")
UNUSED = {"av": "streams", "fonttools": "", "hf-xet": "", "huggingface-hub": ""}
"""What libraries ask for and we do not use, with the extra that does: 150 MB for video, figures as PDF and a hub."""
STRINGS = re.compile(r'"([^"]*)"')


def lists(text: str) -> dict[str, list[str]]:
    """Every list of strings of pyproject.toml by its name; Python 3.10 has no tomllib."""
    found = re.findall(r"^(\w+) = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    return {name: STRINGS.findall(re.sub(r"#.*", "", body)) for name, body in found}


def wanted(extras: list[str], known: dict[str, list[str]]) -> Iterator[str]:
    """Requirements of those extras and of what every service needs."""
    seen: set[str] = set()
    waiting = ["dependencies", *extras]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for requirement in known[name]:
            ours = EXTRAS_OF_OURS.match(requirement)
            if ours:
                waiting += ours[1].split(",")
            else:
                yield requirement


def locked(report: Path, extras: list[str], hashes: Path) -> Iterator[str]:
    """``name==version --hash=...`` of each package of the report; without hashes where Python is too old for ours."""
    pinned: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", hashes.read_text()):
        found = re.match(r"([\w.-]+)==([^\s;\\]+)", block)
        if found:
            pinned[f"{found[1].lower()}=={found[2]}"] = " ".join(re.findall(r"--hash=\S+", block))
    for package in json.loads(report.read_text())["install"]:
        facts = package["metadata"]
        plain = re.sub("[-_.]+", "-", facts["name"]).lower()
        name = f"{plain}=={facts['version']}"
        if plain in UNUSED and UNUSED[plain] not in extras:
            continue
        if sys.version_info < (3, 11):
            yield name
        elif name in pinned:
            yield f"{name} {pinned[name]}"
        else:
            sys.exit(f"{name} is not in {hashes}: pin it in constraints.txt and run script/supply hashes")


def main() -> None:
    """Write one of the lists."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("wanted", "locked"))
    parser.add_argument("extras", type=lambda text: text.split(","))
    parser.add_argument("onnxruntime", nargs="?", default="")
    parser.add_argument("--without-onnxruntime", action="store_true", help="a wheel of the user's provides it")
    options = parser.parse_args()
    if options.what == "wanted":
        lines = list(wanted(options.extras, lists(Path("pyproject.toml").read_text())))
        lines += [options.onnxruntime] if options.onnxruntime and not options.without_onnxruntime else []
    else:
        lines = list(locked(Path("report.json"), options.extras, Path("constraints.hashes.txt")))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
