"""``GET /v1/usage``: who used which model how much, as JSON or CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from api_service import body, reply
from api_service.context import KEYS, SETTINGS, USAGE
from api_service.route import Route
from api_service.schemas.usage import UsageAnswer, UsageQuery
from shared.errors import InvalidRequest
from shared.usage.store import Asked, Row, today

DAYS = 30
COLUMNS = ("day", "key", "name", "model", "jobs", "failed", "images", "infer_s")


async def usage(request: web.Request) -> web.Response:
    """The account of some days."""
    query = body.query(request, UsageQuery)
    asked = _asked(query, request.app[SETTINGS].usage_days)
    rows = await request.app[USAGE].rows(asked)
    names = {key.id: key.name for key in await request.app[KEYS].all()}
    shown = [_shown(row, names) for row in rows]
    if query.format == "csv":
        file = f"usage-{asked.first}-{asked.last}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{file}"'}
        return web.Response(text=_csv(shown), content_type="text/csv", charset="utf-8", headers=headers)
    return reply.json({"since": str(asked.first), "until": str(asked.last), "usage": shown})


def _asked(query: UsageQuery, kept: int) -> Asked:
    last = min(query.until or today(), today())
    oldest = today() - timedelta(max(kept, 1))
    first = max(query.since or max(last, oldest) - timedelta(DAYS - 1), oldest)
    if query.since is not None and query.until is not None and query.since > query.until:
        raise InvalidRequest("`since` is after `until`.")
    return Asked(first, last, query.key, query.model, tuple(filter(None, query.by.split(","))))


def _shown(row: Row, names: dict[str, str]) -> dict[str, Any]:
    day = row.day.isoformat() if isinstance(row.day, date) else None
    return {**asdict(row), "day": day, "name": names.get(row.key or ""), "infer_s": round(row.infer_s, 6)}


def _csv(rows: list[dict[str, Any]]) -> str:
    """Cells that a spreadsheet would take for a formula get an apostrophe in front."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(row[name]) for name in COLUMNS} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


ROUTES = [
    Route(
        *("GET", "/v1/usage", usage, "Operations", "Jobs, images and seconds by day, key and model.", "admin"),
        query=UsageQuery,
        answer=UsageAnswer,
    )
]
