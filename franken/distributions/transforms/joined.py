"""Transforms of the parts of a tensor along a dimension, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.transforms.base import Transform
from franken.distributions.utils import _sum_rightmost


def _checked(tseq: Sequence[Transform], cache_size: int) -> list[Transform]:
    if not all(isinstance(t, Transform) for t in tseq):
        raise AssertionError("All elements of tseq must be Transform instances")
    return [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)


def _check(name: str, x: Tensor, dim: int, length: int, words: str) -> None:
    if not -x.dim() <= dim < x.dim():
        raise AssertionError(f"dim {dim} out of range for tensor with {x.dim()} dimensions")
    if x.size(dim) != length:
        raise AssertionError(f"{name}.size({dim}) = {x.size(dim)} must equal {words} {length}")


class CatTransform(Transform):
    """Transforms of parts of given lengths along `dim`; the parts keep the dimension.

    Args:
        tseq: a transform for each part.
        dim: the dimension.
        lengths: of the parts, one each by default.
    """

    transforms: list[Transform]

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:  # fmt: skip
        self.transforms = _checked(tseq, cache_size)
        super().__init__(cache_size=cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(
                f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})"
            )
        self.dim = dim

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """The length of the whole."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Any:
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _parts(self, name: str, x: Tensor) -> list[Tensor]:
        _check(name, x, self.dim, self.length, "length")
        return list(x.split(self.lengths, self.dim))

    def _call(self, x: Tensor) -> Tensor:
        parts = self._parts("x", x)
        return franken.cat(
            [t(p) for t, p in zip(self.transforms, parts, strict=True)], dim=self.dim
        )

    def _inverse(self, y: Tensor) -> Tensor:
        parts = self._parts("y", y)
        return franken.cat(
            [t.inv(p) for t, p in zip(self.transforms, parts, strict=True)], dim=self.dim
        )

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        slopes = []
        parts = zip(self.transforms, self._parts("x", x), self._parts("y", y), strict=True)
        for transform, before, after in parts:
            slope = transform.log_abs_det_jacobian(before, after)
            slopes.append(_sum_rightmost(slope, self.event_dim - transform.event_dim))
        # The dimension counted from the end, as it lies where events have become numbers.
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim += self.event_dim
        if dim < 0:
            return franken.cat(slopes, dim=dim)
        return sum(slopes)  # type: ignore[return-value]

    @property
    def bijective(self) -> bool:
        return all(t.bijective for t in self.transforms)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(Transform):
    """Transforms of the slices along `dim`, which they do not see.

    Args:
        tseq: a transform for each slice.
        dim: the dimension.
    """

    transforms: list[Transform]

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        self.transforms = _checked(tseq, cache_size)
        super().__init__(cache_size=cache_size)
        self.dim = dim

    def with_cache(self, cache_size: int = 1) -> Any:
        if self._cache_size == cache_size:
            return self
        return StackTransform(self.transforms, self.dim, cache_size)

    def _slice(self, z: Tensor) -> list[Tensor]:
        return [z.select(self.dim, i) for i in range(z.size(self.dim))]

    def _slices(self, name: str, z: Tensor) -> list[Tensor]:
        _check(name, z, self.dim, len(self.transforms), "len(transforms)")
        return self._slice(z)

    def _call(self, x: Tensor) -> Tensor:
        parts = zip(self.transforms, self._slices("x", x), strict=True)
        return franken.stack([t(part) for t, part in parts], dim=self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._slices("y", y), strict=True)
        return franken.stack([t.inv(part) for t, part in parts], dim=self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        befores, afters = self._slices("x", x), self._slices("y", y)
        return franken.stack(
            [
                t.log_abs_det_jacobian(before, after)
                for t, before, after in zip(self.transforms, befores, afters, strict=True)
            ],
            dim=self.dim,
        )

    @property
    def bijective(self) -> bool:
        return all(t.bijective for t in self.transforms)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
