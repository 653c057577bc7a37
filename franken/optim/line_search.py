"""A line search for the strong Wolfe conditions: bracket, then zoom by cubic interpolation.

Source: Nocedal and Wright, Numerical Optimization, section 3.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

C1, C2 = 1e-4, 0.9
MIN_CHANGE = 1e-9
MAX_TRIES = 25

# A point on the line: (step, loss, gradient, slope along the direction).
Point = tuple[Any, Any, Any, Any]


def cubic_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """The minimiser of the cubic with the two points' values and slopes, within bounds."""
    (xa, fa, _, ga), (xb, fb, _, gb) = a, b
    low, high = bounds if bounds is not None else (min(xa, xb), max(xa, xb))
    d1 = ga + gb - 3 * (fa - fb) / (xa - xb)
    square = d1**2 - ga * gb
    if square < 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if xa <= xb:
        best = xb - (xb - xa) * ((gb + d2 - d1) / (gb - ga + 2 * d2))
    else:
        best = xa - (xa - xb) * ((ga + d2 - d1) / (ga - gb + 2 * d2))
    return min(max(best, low), high)


def strong_wolfe(
    probe: Callable[[Any, Any], Any], t: Any, d: Any, loss: float, gradient: Any, slope: Any
) -> tuple[Any, Any, Any, int]:
    """(loss, gradient, step, evaluations) at a step along `d` that meets the conditions."""
    search = _Search(probe, d, loss, float(slope))
    bracket = search.bracket(float(t), (0.0, loss, gradient.clone(), float(slope)))
    best = bracket[0] if len(bracket) == 1 else search.zoom(bracket)
    return best[1], best[2], best[0], search.evals


class _Search:
    def __init__(self, probe: Any, d: Any, loss: float, slope: float) -> None:
        self.probe, self.d, self.loss, self.slope = probe, d, loss, slope
        self.scale = float(d.abs().max())
        self.evals = self.tries = 0

    def at(self, t: Any) -> Point:
        """Evaluate a step."""
        loss, gradient = self.probe(t, self.d)
        self.evals += 1
        return t, loss, gradient.clone(), float(gradient.dot(self.d))

    def too_high(self, p: Point) -> bool:
        """Whether the decrease is less than sufficient."""
        return bool(p[1] > self.loss + C1 * p[0] * self.slope)

    def flat(self, p: Point) -> bool:
        """Whether the slope is small enough."""
        return abs(p[3]) <= -C2 * self.slope

    def bracket(self, t: Any, before: Point) -> list[Point]:
        """One point that meets the conditions, or two with such a point between them."""
        now = self.at(t)
        while self.tries < MAX_TRIES:
            if self.too_high(now) or (self.tries > 1 and now[1] >= before[1]):
                return [before, now]
            if self.flat(now):
                return [now]
            if now[3] >= 0:
                return [before, now]
            t = now[0]
            bounds = (t + 0.01 * (t - before[0]), t * 10)
            t = cubic_minimum(before, now, bounds)
            before, now = now, self.at(t)
            self.tries += 1
        return [(0.0, self.loss, before[2], self.slope), now]

    def zoom(self, bracket: list[Point]) -> Point:
        """Shrink a bracket until a point meets the conditions."""
        stuck = False
        low, high = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
        while self.tries < MAX_TRIES:
            if abs(bracket[1][0] - bracket[0][0]) * self.scale < MIN_CHANGE:
                break
            t, stuck = self._inside(bracket, cubic_minimum(bracket[0], bracket[1]), stuck)
            now = self.at(t)
            self.tries += 1
            if self.too_high(now) or now[1] >= bracket[low][1]:
                bracket[high] = now
                low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
            else:
                done = self.flat(now)
                if not done and now[3] * (bracket[high][0] - bracket[low][0]) >= 0:
                    bracket[high] = bracket[low]
                bracket[low] = now
                if done:
                    break
        return bracket[low]

    def _inside(self, bracket: list[Point], t: Any, stuck: bool) -> tuple[Any, bool]:
        """Keep a tenth of the bracket away from its ends when progress is small."""
        ends = (bracket[0][0], bracket[1][0])
        margin = 0.1 * (max(ends) - min(ends))
        if min(max(ends) - t, t - min(ends)) >= margin:
            return t, False
        if stuck or t >= max(ends) or t <= min(ends):
            near_top = abs(t - max(ends)) < abs(t - min(ends))
            return (max(ends) - margin if near_top else min(ends) + margin), False
        return t, True
