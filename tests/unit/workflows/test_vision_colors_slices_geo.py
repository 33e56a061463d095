"""Colours, tiles and places on the ground."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shared.errors import InvalidRequest
from shared.workflows import colors
from shared.workflows.vision.geo import METERS_PER_DEGREE, Nadir
from shared.workflows.vision.slices import tiles


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("#0a141e", (10, 20, 30)),
        ("#abc", (170, 187, 204)),
        ("(1, 2, 3)", (1, 2, 3)),
        ("rgb(1,2,3)", (1, 2, 3)),
        ("bgr(3, 2, 1)", (1, 2, 3)),
        ("green", (0, 255, 0)),
        ("WHITE", (255, 255, 255)),
        ("teal", (0, 128, 128)),
        ([7, 8, 9], (7, 8, 9)),
        ((7, 8, 9), (7, 8, 9)),
        (" Grey ", (128, 128, 128)),
    ],
)
def test_colours_in_every_form(text: Any, rgb: Any) -> None:
    assert colors.rgb(text) == rgb
    assert colors.bgr(text) == rgb[::-1]


@pytest.mark.parametrize("bad", ["#12345g", "nocolor", "rgb(1,2)", "rgb(300,0,0)", [1, 2], 5, None, "bgr(a,b,c)"])
def test_what_is_no_colour_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidRequest, match="colour"):
        colors.rgb(bad)


def test_tiles_are_cut_off_at_the_border() -> None:
    # Stride 80 of tiles of 100: they begin at 0, 80, 160 across a width of 200.
    got = tiles((200, 100), (100, 100), (0.2, 0.2), equal=False).tolist()
    assert got == [
        [0, 0, 100, 100], [80, 0, 180, 100], [160, 0, 200, 100],
        [0, 80, 100, 100], [80, 80, 180, 100], [160, 80, 200, 100],
    ]  # fmt: skip


def test_equal_tiles_are_moved_inwards_and_come_once() -> None:
    got = tiles((200, 100), (100, 100), (0.2, 0.2), equal=True).tolist()
    assert got == [[0, 0, 100, 100], [80, 0, 180, 100], [100, 0, 200, 100]]
    assert tiles((50, 40), (100, 100), (0.2, 0.2), equal=True).tolist() == [[0, 0, 50, 40]]


def test_tiles_that_make_no_sense_are_refused() -> None:
    for overlap, tile in ((1.0, 10), (0.0, 0)):
        with pytest.raises(InvalidRequest, match="overlap"):
            tiles((100, 100), (tile, tile), (overlap, overlap), equal=False)
    with pytest.raises(InvalidRequest, match="more than"):
        tiles((4000, 4000), (1, 1), (0, 0), equal=True)


def test_places_on_the_ground() -> None:
    # 90 degrees at 100 m: the picture's 400 pixels show 200 m, so a pixel is half a metre.
    camera = Nadir(0.0, 10.0, 100.0, horizontal_fov=90)
    assert camera.locate(200, 100, (400, 200)) == (0.0, 10.0)
    north, east = camera.locate(300, 0, (400, 200))
    assert north * METERS_PER_DEGREE == pytest.approx(50)
    assert (east - 10) * METERS_PER_DEGREE == pytest.approx(50)
    turned = Nadir(0.0, 10.0, 100.0, horizontal_fov=90, heading=90)  # up is east, right is south
    north, east = turned.locate(200, 0, (400, 200))
    assert (north * METERS_PER_DEGREE, (east - 10) * METERS_PER_DEGREE) == pytest.approx((0, 50))


def test_degrees_of_longitude_shrink_towards_the_poles() -> None:
    _, east = Nadir(60.0, 0.0, 100.0, horizontal_fov=90).locate(400, 100, (400, 200))
    assert east * METERS_PER_DEGREE == pytest.approx(100 / math.cos(math.radians(60)))
    assert Nadir(1.0, 2.0, 0.0).locate(5, 5, (10, 10)) == (1.0, 2.0)
