"""Make the benchmark networks: python -m bench.networks --out DIR. The weights follow from a seed and mean nothing."""

import argparse
from pathlib import Path

from bench.networks.repository import write_all


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="model repository to write into")
    for written in write_all(parser.parse_args().out):
        print(f"{written.folder}: {written.gflops:.2f} GFLOPs, {written.parameters / 1e6:.2f} M parameters")


if __name__ == "__main__":
    main()
