"""A hook of mkdocs: reference pages made from the code, and a navigation of the pages that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from deploy.site import cli_page, errors_page, families_page, routes_page

GENERATED = {
    "reference/cli.md": cli_page.page,
    "reference/errors.md": errors_page.page,
    "reference/families.md": families_page.page,
    "reference/routes.md": routes_page.page,
}

# Title -> page, in the order of reading. A page that is not there is left out; one that is not named here comes last.
NAVIGATION: dict[str, list[tuple[str, str]]] = {
    "Start": [
        ("Visionfleet", "index.md"),
        ("Quickstart", "quickstart.md"),
        ("Concepts", "concepts.md"),
        ("From Roboflow Inference", "migration.md"),
    ],
    "How to": [
        ("Detect objects", "how-to/detect.md"),
        ("Classify", "how-to/classify.md"),
        ("Segment", "how-to/segment.md"),
        ("Find keypoints", "how-to/keypoints.md"),
        ("Add your own model", "how-to/models.md"),
        ("Use it from Python", "how-to/python.md"),
        ("Use the command line", "how-to/cli.md"),
        ("Asynchronous jobs", "jobs.md"),
        ("Batches", "batches.md"),
        ("Webhooks", "webhooks.md"),
        ("Video streams", "streams.md"),
        ("Workflows", "workflows.md"),
    ],
    "Deploy": [
        ("Docker Compose", "deploy/docker.md"),
        ("Kubernetes", "deploy/kubernetes.md"),
        ("One machine with systemd", "deploy/systemd.md"),
        ("NVIDIA Jetson", "deploy/jetson.md"),
        ("Lambda and Cloud Run", "deploy/serverless.md"),
    ],
    "Operate": [
        ("Guarantees", "guarantees.md"),
        ("API keys", "keys.md"),
        ("Security", "security.md"),
        ("Architecture", "architecture.md"),
        ("Benchmarks", "benchmarks.md"),
    ],
    "Reference": [
        ("Routes", "reference/routes.md"),
        ("Command line", "reference/cli.md"),
        ("Settings", "settings.md"),
        ("Errors", "reference/errors.md"),
        ("Model families", "families.md"),
        ("Families in this version", "reference/families.md"),
        ("Conformance", "conformance.md"),
    ],
}


def on_config(config: Any) -> Any:
    """Name the pages that there are."""
    docs = Path(config.docs_dir)
    there = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} | set(GENERATED)
    named = {page for pages in NAVIGATION.values() for _, page in pages}
    config.nav = [
        {section: [{title: page} for title, page in pages if page in there]} for section, pages in NAVIGATION.items()
    ]
    rest = sorted(there - named)
    if rest:
        config.nav.append({"More": rest})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the reference pages."""
    for name, page in GENERATED.items():
        files.append(File.generated(config, name, content=page()))
    return files
