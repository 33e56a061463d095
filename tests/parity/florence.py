"""What the reference of Florence-2 was asked: prompts, and texts with places to be read."""

from __future__ import annotations

import random

PROMPTS = (
    "<CAPTION>",
    "<OD>",
    "<CAPTION_TO_PHRASE_GROUNDING> two boats and a dog",
    "a prompt without a task",
    "<REGION_TO_DESCRIPTION><loc_10><loc_20><loc_700><loc_900>",
)
"""One for each of five pictures."""

TASKS = (
    "<OCR>", "<OCR_WITH_REGION>", "<CAPTION>", "<DETAILED_CAPTION>", "<MORE_DETAILED_CAPTION>", "<OD>",
    "<DENSE_REGION_CAPTION>", "<REGION_PROPOSAL>", "<CAPTION_TO_PHRASE_GROUNDING>",
    "<REFERRING_EXPRESSION_SEGMENTATION>", "<REGION_TO_SEGMENTATION>", "<OPEN_VOCABULARY_DETECTION>",
    "<REGION_TO_CATEGORY>", "<REGION_TO_DESCRIPTION>", "<REGION_TO_OCR>",
)  # fmt: skip
SIZES = ((333, 217), (1920, 1080))
PIECES = (
    "a boat",
    " naïve café",
    "<poly>",
    "</poly>",
    "<sep>",
    "",
    "x\ny",
    "two words",
    "<s>",
    "</s>",
    "<od>",
    "<ground>",
    "&<",
    ".",
)


def texts() -> list[str]:
    """Well formed ones, and what a small or tired model writes."""
    dice = random.Random(9)
    places = lambda count: "".join(f"<loc_{dice.randrange(1000)}>" for _ in range(count))  # noqa: E731
    good = [
        "</s><s>a boat" + places(4) + "</s>",
        "car" + places(8) + "dog" + places(4),
        "text" + places(8) + "more text" + places(8),
        "cat<poly>" + places(7) + "<sep>" + places(10) + "</poly>dog<poly>" + places(6) + "</poly>",
        places(4) + places(4),
        places(20) + "<sep>" + places(6),
        "only words",
        "",
    ]
    odd = [
        "".join(dice.choice(PIECES) + places(dice.choice((0, 1, 3, 4, 5, 8, 9))) for _ in range(6)) for _ in range(40)
    ]
    return good + odd
