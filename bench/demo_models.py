"""Held-out figures of the demo models: python -m bench.demo_models [--pictures 1000]."""

import argparse
import time

from bench.accuracy import classifier_accuracy, detector_average


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000, help="held-out pictures for each model")
    pictures: int = parser.parse_args().pictures
    began = time.monotonic()
    average = detector_average(pictures)
    print(f"shapes-detector, {pictures} held-out scenes, AP at IoU 0.5")
    for label, value in average.labels.items():
        print(f"  {label:10} {value:.4f}")
    print(f"  {'mAP50':10} {average.mean:.4f}")
    print(f"shapes-classifier, {pictures} held-out close-ups")
    print(f"  {'accuracy':10} {classifier_accuracy(pictures):.4f}")
    print(f"took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
