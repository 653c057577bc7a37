"""Gradients of convolutions by their input or weight, given the one of the output.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html
"""

from __future__ import annotations

from typing import Any

import franken


def _pulled(n: int, fixed: Any, size: Any, which: int, grad_output: Any, rest: Any) -> Any:
    """The cotangent of one argument: convolution is linear in it, so its value does not matter."""
    conv = getattr(franken.nn.functional, f"conv{n}d")
    with franken.enable_grad():
        free = grad_output.new_zeros(tuple(size)).requires_grad_()
        y = conv(*((free, fixed) if which == 0 else (fixed, free)), None, *rest)
    graph = franken.is_grad_enabled()
    (found,) = franken.autograd.grad(y, free, grad_output, create_graph=graph)
    return found


def _pair(n: int) -> tuple[Any, Any]:
    def by_input(
        input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Any:  # fmt: skip
        rest = (stride, padding, dilation, groups)
        return _pulled(n, weight, input_size, 0, grad_output, rest)

    def by_weight(
        input: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Any:  # fmt: skip
        rest = (stride, padding, dilation, groups)
        return _pulled(n, input, weight_size, 1, grad_output, rest)

    for name, fn in (("input", by_input), ("weight", by_weight)):
        fn.__name__ = fn.__qualname__ = f"conv{n}d_{name}"
        fn.__doc__ = f"The gradient of `conv{n}d` with respect to its {name}."
    return by_input, by_weight


conv1d_input, conv1d_weight = _pair(1)
conv2d_input, conv2d_weight = _pair(2)
conv3d_input, conv3d_weight = _pair(3)
