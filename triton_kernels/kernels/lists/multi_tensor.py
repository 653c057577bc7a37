"""Lists of arrays in one launch: a table of addresses, sizes and chunks that kernels walk.

A kernel over lists gets no array but this table. Program k reads which array it works on and where
its chunk begins, turns the addresses there into pointers, and goes through the chunk by blocks.
The number of chunks depends on sizes and on the policy's table alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...launching.arrays import cdiv, namespace, next_power_of_2, strides, type_name
from ...launching.policy import choose

# Triton's element type of each array that lists may hold.
ELEMENTS = {"fp16": tl.float16, "bf16": tl.bfloat16, "fp32": tl.float32, "fp64": tl.float64}
KEPT_TABLES = 64  # of the tables last used; a training step uses a few, the same every time


@dataclass(frozen=True, slots=True)
class Table:
    """What a launch over lists gets.

    addresses: int64 (rows + 1, tensors): a row a list, then the sizes. chunks: int64 (programs, 2):
    tensor and first element of each program. block, steps: a program goes through its chunk in
    `steps` blocks. aligned: whether every chunk begins at a multiple of 16 bytes.
    """

    addresses: Any
    chunks: Any
    tensors: int
    programs: int
    aligned: bool
    block: int
    steps: int
    warps: int
    stages: int

    def settings(self) -> dict[str, Any]:
        """The constants and options that every kernel over lists takes."""
        return {
            "ALIGNED": self.aligned, "STEPS": self.steps, "BLOCK": self.block,
            "warps": self.warps, "stages": self.stages,
        }  # fmt: skip


_tables: dict[tuple[Any, ...], Table] = {}


def address(x: Any) -> int:
    """Where an array's first element lies.

    >>> x = np.ones(4)
    >>> address(x[1:]) - address(x)
    8
    """
    if isinstance(x, np.ndarray):
        return int(x.__array_interface__["data"][0])
    return int(x.data.ptr)


def table(kind: str, lists: Sequence[Sequence[Any]], singles: Sequence[Any] = ()) -> Table:
    """The table of `lists`, whose arrays at one position are alike; singles: one element each.

    kind: the row of tables/multi_tensor.txt to take blocks from. A table is a function of
    addresses and sizes alone, and the KEPT_TABLES last used are kept: a step that was seen before
    copies nothing to the GPU. A captured graph reads the table too, so it must not be dropped.
    """
    first = lists[0]
    sizes = tuple([x.size for x in first])
    rows = [*lists, singles] if singles else lists
    places = tuple([tuple([address(x) for x in row]) for row in rows])
    key = (kind, _queue(first[0]), sizes, places)
    found = _tables.pop(key, None) or _build(kind, first[0], sizes, places)
    _tables[key] = found
    if len(_tables) > KEPT_TABLES:
        del _tables[next(iter(_tables))]
    return found


def _queue(x: Any) -> Any:
    """Device and stream that launches on `x` go to: a table is written, and freed, in its order."""
    if isinstance(x, np.ndarray):
        return None
    return x.device.id, namespace(x).cuda.get_current_stream().ptr


def _build(
    kind: str, like: Any, sizes: tuple[int, ...], places: tuple[tuple[int, ...], ...]
) -> Table:
    config = choose("multi_tensor", kind=kind, n=sum(sizes))
    block = min(config.constants["BLOCK"], next_power_of_2(max(sizes)))
    steps = config.constants["STEPS"]
    chunk = block * steps
    chunks = chunks_of(sizes, chunk)
    addresses = np.array([*places, sizes], np.int64)
    # A tensor without elements has no chunk, so where it lies does not matter.
    used = addresses[:-1, np.array(sizes) > 0]
    return Table(
        _given(like, addresses), _given(like, chunks), len(sizes), len(chunks),
        chunk % 16 == 0 and bool((used % 16 == 0).all()), block, steps,
        config.warps, config.stages,
    )  # fmt: skip


def chunks_of(sizes: Sequence[int], chunk: int) -> np.ndarray:
    """(tensor, first element) of each piece of at most `chunk` elements, in order; int64.

    >>> chunks_of([3, 0, 5], 4).tolist()
    [[0, 0], [2, 0], [2, 4]]
    """
    counts = np.array([cdiv(n, chunk) for n in sizes], np.int64)
    owner = np.repeat(np.arange(len(counts)), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    start = (np.arange(len(owner)) - before) * chunk
    return np.ascontiguousarray(np.stack([owner, start], axis=1))


def _given(like: Any, host: np.ndarray) -> Any:
    """The values of `host` in memory of the library of `like`, never to be written."""
    host.flags.writeable = False
    return namespace(like).asarray(host)


def same_layout(op: str, lists: dict[str, Sequence[Any]], like: Sequence[Any]) -> None:
    """Refuse lists whose arrays are not laid out as those of `like`, without gaps.

    lists: by the name that an error gives them. Raises ValueError with name and position.
    """
    for name, arrays in lists.items():
        if len(arrays) != len(like):
            raise ValueError(f"{op}: {len(arrays)} {name} for {len(like)} arrays")
        for at, (x, y) in enumerate(zip(arrays, like, strict=True)):
            if x.shape != y.shape or not _one_order(x, y):
                raise ValueError(
                    f"{op}: {name}[{at}] has shape {tuple(x.shape)} and strides {strides(x)}, "
                    f"expected {tuple(y.shape)} and {strides(y)}"
                )
            if not x.flags.c_contiguous and not _dense(x):
                raise ValueError(f"{op}: {name}[{at}] has gaps: strides {strides(x)}")


def _one_order(x: Any, y: Any) -> bool:
    """Whether elements lie in the same order (strides of sizes 0 and 1 do not matter)."""
    return (x.flags.c_contiguous and y.flags.c_contiguous) or strides(x) == strides(y)


def _dense(x: Any) -> bool:
    """Whether the elements fill one piece of memory that begins at the first of them."""
    axes = sorted((s, n) for s, n in zip(strides(x), x.shape, strict=True) if n > 1)
    below = [math.prod([n for _, n in axes[:k]]) for k in range(len(axes))]
    return [s for s, _ in axes] == below


def one_dtype(op: str, lists: dict[str, Sequence[Any]], allowed: Sequence[str]) -> Any:
    """Triton's element type of all arrays of the lists; TypeError unless one of `allowed`."""
    names = sorted({type_name(x.dtype) for arrays in lists.values() for x in arrays})
    if len(names) != 1 or names[0] not in allowed:
        what = " and ".join(lists)
        raise TypeError(
            f"{op}: expected {what} of one dtype of {', '.join(allowed)}, got {', '.join(names)}"
        )
    return ELEMENTS[names[0]]


def one_element(op: str, name: str, x: Any, allowed: Sequence[str] = ("fp32",)) -> Any:
    """`x` as it is if it holds one number of an allowed type (or is None); else TypeError."""
    if x is not None and (x.size != 1 or type_name(x.dtype) not in allowed):
        raise TypeError(
            f"{op}: {name} must be one {' or '.join(allowed)}, got shape {tuple(x.shape)} of "
            f"{np.dtype(x.dtype)}"
        )
    return x


def halves(x: float) -> tuple[float, float]:
    """Two float32 numbers whose sum is x to 48 bits: how a float64 reaches a kernel.

    >>> high, low = halves(0.999)
    >>> abs(high + low - 0.999) < 1e-15
    True
    """
    high = float(np.float32(x))
    return high, float(np.float32(x - high))


def gather(
    op: str, params: Sequence[Any], grads: Sequence[Any], states: dict[str, Sequence[Any]],
    singles: Sequence[Any] = (),
) -> tuple[Table, Any]:  # fmt: skip
    """(table, Triton's type of the parameters) of an optimizer's lists; rows in argument order.

    params, grads: one dtype of fp32, bf16, fp16; states: fp32, laid out as params; singles: one
    fp32 a parameter. Raises TypeError or ValueError where that does not hold.
    """
    kind = one_dtype(op, {"params": params, "grads": grads}, ("fp32", "bf16", "fp16"))
    if states:
        one_dtype(op, states, ("fp32",))
    same_layout(op, {"params": params, "grads": grads, **states}, params)
    for x in singles:
        one_element(op, "steps", x)
    if singles and len(singles) != len(params):
        raise ValueError(f"{op}: {len(singles)} steps for {len(params)} arrays")
    return table("state", [params, grads, *states.values()], singles), kind


@triton.jit
def chunk_of(table_ptr, chunk_ptr, tensors, ROWS: tl.constexpr, CHUNK: tl.constexpr):
    """(tensor, first element, elements) of this program's chunk."""
    at = chunk_ptr + 2 * tl.program_id(0).to(tl.int64)
    tensor = tl.load(at)  # in bounds: two numbers a program
    start = tl.load(at + 1)  # in bounds: two numbers a program
    size = tl.load(table_ptr + ROWS * tensors + tensor)  # in bounds: row ROWS holds the sizes
    return tensor, start, tl.minimum(size - start, CHUNK).to(tl.int32)


@triton.jit
def place_of(
    table_ptr, tensors, tensor, start, ROW: tl.constexpr, KIND: tl.constexpr, ALIGNED: tl.constexpr
):
    """Pointer to element `start` of array `tensor` of list ROW, whose elements are KIND."""
    address = tl.load(table_ptr + ROW * tensors + tensor)  # in bounds: tensor < tensors, a row
    place = address.to(tl.pointer_type(KIND)) + start
    if ALIGNED:
        place = tl.multiple_of(place, 16)
    return place
