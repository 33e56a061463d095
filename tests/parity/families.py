"""Which family reads each recording, and which families are still missing."""

FAMILY_OF = {
    "yolov5u": "yolov8",
    "yolov8": "yolov8",
    "yolov8-batch4": "yolov8",
    "yolov8-dynamic": "yolov8",
    "yolov8-nms": "yolov10",
    "yolov8-pose": "yolov8-pose",
    "yolov8-seg": "yolov8-seg",
    "yolov8-seg-dynamic": "yolov8-seg",
}

# Recordings whose family does not exist yet: take a name out when the family lands.
AWAITED: set[str] = {
    "yolov8-nms",
    "yolov8-pose",
    "yolov8-seg",
    "yolov8-seg-dynamic",
}
