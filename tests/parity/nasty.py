"""Five hundred texts that tokenisers stumble over, always the same."""

from __future__ import annotations

import random

COUNT = 500
PIECES = (
    "a photo",
    "The QUICK brown",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u3000",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\x00",
    "\x07",
    "it's",
    "we'll",
    "DON'T",
    "'s",
    "``",
    "\u201cquotes\u201d",
    "\u2018x\u2019",
    "\u2013",
    "\u2014",
    "...",
    "\u2026",
    "!?!",
    "_",
    "__",
    "#$%&",
    "na\u00efve",
    "nai\u0308ve",
    "\u00c5",
    "A\u030a",
    "\u0130stanbul",
    "\u0131",
    "\u00df",
    "STRASSE",
    "\ufb01x",
    "\u00bd",
    "\u2460",
    "\u2167",
    "\u00b2",
    "123",
    "1,234.56",
    "3.14e-10",
    "\u0661\u0662\u0663",
    "\u65e5\u672c\u8a9e",
    "\u4e2d\u6587\u5b57",
    "\ud55c\uad6d\uc5b4",
    "\u3053\u3093",
    "\uff21\uff22\uff23",
    "\uff76\uff9e",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u0e2a\u0e27\u0e31\u0e2a",
    "\U0001f642",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea",
    "\U0001f44d\U0001f3fd",
    "\u2764\ufe0f",
    "\U00010348",
    "\ue000",
    "\ufffd",
    "z\u0351\u036b\u0343",
    "<b>",
    "&amp;",
    "a@b.c",
    "C:\\x",
    "loooooooooooooooooong",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "camelCaseWord",
    "x=y+z;",
    "([{}])",
    "10\u00b0C",
    "\u20ac5",
    "\u00ad",
)


def texts() -> list[str]:
    """Each piece alone, then pieces at random with and without spaces between."""
    dice = random.Random(9)
    found = ["", *PIECES]
    while len(found) < COUNT:
        glue = dice.choice(("", " ", "  "))
        found.append(glue.join(dice.choice(PIECES) for _ in range(dice.randrange(2, 9))))
    return found
