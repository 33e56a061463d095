"""Roboflow's endpoints on loopback, as its server of version 1.5 asks them: weights, environment, errors."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "rf_secret_key"
PREPROCESSING = {"auto-orient": {"enabled": True}, "resize": {"enabled": True, "format": "Stretch to"}}


class FakeRoboflow:
    """Knows ``coco/3`` and the new-style id ``things-abc``, both the graph that it is given; asks for the key."""

    def __init__(self, graph: Path, labels: list[str]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.graph, self.labels = graph, labels
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = dict(parse_qsl(url.query))
                fake.asked.append((url.path, query))
                status, body = fake.answer(url.path, query)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:  # noqa: PLR0911 - one per endpoint
        if path == "/files/weights.onnx":
            return 200, self.graph.read_bytes()
        if path == "/files/environment.json":
            return 200, json.dumps({"PREPROCESSING": json.dumps(PREPROCESSING)}).encode()
        if query.get("api_key") != KEY:
            return 401, b"{}"
        common = {"classes": self.labels, "modelType": "yolov8n"}
        if path == "/ort/coco/3":
            told = {"type": "object-detection", "model": f"{self.url}/files/weights.onnx", **common}
            return 200, json.dumps({"ort": {**told, "environment": f"{self.url}/files/environment.json"}}).encode()
        if path == "/ort/torch/1":
            return 200, json.dumps({"ort": {"type": "object-detection", **common}}).encode()
        if path == "/getWeights" and query.get("model") == "things-abc":
            files = {"ort": {"model": f"{self.url}/files/weights.onnx"}}
            told = {
                "taskType": "object-detection",
                "modelFiles": files,
                "environment": {"PREPROCESSING": PREPROCESSING},
            }
            return 200, json.dumps({**told, **common}).encode()
        return 404, b"{}"
