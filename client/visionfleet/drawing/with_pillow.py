"""Drawing with Pillow alone: boxes with labels, outlines of masks, points, class colours, a banner of classes."""

from __future__ import annotations

import colorsys
import io

from PIL import Image, ImageDraw, ImageFont

from visionfleet.errors import UnsupportedTask
from visionfleet.results import Box, Classification, ClassMap, Detections, Instance, Pose, Result

Colour = tuple[int, int, int]
GOLDEN_RATIO = 0.618033988749895
BANNER_LINES = 5
TINT = 90


def draw(result: Result, image: Image.Image) -> Image.Image:
    """The result on a copy of the image. Raises UnsupportedTask for tasks that it does not know."""
    if isinstance(result, Detections):
        return boxes(result, image)
    if isinstance(result, Classification):
        return banner(result, image)
    if isinstance(result, ClassMap):
        return tinted(result, image)
    raise UnsupportedTask(f"A result of {result.task} cannot be drawn; the answer is in 'raw'.")


def colour_of(class_id: int) -> Colour:
    """A colour that a class always has; golden-ratio steps around the hues keep neighbours apart."""
    red, green, blue = colorsys.hsv_to_rgb((class_id * GOLDEN_RATIO + 0.02) % 1.0, 0.85, 0.9)
    return round(red * 255), round(green * 255), round(blue * 255)


def boxes(result: Detections, image: Image.Image) -> Image.Image:
    """Boxes, the best drawn last, with outlines and points where there are some."""
    canvas = image.copy()
    pencil, width = ImageDraw.Draw(canvas, "RGBA"), max(2, round(max(image.size) / 400))
    for box in reversed(result.boxes):
        colour = colour_of(box.class_id)
        if isinstance(box, Instance) and len(box.points) > 2:
            pencil.polygon(box.points, fill=(*colour, TINT), outline=colour)
        pencil.rectangle(box.xyxy, outline=colour, width=width)
        if isinstance(box, Pose):
            for point in box.keypoints:
                pencil.circle((point.x, point.y), 2 * width, fill="yellow", outline="black")
    for box in reversed(result.boxes):
        label(pencil, box, image.size)
    return canvas


def label(pencil: ImageDraw.ImageDraw, box: Box, size: tuple[int, int]) -> None:
    """The class above the box, or inside it at the top of the image."""
    font = font_for(size)
    text = f"{box.class_name} {box.confidence:.2f}"
    _, _, width, height = pencil.textbbox((0, 0), text, font=font)
    left, top, _, _ = box.xyxy
    x = min(max(0.0, left), max(0.0, size[0] - width - 6))
    y = top - height - 6 if top > height + 6 else max(0.0, top)
    pencil.rectangle((x, y, x + width + 6, y + height + 6), fill=colour_of(box.class_id))
    pencil.text((x + 3, y + 2), text, fill="white", font=font, stroke_width=1, stroke_fill="black")


def banner(result: Classification, image: Image.Image) -> Image.Image:
    """The best classes in the upper left corner."""
    canvas = image.copy()
    pencil, font = ImageDraw.Draw(canvas, "RGBA"), font_for(image.size)
    lines = [f"{score.class_name} {score.confidence:.2f}" for score in result.scores[:BANNER_LINES]]
    text = "\n".join(lines or [result.top or "no class"])
    _, _, width, height = pencil.multiline_textbbox((0, 0), text, font=font)
    pencil.rectangle((0, 0, width + 12, height + 12), fill=(0, 0, 0, 170))
    pencil.multiline_text((6, 4), text, fill="white", font=font)
    return canvas


def tinted(result: ClassMap, image: Image.Image) -> Image.Image:
    """Each class in its colour over the image, and a legend of those that occur."""
    ids = Image.open(io.BytesIO(result.mask)).convert("L").resize(image.size, Image.Resampling.NEAREST)
    palette = [channel for class_id in range(256) for channel in colour_of(class_id)]
    colours = ids.convert("P")
    colours.putpalette(palette)
    canvas = Image.blend(image.convert("RGB"), colours.convert("RGB"), 0.45)
    pencil, font, y = ImageDraw.Draw(canvas), font_for(image.size), 6.0
    for class_id in result.present:
        _, _, width, height = pencil.textbbox((0, 0), result.labels[class_id], font=font)
        pencil.rectangle((6, y, 16 + width, y + height + 6), fill=colour_of(class_id))
        pencil.text((10, y + 2), result.labels[class_id], fill="white", font=font, stroke_width=1, stroke_fill="black")
        y += height + 10
    return canvas


def font_for(size: tuple[int, int]) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, readable at the image's size."""
    return ImageFont.load_default(max(12, round(max(size) / 60)))
