"""Recurrent layers on arrays: a whole sequence in one kernel, and its backward pass.

Knows the cells of Hochreiter and Schmidhuber (1997) and of Cho et al. (2014) with torch's order of
gates. Only the product with the hidden weights is sequential: what is added before and what follows
from all steps at once is computed for all steps at once. Must not know Tensor or autograd.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.parallel import matmul


def _steps(count: int, reverse: bool) -> range:
    return range(count - 1, -1, -1) if reverse else range(count)


def _logistic(z: Any) -> None:
    """1 / (1 + exp(-z)) in place; exp overflows to inf for z << 0, whose reciprocal is right."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)


def _before(states: Any, first: Any, reverse: bool) -> Any:
    """The state that each step started with."""
    out = np.empty_like(states)
    if reverse:
        out[:-1], out[-1] = states[1:], first
    else:
        out[1:], out[0] = states[:-1], first
    return out


# --- LSTM ----------------------------------------------------------------------------------------


def lstm_forward(gates: Any, h: Any, c: Any, w: Any, b: Any, reverse: bool) -> tuple[Any, ...]:
    """(outputs, last cell, activated gates, cells): gates (T, B, 4 H) hold the input's part."""
    count, rows, size = gates.shape[0], h.shape[0], h.shape[1]
    acts = gates.copy(order="C") if b is None else gates + b
    out = np.empty((count, rows, size), gates.dtype)
    cells = np.empty_like(out)
    across = w.T
    low, high = 2 * size, 3 * size
    for t in _steps(count, reverse):
        z = acts[t]
        z += matmul(h, across)
        new = np.tanh(z[:, low:high])
        _logistic(z)
        z[:, low:high] = new
        new *= z[:, :size]
        cell = cells[t]
        np.multiply(z[:, size:low], c, out=cell)
        cell += new
        h = out[t]
        np.tanh(cell, out=h)
        h *= z[:, high:]
        c = cell
    return out, c.copy(), acts, cells


def lstm_backward(
    gy: Any, gc: Any, h: Any, c: Any, w: Any, acts: Any, cells: Any, reverse: bool
) -> tuple[Any, ...]:
    """Cotangents of the gates before activation (T, B, 4 H), of the first output and cell."""
    count, rows, size = cells.shape
    i, f, g, o = (acts[..., k * size : (k + 1) * size] for k in range(4))
    squashed = np.tanh(cells)
    slopes = np.empty((count, rows, 4, size), acts.dtype)  # of the cell, and of the output, in each
    np.multiply(g, i * (1 - i), out=slopes[:, :, 0])
    np.multiply(_before(cells, c, reverse), f * (1 - f), out=slopes[:, :, 1])
    np.multiply(i, 1 - g * g, out=slopes[:, :, 2])
    np.multiply(squashed, o * (1 - o), out=slopes[:, :, 3])
    through = o * (1 - squashed * squashed)
    dz = np.empty((count, rows, 4, size), acts.dtype)
    flat = dz.reshape(count, rows, 4 * size)
    dh, dc = np.zeros((rows, size), acts.dtype), gc.copy()
    for t in _steps(count, not reverse):
        dh += gy[t]
        dc += dh * through[t]
        np.multiply(slopes[t, :, :3], dc[:, None], out=dz[t, :, :3])
        np.multiply(slopes[t, :, 3], dh, out=dz[t, :, 3])
        dc *= f[t]
        dh = matmul(flat[t], w)
    return flat, dh, dc


# --- GRU -----------------------------------------------------------------------------------------


def gru_forward(gates: Any, h: Any, w: Any, b: Any, reverse: bool) -> tuple[Any, ...]:
    """(outputs, activated gates, the hidden part of the new state), of gates (T, B, 3 H)."""
    count, rows, size = gates.shape[0], h.shape[0], h.shape[1]
    acts = gates.copy(order="C")
    below = np.empty((count, rows, size), gates.dtype)
    out = np.empty_like(below)
    across, both = w.T, 2 * size
    for t in _steps(count, reverse):
        z, part = acts[t], matmul(h, across)
        if b is not None:
            part += b
        below[t] = part[:, both:]
        turned = z[:, :both]
        turned += part[:, :both]
        _logistic(turned)
        new = z[:, both:]
        new += z[:, :size] * below[t]
        np.tanh(new, out=new)
        step = out[t]
        np.subtract(h, new, out=step)
        step *= z[:, size:both]
        step += new
        h = step
    return out, acts, below


def gru_backward(
    gy: Any, h: Any, w: Any, out: Any, acts: Any, below: Any, reverse: bool
) -> tuple[Any, ...]:
    """Cotangents of the gates (T, B, 3 H), of their hidden part, and of the first state."""
    count, rows, size = out.shape
    r, u, n = (acts[..., k * size : (k + 1) * size] for k in range(3))
    to_new = (1 - u) * (1 - n * n)
    to_update = (_before(out, h, reverse) - n) * (u * (1 - u))
    to_reset = below * (r * (1 - r))
    dz = np.empty((count, rows, 3, size), out.dtype)
    hidden = np.empty_like(dz)
    flat = hidden.reshape(count, rows, 3 * size)
    dh = np.zeros((rows, size), out.dtype)
    for t in _steps(count, not reverse):
        dh += gy[t]
        new = np.multiply(dh, to_new[t], out=dz[t, :, 2])
        np.multiply(new, to_reset[t], out=dz[t, :, 0])
        np.multiply(dh, to_update[t], out=dz[t, :, 1])
        hidden[t, :, :2] = dz[t, :, :2]
        np.multiply(new, r[t], out=hidden[t, :, 2])
        dh *= u[t]
        dh += matmul(flat[t], w)
    return dz.reshape(count, rows, 3 * size), flat, dh
