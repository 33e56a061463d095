"""MOSEC: python -m bench.peers.sides.mosec FOLDER PORT WORKERS THREADS. Answers at /inference."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from mosec import Server, Worker

from bench.peers.network import Network


class Inference(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.network = Network(Path(os.environ["PEER_FOLDER"]), int(os.environ["PEER_THREADS"]))

    def forward(self, data: dict[str, Any]) -> dict[str, Any]:
        return self.network.answer(self.network.picture(data["image"]["value"]))


if __name__ == "__main__":
    folder, port, workers, threads = sys.argv[1:5]
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", port, "--timeout", "60000"]  # what its own parser reads
    os.environ |= {"PEER_FOLDER": folder, "PEER_THREADS": threads}
    server = Server()
    server.append_worker(Inference, num=int(workers))
    server.run()
