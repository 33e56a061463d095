"""BentoML: python bento.py FOLDER PORT WORKERS THREADS. Answers at /infer."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import bentoml

from bench.peers.network import Network


@bentoml.service(workers=int(os.environ.get("PEER_WORKERS", "1")), traffic={"timeout": 60})
class Peer:
    def __init__(self) -> None:
        self.network = Network(Path(os.environ["PEER_FOLDER"]), int(os.environ["PEER_THREADS"]))

    @bentoml.api
    def infer(self, model_id: str, image: dict[str, Any]) -> dict[str, Any]:
        del model_id
        return self.network.answer(self.network.picture(image["value"]))


if __name__ == "__main__":
    folder, port, workers, threads = sys.argv[1:5]
    os.environ |= {"PEER_FOLDER": folder, "PEER_WORKERS": workers, "PEER_THREADS": threads}
    command = [sys.executable, "-m", "bentoml", "serve", "bench.peers.sides.bento:Peer", "--host", "127.0.0.1"]
    os.execv(sys.executable, [*command, "--port", port])
