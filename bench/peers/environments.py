"""The environment of each peer: ``.venv-peer-NAME``, made once by ``python -m bench.peers``."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("onnxruntime", "opencv-python-headless", "numpy")
"""What runs the network, in the versions of constraints.txt for all that let us choose."""


@dataclass(frozen=True)
class Peer:
    """How a peer is installed and where it answers."""

    name: str
    requirements: tuple[str, ...]
    module: str
    routes: dict[str, str]
    """Path by the model's task."""
    pinned: bool = True
    """Takes our versions of ``SHARED``; Roboflow's package names its own."""
    version: str = ""
    """What its ids of models have after the name."""


def one(path: str) -> dict[str, str]:
    return {"object-detection": path, "classification": path}


ROBOFLOW = {"object-detection": "/infer/object_detection", "classification": "/infer/classification"}
PEERS = {
    peer.name: peer
    for peer in (
        Peer("litserve", ("litserve==0.2.19",), "bench.peers.sides.litserve", one("/predict")),
        Peer("mosec", ("mosec==0.9.8",), "bench.peers.sides.mosec", one("/inference")),
        Peer("bentoml", ("bentoml==1.4.40",), "bench.peers.sides.bento", one("/infer")),
        Peer(
            "roboflow", ("inference[http]==1.8.3",), "bench.peers.sides.roboflow", ROBOFLOW, pinned=False, version="/1"
        ),
    )
}


def python_of(peer: Peer) -> Path:
    """The interpreter of its environment, which is made when it is not there yet. Says so: Roboflow's takes minutes."""
    folder = ROOT / f".venv-peer-{peer.name}"
    python = folder / "bin" / "python"
    state = folder / "state"
    wanted = " ".join(peer.requirements)
    if state.exists() and state.read_text() == wanted:
        return python
    print(f"installing {wanted} into {folder.name}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    more = [*SHARED, "-c", str(ROOT / "constraints.txt")] if peer.pinned else []
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements, *more]
    subprocess.run(command, check=True)
    state.write_text(wanted)
    return python
