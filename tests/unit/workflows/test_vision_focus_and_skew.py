"""Sharpness, its overlay, and skew."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from shared.workflows.vision import deskew, focus, focus_overlay, pixels


def test_brenner_counts_the_larger_rise_over_two_pixels() -> None:
    grey = np.zeros((5, 6), np.uint8)
    grey[:, 3:] = 10  # rises from columns 1 and 2 to columns 3 and 4
    measure = focus.brenner(grey)
    assert measure[:, 1:3].tolist() == [[100, 100]] * 5
    assert measure.sum() == 1000
    assert focus.brenner(grey[:, ::-1].copy()).sum() == 0, "falls do not count"
    assert focus.brenner(grey.T.copy())[1:3].tolist() == [[100] * 5] * 2


def test_tenengrad_of_a_step() -> None:
    grey = np.zeros((5, 6), np.uint8)
    grey[:, 3:] = 10
    measure = focus.tenengrad(grey)
    assert measure[2].tolist() == [0, 0, 1600, 1600, 0, 0]  # Sobel: (1 + 2 + 1) x 10, squared
    assert focus.box_means(measure, np.array([[2, 0, 4, 5], [-5, -5, 2, 2], [50, 50, 60, 60]])) == [1600, 0, None]


def test_blur_lowers_both_scores() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    soft = cv2.GaussianBlur(grey, (7, 7), 0)
    assert focus.brenner(soft).mean() < focus.brenner(grey).mean() / 5
    assert focus.tenengrad(soft).mean() < focus.tenengrad(grey).mean() / 5


def test_exposure_stripes_tint_only_their_pixels() -> None:
    grey = np.full((32, 32), 128, np.uint8)
    grey[:16] = 0
    grey[16:, 16:] = 255
    canvas = pixels.colour(grey)
    focus_overlay.exposure_stripes(canvas, grey, 3, 97)
    assert canvas[0, 0].tolist() == [127, 0, 0]
    assert canvas[0, 8].tolist() == [0, 0, 0], "between stripes"
    assert canvas[16, 16].tolist() == [127, 127, 255]
    assert (canvas[16:, :16] == 128).all()


def test_sharp_edges_are_green() -> None:
    grey = np.zeros((20, 20), np.uint8)
    grey[:, 10:] = 200
    canvas = pixels.colour(grey)
    focus_overlay.sharp_edges(canvas, focus.tenengrad(grey))
    assert canvas[10, 9].tolist() == [0, 153, 0]
    assert canvas[10, 2].tolist() == [0, 0, 0]
    assert canvas[10, 15].tolist() == [200, 200, 200]


def test_grid_and_centre() -> None:
    canvas = np.zeros((90, 120, 3), np.uint8)
    focus_overlay.grid(canvas, 3)
    assert (canvas[:, 40] == 128).all()
    assert (canvas[30] == 128).all()
    assert not canvas[10, 10].any()
    focus_overlay.centre_mark(canvas)
    assert canvas[45, 60].tolist() == [255, 255, 255]


def test_panel_stays_in_its_corner_and_fits_small_pictures() -> None:
    source = np.full((400, 600, 3), 90, np.uint8)
    canvas = source.copy()
    focus_overlay.panel(canvas, source, source[:, :, 0], 12.3)
    assert (canvas[200:] == 90).all()
    assert (canvas[:, 300:] == 90).all()
    assert canvas[10, 10].tolist() == [27, 27, 27]
    tiny = np.full((20, 20, 3), 90, np.uint8)
    focus_overlay.panel(tiny, tiny.copy(), tiny[:, :, 0].copy(), 1)


@pytest.mark.parametrize("turn", [-12.0, -3.3, 0.0, 7.5, 40.0])
def test_skew_of_bars(turn: float) -> None:
    upright = np.zeros((400, 400), np.uint8)
    for x in range(20, 400, 40):
        upright[:, x : x + 20] = 220
    turned = pixels.rotated(upright, turn)
    height, width = turned.shape
    middle = turned[height // 2 - 120 : height // 2 + 120, width // 2 - 120 : width // 2 + 120]
    found = deskew.edge_angle(np.ascontiguousarray(middle), 1000)
    assert found == pytest.approx(-turn, abs=0.3), "to be turned back by"


def test_no_skew_without_edges() -> None:
    assert deskew.edge_angle(np.full((100, 100), 50, np.uint8), 1000) is None
    every_direction = np.arange(0, 180, 0.1)
    assert deskew._dominant(every_direction, np.ones(1800)) is None


def test_wrapped() -> None:
    assert [deskew.wrapped(a, 180) for a in (0, 90, 91, 179, -90, 270)] == [0, 90, -89, -1, 90, 90]
    assert [deskew.wrapped(a, 90) for a in (44, 46, 89)] == [44, -44, -1]


def test_rotation_keeps_all_of_the_picture() -> None:
    picture = np.full((40, 80, 3), 255, np.uint8)
    assert pixels.rotated(picture, 90).shape == (80, 40, 3)
    assert pixels.rotated(picture, 45).shape == (84, 84, 3)
    assert pixels.rotated(picture, 45)[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_channels(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 7, np.uint8)
    assert pixels.grey(picture).shape == (4, 5)
    drawn = pixels.colour(picture)
    assert drawn.shape == (4, 5, 3)
    drawn[:] = 0
    assert (picture == 7).all()
