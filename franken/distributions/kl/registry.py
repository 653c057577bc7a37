"""Which function computes the divergence of two kinds of distributions, and how one is found."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from franken import Tensor
from franken.distributions.distribution import Distribution

_KL_REGISTRY: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}
_KL_MEMOIZE: dict[tuple[type, type], Any] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """Decorate a function of p and q as the one for these classes and their subclasses.

    Of several that fit a pair, the one with the most special classes is called.

    >>> import franken as torch
    >>> from franken.distributions import Normal, kl_divergence, register_kl
    >>> class Mine(Normal):
    ...     pass
    >>> @register_kl(Mine, Mine)
    ... def _kl_mine(p, q):
    ...     return torch.tensor(7.0)
    >>> kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0))
    tensor(7.)
    """
    for kind in (type_p, type_q):
        issubclass(kind, Distribution)  # raises where it is no class; any class may be told of

    def declare(fn: Any) -> Any:
        _KL_REGISTRY[type_p, type_q] = fn
        _KL_MEMOIZE.clear()
        return fn

    return declare


def _dispatch_kl(type_p: type, type_q: type) -> Any:
    """The most special function for two classes, NotImplemented where there is none.

    It is a matter of which class counts first; where that decides, the choice is ambiguous.
    """
    fitting = [
        (type_p.__mro__.index(p), type_q.__mro__.index(q), (p, q))
        for p, q in _KL_REGISTRY
        if issubclass(type_p, p) and issubclass(type_q, q)
    ]
    if not fitting:
        return NotImplemented
    left = min(fitting, key=lambda m: (m[0], m[1]))[2]
    right = min(fitting, key=lambda m: (m[1], m[0]))[2]
    if _KL_REGISTRY[left] is not _KL_REGISTRY[right]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please "
            f"register_kl({left[0].__name__}, {right[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[left]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q) = E_p log(p / q), of the common batch's shape.

    >>> from franken.distributions import Exponential, kl_divergence
    >>> kl_divergence(Exponential(1.0), Exponential(1.0))
    tensor(0.)
    """
    pair = type(p), type(q)
    if pair not in _KL_MEMOIZE:
        _KL_MEMOIZE[pair] = _dispatch_kl(*pair)
    fn = _KL_MEMOIZE[pair]
    if fn is NotImplemented:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} "
            f"and q type {q.__class__.__name__}"
        )
    return fn(p, q)  # type: ignore[no-any-return]
