"""The names under which Roboflow's clients ask for public models, and the ids that they stand for there.

Its clients translate some names themselves and send others as they are, so a server must know both.
"""

from __future__ import annotations

from collections.abc import Iterator


def _sizes(name: str, sizes: str, project: str, first: int) -> Iterator[tuple[str, str]]:
    """One alias per letter of ``sizes``, for versions that follow each other."""
    for offset, size in enumerate(sizes.split()):
        yield name.format(size), f"{project}/{first + offset}"


def _listed(name: str, versions: str, project: str) -> Iterator[tuple[str, str]]:
    """One alias per ``size:version``."""
    for entry in versions.split():
        size, _, version = entry.partition(":")
        yield name.format(size), f"{project}/{version}"


def _all() -> Iterator[tuple[str, str]]:
    coco, masks, poses = "coco", "coco-dataset-vdnr1", "coco-pose-detection"
    yield from _listed("yolov8{}-640", "n:3 s:6 m:8 l:7 x:5", coco)
    yield from _sizes("yolov8{}-1280", "n s m l x", coco, 9)
    yield from _listed("yolov8{}-seg-640", "n:2 s:4 m:5 l:6 x:3", masks)
    yield from _sizes("yolov8{}-seg-1280", "n s m l x", masks, 7)
    yield from _sizes("yolov8{}-pose-640", "n s m l x", poses, 1)
    yield "yolov8x-pose-1280", f"{poses}/6"
    yield from _sizes("yolo-nas-{}-640", "s m l", coco, 14)
    yield from _sizes("yolov10{}-640", "n s m b l x", coco, 19)
    for name in ("yolov11", "yolo11"):
        yield from _sizes(name + "{}-640", "n s m l x", coco, 25)
        yield from _sizes(name + "{}-1280", "n s m l x", coco, 30)
        yield from _sizes(name + "{}-seg-640", "n s m l x", masks, 19)
    for name in ("yolov26", "yolo26"):
        yield from _sizes(name + "{}-640", "n s m l x", coco, 41)
        yield from _listed(name + "{}-seg-640", "n:27 s:28 m:29 l:31 x:34", masks)
        yield from _sizes(name + "{}-pose-640", "n s m l x", poses, 12)
    yield from _listed("rfdetr-{}", "base:36 nano:38 small:39 medium:40 large:50 xlarge:47 2xlarge:48", coco)
    yield "rfdetr-seg-preview", f"{masks}/26"
    yield from _listed("rfdetr-seg-{}", "nano:41 small:36 medium:37 large:38 xlarge:39 2xlarge:40", masks)
    yield "rfdetr-keypoint-preview", "microsoft/coco-pose-detection-17-rfdetr-keypoint-preview-t1"
    yield from _sizes("resnet{}", "18 34 50 101", "classifiers", 1)


ALIASES: dict[str, str] = dict(_all())


def resolve(name: str) -> str:
    """The id that a public name stands for; any other name is its own id."""
    return ALIASES.get(name, name)


def names_of(model_id: str) -> tuple[str, ...]:
    """Every public name of an id, in order."""
    return tuple(sorted(alias for alias, target in ALIASES.items() if target == model_id))
