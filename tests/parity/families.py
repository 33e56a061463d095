"""Which family reads each recording, and which families are still missing."""

FAMILY_OF = {
    "yolo11": "yolov8",
    "yolov10-many": "yolov8",
    "yolov10-one": "yolov10",
    "yolov5": "yolov5",
    "yolov5-dynamic": "yolov5",
    "yolov5-seg": "yolov5-seg",
    "yolov5u": "yolov8",
    "yolov7-end2end": "yolov7",
    "yolov7-grid": "yolov7",
    "yolov7-maps": "yolov7",
    "yolov8": "yolov8",
    "yolov8-batch4": "yolov8",
    "yolov8-dynamic": "yolov8",
    "yolov8-nms": "yolov10",
    "yolov8-pose": "yolov8-pose",
    "yolov8-seg": "yolov8-seg",
    "yolov9": "yolov8",
}

# Recordings whose family does not exist yet: take a name out when the family lands.
AWAITED: set[str] = {
    "yolov10-one",
    "yolov5",
    "yolov5-dynamic",
    "yolov5-seg",
    "yolov7-end2end",
    "yolov7-grid",
    "yolov7-maps",
    "yolov8-nms",
    "yolov8-pose",
    "yolov8-seg",
}
