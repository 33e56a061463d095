"""Which family reads each recording, and which families are still missing."""

FAMILY_OF = {
    "classify-hf-resnet50": "classification",
    "classify-hf-vit": "classification",
    "classify-timm-multi-label": "classification",
    "classify-timm-resnet34": "classification",
    "classify-torchvision-resnet18": "classification",
    "yolo11": "yolov8",
    "yolo11-cls": "classification",
    "yolo11-seg": "yolov8-seg",
    "yolo12": "yolov8",
    "yolo26-many": "yolov8",
    "yolo26-one": "yolov10",
    "yolo26-pose-many": "yolov8-pose",
    "yolo26-pose-one": "yolov10-pose",
    "yolo26-seg-many": "yolov8-seg",
    "yolo26-seg-one": "yolov10-seg",
    "yolov10-many": "yolov8",
    "yolov10-one": "yolov10",
    "yolov5": "yolov5",
    "yolov5-dynamic": "yolov5",
    "yolov5-seg": "yolov5-seg",
    "yolov5u": "yolov8",
    "yolov7-end2end": "yolov7-end2end",
    "yolov7-grid": "yolov5",
    "yolov7-maps": "yolov5",
    "yolov8": "yolov8",
    "yolov8-batch4": "yolov8",
    "yolov8-cls": "classification",
    "yolov8-dynamic": "yolov8",
    "yolov8-nms": "yolov10",
    "yolov8-pose": "yolov8-pose",
    "yolov8-seg": "yolov8-seg",
    "yolov9": "yolov8",
}

# Recordings whose family does not exist yet: take a name out when the family lands.
AWAITED: set[str] = set()
