"""Runs inside an environment of script/sdk: one JSON call of Roboflow's client per line in, its outcome per line out.

A call is {"method", "args", "kwargs"} and may say {"url", "key", "mode": "v0", "config": {...}}; "together" holds calls
of asynchronous methods that run at the same time. Images are {"$image": path, "as": path | array | pil | base64}.
Outcomes are {"ok": value} or {"error": {"type", "status", "message"}}, pictures {"$picture": [width, height, kind]}.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import inspect
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import supervision
from inference_sdk import InferenceConfiguration, InferenceHTTPClient
from PIL import Image


def main() -> None:
    """Until the input ends. What the SDK prints must not get between the answers."""
    answers, sys.stdout = sys.stdout, sys.stderr
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        json.dump(outcome(json.loads(line)), answers)
        answers.write("\n")
        answers.flush()


def outcome(call: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": plain(asyncio.run(together(call["together"])) if "together" in call else perform(call))}
    except Exception as error:  # noqa: BLE001 - the test is told, whatever it is
        return {"error": shown(error)}


async def together(calls: list[dict[str, Any]]) -> list[Any]:
    return await asyncio.gather(*(prepared(call) for call in calls))


def perform(call: dict[str, Any]) -> Any:
    if call["method"] == "client.methods":
        return [name for name in vars(InferenceHTTPClient) if not name.startswith("_")]
    if call["method"].startswith("supervision."):
        return understood(call["method"].partition(".")[2], call["args"][0])
    value = prepared(call)
    if inspect.iscoroutine(value):
        return asyncio.run(value)
    return list(value) if inspect.isgenerator(value) else value


def prepared(call: dict[str, Any]) -> Any:
    """The call begun: its value, a coroutine or a generator."""
    client = InferenceHTTPClient(api_url=call["url"], api_key=call.get("key"))
    if call.get("config"):
        client.configure(InferenceConfiguration(**call["config"]))
    if call.get("mode") == "v0":
        client.select_api_v0()
    if call.get("select"):
        client.select_model(call["select"])
    return getattr(client, call["method"])(*map(real, call.get("args", ())), **real(call.get("kwargs", {})))


def understood(kind: str, answer: dict[str, Any]) -> Any:
    """What supervision reads from an answer."""
    found = getattr(supervision, kind).from_inference(answer)
    values = {name: getattr(found, name, None) for name in ("xyxy", "xy", "confidence", "class_id")}
    values["names"] = list(found.data.get("class_name", ())) if kind != "Classifications" else []
    mask = getattr(found, "mask", None)
    values["areas"] = None if mask is None else np.asarray(mask).sum(axis=(1, 2))
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def real(value: Any) -> Any:
    """Images as the SDK takes them."""
    if isinstance(value, list):
        return [real(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$image" not in value:
        return {name: real(one) for name, one in value.items()}
    path = value["$image"]
    kinds = {
        "path": lambda: path,
        "array": lambda: cv2.imread(path),
        "pil": lambda: Image.open(path),
        "base64": lambda: base64.b64encode(Path(path).read_bytes()).decode(),
    }
    return kinds[value.get("as", "path")]()


def plain(value: Any) -> Any:
    """What JSON can hold of an answer."""
    if dataclasses.is_dataclass(value):
        return plain(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return {"$picture": [value.shape[1], value.shape[0], "array"]} if value.ndim == 3 else value.tolist()
    if isinstance(value, Image.Image):
        return {"$picture": [*value.size, "pil"]}
    return value.item() if isinstance(value, np.generic) else value


def shown(error: Exception) -> dict[str, Any]:
    status = None
    with contextlib.suppress(AttributeError):
        status = error.status_code  # type: ignore[attr-defined]
    return {"type": type(error).__name__, "status": status, "message": f"{error} {getattr(error, 'api_message', '')}"}


if __name__ == "__main__":
    main()
