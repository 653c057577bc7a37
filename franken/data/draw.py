"""Draw the digits of ``digits.npz``: pen strokes, deformed at random, on a grid of 32 x 32 points.

Knows NumPy only; nothing of franken imports it. ``python -m franken.data.draw FILE`` writes the
shipped file anew. Only additions, products, quotients and square roots touch the coordinates, and
the random numbers are those of NumPy's frozen RandomState, so every machine draws the same points.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import numpy as np

Points = np.ndarray[Any, Any]

PER_DIGIT: Final = 200
SEED: Final = 20261121
_GRID: Final = 32
_CELL: Final = 4

# Pen strokes in the unit square, y downwards: digit -> ways of writing it -> strokes -> points.
_O = ((0.5, 0.1), (0.3, 0.2), (0.24, 0.5), (0.3, 0.8), (0.5, 0.9), (0.7, 0.8), (0.76, 0.5))
STYLES: Final[dict[int, list[list[tuple[tuple[float, float], ...]]]]] = {
    0: [[(*_O, (0.7, 0.2), (0.5, 0.1))]],
    1: [[((0.5, 0.1), (0.5, 0.9))], [((0.33, 0.28), (0.53, 0.1), (0.53, 0.9))]],
    2: [
        [((0.27, 0.28), (0.36, 0.13), (0.55, 0.1), (0.7, 0.24), (0.66, 0.42), (0.27, 0.88)),
         ((0.27, 0.88), (0.75, 0.88))],
        [((0.28, 0.22), (0.5, 0.1), (0.7, 0.25), (0.55, 0.55), (0.32, 0.8), (0.45, 0.75),
          (0.74, 0.9))],
    ],
    3: [
        [((0.28, 0.16), (0.5, 0.1), (0.69, 0.2), (0.66, 0.4), (0.45, 0.48), (0.68, 0.56),
          (0.72, 0.76), (0.52, 0.9), (0.27, 0.84))],
        [((0.28, 0.12), (0.7, 0.12), (0.47, 0.42), (0.7, 0.55), (0.71, 0.77), (0.5, 0.9),
          (0.27, 0.83))],
    ],
    4: [
        [((0.36, 0.12), (0.25, 0.55), (0.77, 0.55)), ((0.64, 0.3), (0.62, 0.9))],
        [((0.62, 0.9), (0.62, 0.1), (0.22, 0.62), (0.78, 0.62))],
    ],
    5: [
        [((0.71, 0.12), (0.34, 0.12), (0.31, 0.46), (0.55, 0.42), (0.72, 0.55), (0.7, 0.78),
          (0.5, 0.9), (0.27, 0.83))],
    ],
    6: [
        [((0.65, 0.12), (0.42, 0.25), (0.29, 0.5), (0.28, 0.75), (0.45, 0.9), (0.68, 0.84),
          (0.71, 0.64), (0.55, 0.52), (0.32, 0.6))],
    ],
    7: [
        [((0.25, 0.13), (0.74, 0.13), (0.42, 0.9))],
        [((0.25, 0.13), (0.74, 0.13), (0.42, 0.9)), ((0.36, 0.5), (0.7, 0.5))],
    ],
    8: [
        [((0.5, 0.48), (0.31, 0.34), (0.35, 0.15), (0.5, 0.1), (0.66, 0.16), (0.69, 0.33),
          (0.5, 0.48), (0.28, 0.63), (0.3, 0.83), (0.5, 0.9), (0.71, 0.83), (0.72, 0.63),
          (0.5, 0.48))],
    ],
    9: [
        [((0.7, 0.36), (0.5, 0.48), (0.31, 0.38), (0.32, 0.18), (0.5, 0.1), (0.69, 0.18),
          (0.7, 0.36), (0.66, 0.7), (0.5, 0.9))],
        [((0.7, 0.14), (0.42, 0.13), (0.3, 0.3), (0.42, 0.46), (0.68, 0.38), (0.7, 0.14),
          (0.7, 0.9))],
    ],
}  # fmt: skip


def draw_digits(per_digit: int = PER_DIGIT, seed: int = SEED) -> tuple[Points, Points]:
    """Return images (10 * per_digit, 8, 8) of 0..16 and their labels, uint8, shuffled.

    >>> images, labels = draw_digits(per_digit=2)
    >>> images.shape, sorted(labels.tolist())[:4]
    ((20, 8, 8), [0, 0, 1, 1])
    """
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(10, dtype=np.uint8), per_digit)
    random.shuffle(labels)
    images = np.stack([_image(_deform(int(label), random), random) for label in labels])
    return images, labels


def _deform(digit: int, random: np.random.RandomState) -> list[Points]:
    """Return one way of writing ``digit``, its points shaken, then slanted, scaled and moved."""
    style = STYLES[digit][random.randint(len(STYLES[digit]))]
    matrix = np.eye(2) + random.uniform(-0.17, 0.17, (2, 2))
    shift = random.uniform(-0.07, 0.07, 2)
    strokes = []
    for stroke in style:
        points = np.array(stroke) - 0.5 + random.uniform(-0.035, 0.035, (len(stroke), 2))
        # Not `points @ matrix.T`: a BLAS may round its products otherwise.
        x = points[:, 0] * matrix[0, 0] + points[:, 1] * matrix[0, 1]
        y = points[:, 0] * matrix[1, 0] + points[:, 1] * matrix[1, 1]
        strokes.append(np.stack([x, y], axis=1) + 0.5 + shift)
    return strokes


def _image(strokes: list[Points], random: np.random.RandomState) -> Points:
    """Ink the grid's points near a stroke, and count them over blocks of 4 x 4."""
    width = random.uniform(0.035, 0.075)
    y, x = np.meshgrid(*[(np.arange(_GRID) + 0.5) / _GRID] * 2, indexing="ij")
    ink = np.zeros((_GRID, _GRID), bool)
    for stroke in strokes:
        for start, end in zip(stroke[:-1], stroke[1:], strict=True):
            ink |= _distance(x, y, start, end) < width
    cells = _GRID // _CELL
    blocks = ink.reshape(cells, _CELL, cells, _CELL)
    return blocks.sum(axis=(1, 3), dtype=np.uint8)


def _distance(x: Points, y: Points, start: Points, end: Points) -> Points:
    """Return how far each point (x, y) lies from the segment between ``start`` and ``end``."""
    (ax, ay), (bx, by) = start, end
    dx, dy = bx - ax, by - ay
    along = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    return np.sqrt((x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2)


def main(path: str) -> None:
    """Write the shipped data file to ``path``."""
    images, labels = draw_digits()
    np.savez_compressed(path, images=images, labels=labels)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m franken.data.draw FILE.npz")
    main(sys.argv[1])
