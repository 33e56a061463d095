"""LitServe: python -m bench.peers.sides.litserve FOLDER PORT WORKERS THREADS. Answers at /predict."""

import sys
from pathlib import Path
from typing import Any

import litserve

from bench.peers.network import Network


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.network = Network(Path(sys.argv[1]), int(sys.argv[4]))

    def decode_request(self, request):  # noqa: ANN001, ANN201 - an annotation would change what LitServe passes
        return self.network.picture(request["image"]["value"])

    def predict(self, picture: Any) -> dict[str, Any]:
        return self.network.answer(picture)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=int(sys.argv[3]), timeout=60)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", generate_client_file=False)
