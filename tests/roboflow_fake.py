"""Roboflow's endpoints on loopback, as its server of version 1.5 asks them: weights, environment, errors."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "rf_secret_key"
PREPROCESSING = {"auto-orient": {"enabled": True}, "resize": {"enabled": True, "format": "Stretch to"}}


CONFIG: dict[str, Any] = {
    "image_pre_processing": {"auto-orient": {"enabled": True}, "static-crop": {"enabled": False}},
    "network_input": {
        "training_input_size": {"width": 640, "height": 640},
        "color_mode": "bgr",
        "resize_mode": "letterbox",
        "padding_value": 127,
        "input_channels": 3,
        "scaling_factor": 255,
        "normalization": [[0.5, 0.5, 0.5], [0.25, 0.25, 0.25]],
    },
    "post_processing": {"type": "nms", "fused": False, "nms_parameters": {"iou_threshold": 0.45, "max_detections": 50}},
}


class FakeRoboflow:
    """Knows ``coco/3`` and the new-style id ``things-abc``, both the graph that it is given; asks for the key.

    ``coco/41``, ``coco/42`` and ``me/mine`` are known to the newer endpoint only, ``torch/2`` as TorchScript only.
    """

    def __init__(self, graph: Path, labels: list[str]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.graph, self.labels = graph, labels
        self.config = CONFIG
        self.digest: str | None = None
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = dict(parse_qsl(url.query))
                fake.asked.append((url.path, query))
                bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                status, body = fake.answer(url.path, query, bearer)
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

    def answer(self, path: str, query: dict[str, str], bearer: str) -> tuple[int, bytes]:  # noqa: PLR0911 - endpoints
        if path == "/models/v1/external/weights":
            return self.weights(query) if bearer == KEY else (401, b"{}")
        if path.startswith("/files/"):
            return self.file(path.removeprefix("/files/"))
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

    def file(self, name: str) -> tuple[int, bytes]:
        texts = {
            "environment.json": json.dumps({"PREPROCESSING": json.dumps(PREPROCESSING)}),
            "inference_config.json": json.dumps(self.config),
            "class_names.txt": "\n".join(self.labels),
        }
        if name == "weights.onnx":
            return 200, self.graph.read_bytes()
        return (200, texts[name].encode()) if name in texts else (404, b"")

    def weights(self, query: dict[str, str]) -> tuple[int, bytes]:
        """The newer endpoint: packages on two pages, the ONNX ones on the second."""
        model_id, page = query.get("modelId"), query.get("startAfter")
        if model_id not in {"coco/41", "coco/42", "me/mine", "torch/2"}:
            return 404, b"{}"
        md5 = self.digest or hashlib.md5(self.graph.read_bytes()).hexdigest()
        names = {"weights.onnx": md5, "class_names.txt": None, "inference_config.json": None}
        files = [{"fileHandle": k, "downloadUrl": f"{self.url}/files/{k}", "md5Hash": v} for k, v in names.items()]
        broken = [{**file, "downloadUrl": f"{self.url}/files/no-such-file"} for file in files]
        torch = [
            {"packageId": "p0", "packageManifest": {"type": "torch-script-model-package-v1"}, "packageFiles": files}
        ]
        onnx = {"type": "onnx-model-package-v1", "backendType": "onnx", "opset": 17}
        half = {**onnx, "quantization": "fp16", "dynamicBatchSize": True}
        fixed, any_size = ({**onnx, "quantization": "fp32", "dynamicBatchSize": size} for size in (False, True))
        good = [
            {"packageId": "p1", "packageManifest": half, "packageFiles": broken},
            {"packageId": "p2", "packageManifest": fixed, "packageFiles": broken},
            {"packageId": "p3", "packageManifest": any_size, "packageFiles": files},
        ]
        first = page is None
        told = {"type": "external-model-metadata-v1", "modelId": model_id, "modelArchitecture": "yolov8"}
        told |= {"taskType": "object-detection", "modelPackages": torch if first or model_id == "torch/2" else good}
        return 200, json.dumps({"modelMetadata": {**told, "nextPage": "p0" if first else None}}).encode()
