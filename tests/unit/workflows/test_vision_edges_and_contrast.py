"""Masks drawn to edges, and contrast."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from shared.workflows.vision import contrast, edge_snap
from shared.workflows.vision.edge_snap import SnapRules


def square(low: int, high: int, size: int = 120) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[low:high, low:high] = True
    return mask


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("low", [25, 36])
def test_a_mask_grows_and_shrinks_to_the_edge(low: int) -> None:
    truth = square(30, 90)
    grey = np.where(truth, 220, 30).astype(np.uint8)
    mask = square(low, 120 - low)
    rules = SnapRules(tolerance=10, min_area=10)
    strength = edge_snap.gradient(grey)
    found = edge_snap.edges(strength, [mask], rules)
    refined = edge_snap.snapped(mask, found, strength, rules.tolerance)
    assert iou(refined, truth) > 0.93 > iou(mask, truth)


def test_an_edge_beyond_the_tolerance_moves_nothing() -> None:
    grey = np.where(square(30, 90), 220, 30).astype(np.uint8)
    mask = square(50, 70)
    strength = edge_snap.gradient(grey)
    found = edge_snap.edges(strength, [mask], SnapRules(tolerance=5, band=30, min_area=0))
    assert found.any()
    assert (edge_snap.snapped(mask, found, strength, 5) == mask).all()
    assert (edge_snap.snapped(mask, found, strength, 0) == mask).all()


def test_edges_count_only_within_the_band_and_above_the_area() -> None:
    grey = np.where(square(30, 90), 220, 30).astype(np.uint8)
    strength = edge_snap.gradient(grey)
    assert not edge_snap.edges(strength, [square(55, 65)], SnapRules(band=5, min_area=0)).any()
    everywhere = edge_snap.edges(strength, [], SnapRules(min_area=0))
    assert everywhere[29:31, 60].any()
    assert not everywhere[60, 60]
    assert not edge_snap.edges(strength, [], SnapRules(min_area=60 * 60 * 4)).any()


def test_thinning_takes_one_layer_and_keeps_lines() -> None:
    thick = np.zeros((20, 20), np.uint8)
    thick[5:10, 3:17] = 1
    thin = edge_snap.thinned(thick)
    assert 0 < thin.sum() < thick.sum()
    assert cv2.connectedComponents(thin)[0] == 2
    line = np.zeros((9, 9), np.uint8)
    line[4, 1:8] = 1
    assert edge_snap.thinned(line)[4, 2:7].all(), "a line of one pixel stays"


def test_stretch_maps_percentiles_to_the_ends() -> None:
    ramp = np.arange(101, dtype=np.uint8).reshape(1, -1) + 50  # percentiles 2 and 98 are 52 and 148
    out = contrast.stretch_percentiles(ramp)[0]
    assert out[:3].tolist() == [0, 0, 0]
    assert out[-3:].tolist() == [255, 255, 255]
    assert out[50] == 127
    flat = np.full((3, 3), 9, np.uint8)
    assert (contrast.stretch_percentiles(flat) == 9).all()


def test_equalize_gives_each_value_its_share() -> None:
    values = np.array([[0, 0, 100, 200]], np.uint8)
    assert contrast.equalize(values).tolist() == [[127, 127, 191, 255]]


def test_adaptive_equalization_raises_local_contrast_and_keeps_hue() -> None:
    y, x = np.mgrid[:128, :128]
    dark = (40 + 10 * np.sin(x / 3.0) + y / 8).astype(np.uint8)
    picture = np.stack([dark // 2, dark // 4, dark], axis=2)
    even = contrast.equalize_adaptively(picture)
    assert even.std() > picture.std() * 1.5
    hue = [cv2.cvtColor(p, cv2.COLOR_BGR2HSV)[:, :, 0].astype(int) for p in (picture, even)]
    assert np.median(np.abs(hue[0] - hue[1])) <= 3
    assert contrast.equalize_adaptively(dark).shape == (128, 128)
    assert contrast.equalize_adaptively(dark[:, :, None]).shape == (128, 128, 1)


def test_enhance() -> None:
    ramp = np.array([[50, 100, 150]], np.uint8)
    assert contrast.enhance(ramp, 0, 1.0, brighten=False).tolist() == [[0, 127, 255]]
    # 0, 127.5, 255 about 128, halved: 64, 127.75, 191.5
    assert contrast.enhance(ramp, 0, 0.5, brighten=False).tolist() == [[64, 127, 191]]
    bright = contrast.enhance(ramp, 0, 1.0, brighten=True)[0]
    assert bright[1] == int(0.5 ** (1 / 1.3) * 255)
    flat = np.full((2, 2), 8, np.uint8)
    assert (contrast.enhance(flat, 0, 1.0, brighten=False) == 8).all()
    outlier = np.array([[0] + [100] * 98 + [255]], np.uint8)
    assert (contrast.enhance(outlier, 0, 1.0, brighten=False)[0, 1:99] == 100).all()
