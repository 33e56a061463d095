"""JSON over HTTP with the standard library; blocking, so callers on the loop use a thread."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any


class NoAnswer(Exception):
    """The server refused, failed or said nothing; the message says which."""


def get_json(url: str, timeout_s: float = 5.0, key: str = "") -> Any:
    """The decoded body of a 200 answer, asked for with that API key. Raises NoAnswer otherwise."""
    request = urllib.request.Request(url, headers=_bearer(key))  # noqa: S310 - our own http:// address
    return _fetch(request, timeout_s)


def post_json(url: str, body: dict[str, Any], timeout_s: float = 60.0, key: str = "") -> Any:
    """The decoded body of a 200 answer to a JSON body, sent with that API key. Raises NoAnswer otherwise."""
    headers = {"Content-Type": "application/json", **_bearer(key)}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - our own http:// address
    return _fetch(request, timeout_s)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _fetch(request: urllib.request.Request, timeout_s: float) -> Any:
    # No proxy: a proxy of the user's would not reach this machine's loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise NoAnswer(f"{error.code} {error.read(2000).decode(errors='replace')}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(str(error)) from error
