"""A server with the contract's shapes and scripted answers, so that the playground can be tested without a fleet."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

WEB = Path(__file__).parents[2] / "api_service" / "web"
CSP = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
TIMINGS = "queue=0.4;decode=2.1;preprocess=1.3;infer=9.8;post=0.6"
SHAPES = ["circle", "triangle", "square", "star", "cross", "ring"]
SCORES = [0.01, 0.05, 0.02, 0.87, 0.03, 0.02]
# Centre x, centre y, width, height, confidence, class, in pixels of a picture of 640 by 480.
BOXES: list[tuple[float, float, float, float, float, int]] = [
    (290, 138, 116, 116, 0.96, 4),
    (482, 144, 92, 88, 0.93, 5),
    (253, 240, 82, 92, 0.88, 1),
    (456, 266, 150, 112, 0.81, 2),
    (207, 376, 66, 66, 0.62, 5),
    (62, 377, 124, 156, 0.34, 4),
]


@dataclass
class FakeServer:
    """What it answers, and what it was asked."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    failure: tuple[int, dict[str, Any]] | None = None
    delay_s: float = 0.02
    fleet_reads: int = 0
    loaded: bool = True
    labels: list[str] = field(default_factory=lambda: list(SHAPES))
    multi_label: bool = False
    timings: str = TIMINGS
    pieces: asyncio.Queue[tuple[str, Any]] | None = None  # events of a model that writes, None is the end

    def app(self) -> web.Application:
        app = web.Application(client_max_size=32 * 1024**2, middlewares=[_strict])
        app.router.add_get("/", _index)
        app.router.add_static("/web", WEB)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/fleet", self._fleet)
        app.router.add_post("/infer/lmm", self._write)
        app.router.add_post("/infer/{task}", self._infer)
        return app

    def models(self) -> list[dict[str, Any]]:
        held = ["cpu-1"] if self.loaded else []
        small = {"family": "classifier", "input_width": 96, "input_height": 96}
        writer = [_model("writer", "lmm", [], loaded_on=held)] if self.pieces is not None else []
        return [
            *writer,
            _model("shapes-detector", "object-detection", self.labels, loaded_on=held),
            _model("shapes-classifier", "classification", self.labels, **small),
            _model("street/3", "instance-segmentation", ["road"], available_on=[]),
        ]

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"models": self.models()})

    async def _fleet(self, _request: web.Request) -> web.Response:
        self.fleet_reads += 1
        return web.json_response(
            {
                "workers": _workers(self.fleet_reads, self.loaded),
                "models": self.models(),
                "queues": _queues(self.fleet_reads),
            }
        )

    async def _write(self, request: web.Request) -> web.StreamResponse:
        self.requests.append({"route": request.path, **await request.json()})
        assert request.headers["Accept"] == "text/event-stream"
        assert self.pieces is not None
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while (piece := await self.pieces.get())[0]:
            await response.write(f"event: {piece[0]}\ndata: {json.dumps(piece[1])}\n\n".encode())
        return response

    async def _infer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append({"route": request.path, **body})
        await asyncio.sleep(self.delay_s)
        if self.failure is not None:
            status, problem = self.failure
            return web.json_response(problem, status=status, headers={"X-Request-ID": "r-17"})
        answers = {"object_detection": self._detection, "classification": self._classification}
        answer = answers[request.match_info["task"]](body)
        common = {"inference_id": "i1", "time": 0.0142, "image": {"width": 640, "height": 480}}
        return web.json_response({**common, **answer}, headers={"X-Visionfleet-Timings": self.timings})

    def _detection(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body.get("class_filter") or self.labels
        kept = [box for box in BOXES if box[4] >= body["confidence"] and self.labels[box[5]] in wanted]
        found = [
            {"x": x, "y": y, "width": w, "height": h, "confidence": c, "class": self.labels[i], "class_id": i}
            for x, y, w, h, c, i in kept[: body["max_detections"]]
        ]
        return {"predictions": [{**item, "detection_id": f"d{n}"} for n, item in enumerate(found)]}

    def _classification(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.multi_label:
            every = {label: {"confidence": SCORES[i], "class_id": i} for i, label in enumerate(self.labels)}
            return {"predictions": every, "predicted_classes": [self.labels[3], self.labels[1]]}
        order = sorted(range(len(SCORES)), key=lambda i: -SCORES[i])
        kept = [i for i in order if SCORES[i] >= body["confidence"]]
        items = [{"class": self.labels[i], "class_id": i, "confidence": SCORES[i]} for i in kept]
        return {"predictions": items, "top": self.labels[order[0]], "confidence": SCORES[order[0]]}


def _model(id_: str, task: str, labels: list[str], **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "task": task,
        "family": "yolov8",
        "labels": labels,
        "input_width": 320,
        "input_height": 320,
        "batch_size": None,
        "hardware": ["cpu"],
        "digest": "0" * 64,
        "aliases": [],
        "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
        "description": "Six drawn shapes, trained by the project.",
        "available_on": ["cpu"],
        "loaded_on": [],
        **more,
    }


def _workers(reads: int, loaded: bool) -> list[dict[str, Any]]:
    now = time.time() * 1000
    wave = reads % 7
    held = [{"id": "shapes-detector", "digest": "0" * 64, "bytes": 3_400_000, "pinned": True}] if loaded else []
    common = {"host": "atlas", "version": "0.1.0", "started_ms": now - 5_400_000, "seen_ms": now, "threads": 2}
    return [
        {
            **common,
            "id": "cpu-1",
            "hardware": "cpu",
            "pid": 4211,
            "state": "ready",
            "capacity": 8,
            "running": wave,
            "providers": ["CPUExecutionProvider"],
            "held": held,
            "prepared": 1,
            "jobs": 1800 + reads,
            "failures": 0,
            "rate": 12.5 + wave,
            "rss_bytes": 412_000_000,
        },
        {
            **common,
            "id": "gpu-1",
            "hardware": "gpu",
            "pid": 77,
            "state": "draining",
            "capacity": 32,
            "running": 32 - wave,
            "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"],
            "held": [],
            "prepared": 0,
            "jobs": 92_144,
            "failures": 3,
            "rate": 410,
            "rss_bytes": 3_100_000_000,
        },
    ]


def _queues(reads: int) -> list[dict[str, Any]]:
    wave = (reads * 5) % 13
    live = {"hardware": "cpu", "lane": "live", "model": "shapes-detector", "waiting": wave, "running": 2}
    bulk = {"hardware": "gpu", "lane": "bulk", "model": "shapes-classifier", "waiting": 214 - wave, "running": 32}
    return [
        {**live, "bytes": wave * 41_000, "oldest_ms": wave * 3.5},
        {**bulk, "bytes": 9_400_000, "oldest_ms": 5120.0},
        {**live, "lane": "normal", "waiting": 0, "running": 0, "bytes": 0, "oldest_ms": 0},
    ]


async def _index(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(WEB / "index.html")


@web.middleware
async def _strict(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    response.headers["Content-Security-Policy"] = CSP
    response.headers["Cache-Control"] = "no-store"
    return response
