"""Routes: from the OpenAPI document that the API serves at /openapi.json."""

from __future__ import annotations

from typing import Any

from api_service import openapi
from api_service.route import discover
from api_service.settings import ApiSettings

HEAD = """# Routes

Made from the OpenAPI document, which a server shows at `/docs` and `/openapi.json` with every field.

"""
METHODS = ("get", "post", "put", "patch", "delete")


def page() -> str:
    """The page: one table per group."""
    document = openapi.document(discover(ApiSettings()))
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                groups.setdefault((operation.get("tags") or ["Other"])[0], []).append(row(method, path, operation))
    tables = (
        f"## {name}\n\n| Request | What it does | Errors |\n|---|---|---|\n{''.join(rows)}\n"
        for name, rows in groups.items()
    )
    return HEAD + "".join(tables)


def row(method: str, path: str, operation: dict[str, Any]) -> str:
    """One line of a table."""
    failures = ", ".join(sorted(code for code in operation.get("responses", {}) if code >= "400"))
    summary = str(operation.get("summary") or "").replace("|", "\\|")
    return f"| `{method.upper()} {path}` | {summary} | {failures} |\n"
