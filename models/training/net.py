"""The two small networks: residual convolutions with ReLU, everything sized for one CPU core."""

import torch
from torch import Tensor, nn

STRIDES = (8, 16, 32)


def conv(inside: int, outside: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outside, momentum=0.03),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Bottleneck of half the width with a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(width, width // 2), conv(width // 2, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def stage(inside: int, outside: int) -> nn.Sequential:
    """Halve the resolution."""
    return nn.Sequential(conv(inside, outside, stride=2), Residual(outside))


class Context(nn.Module):
    """Adds what the whole picture looks like to every place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.squeeze(x.mean((2, 3), keepdim=True)).relu()


class Detector(nn.Module):
    """Anchor-free detector: backbone, top-down neck and one head shared by strides 8, 16 and 32.

    Each cell predicts the distances to the four sides of its box, as exp(raw) * stride.
    """

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, stride=2), stage(16, 32))
        self.stages = nn.ModuleList([stage(32, 48), stage(48, 96), nn.Sequential(stage(96, 128), Context(128))])
        self.lateral = nn.ModuleList([nn.Conv2d(c, width, 1) for c in (48, 96, 128)])
        self.smooth = nn.ModuleList([conv(width, width) for _ in STRIDES])
        self.towers = nn.ModuleList([conv(width, width), conv(width, width)])
        self.box = nn.Conv2d(width, 4, 1)
        self.score = nn.Conv2d(width, classes, 1)
        nn.init.constant_(self.box.bias, 0.7)
        nn.init.constant_(self.score.bias, -4.6)  # sigmoid 0.01: nearly every cell is background

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [B,3,H,W] to boxes [B,N,4] (x0 y0 x1 y1, pixels) and class logits [B,N,C]."""
        x, levels = self.stem(images), []
        for module in self.stages:
            x = module(x)
            levels.append(x)
        above, boxes, logits = None, [], []
        for level in (2, 1, 0):
            x = self.lateral[level](levels[level])
            if above is not None:
                x = x + nn.functional.interpolate(above, scale_factor=2.0, mode="nearest")
            above = self.smooth[level](x)
            boxes.insert(0, self.decode(self.box(self.towers[0](above)), STRIDES[level]))
            logits.insert(0, self.score(self.towers[1](above)).flatten(2).transpose(1, 2))
        return torch.cat(boxes, 1), torch.cat(logits, 1)

    @staticmethod
    def decode(raw: Tensor, stride: int) -> Tensor:
        """Distances [B,4,h,w] (left, top, right, bottom; log of strides) to corners [B,h*w,4] in pixels."""
        height, width = raw.shape[2:]
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centre = (torch.stack([x, y], -1).reshape(1, -1, 2) + 0.5) * stride
        near, far = (raw.clamp(max=4.0).exp() * stride).flatten(2).transpose(1, 2).split(2, -1)
        return torch.cat([centre - near, centre + far], -1)


class DetectorGraph(nn.Module):
    """What is exported: YOLOv8's output layout, [B,4+classes,N] with centre boxes and sigmoid scores."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        boxes, logits = self.detector(images)
        first, second = boxes.split(2, -1)
        return torch.cat([(first + second) / 2, second - first, logits.sigmoid()], -1).transpose(1, 2)


class Classifier(nn.Module):
    """Four stages, global average, one linear layer; returns logits [B,C]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(conv(3, 16, stride=2), stage(16, 32), stage(32, 64), stage(64, 128))
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(128, classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).mean((2, 3)))


class ClassifierGraph(nn.Module):
    """What is exported: class probabilities, like Ultralytics classification exports."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(images).softmax(1)
