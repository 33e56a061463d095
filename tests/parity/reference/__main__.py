"""Rebuild the golden files: see script/parity."""

import argparse
import importlib
import logging
import sys
from pathlib import Path

import torch

if torch.__version__.endswith("+cpu"):
    from tests.parity.reference import torchvision_ops  # noqa: F401 - before anything that imports torchvision

log = logging.getLogger("parity")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for weights and exported graphs")
    parser.add_argument("--package", default="ultralytics")
    parser.add_argument("--only", default="all", help="one net or case of the package")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    options.cache.mkdir(parents=True, exist_ok=True)
    # Imported one at a time: each brings its own package, and none needs the others'.
    cases = importlib.import_module(f"tests.parity.reference.{options.package}_cases")
    for case in cases.run(options.cache, options.only):
        log.info("wrote %s", case)


if __name__ == "__main__":
    main()
