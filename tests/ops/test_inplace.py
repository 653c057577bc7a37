"""In-place changes, views and history: small programs whose results torch gives.

Each program runs on torch and on franken and returns tensors; an error counts as its result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

PROGRAMS: dict[str, Any] = {}


def program(fn: Any) -> Any:
    """Register a program by its function."""
    PROGRAMS[fn.__name__] = fn
    return fn


def matrix(t: Any, rows: int = 3, cols: int = 4) -> Any:
    """A leaf that requires grad, with distinct values."""
    values = [[(i * cols + j) / 7 + 1 for j in range(cols)] for i in range(rows)]
    return t.tensor(values, requires_grad=True)


def weighted(t: Any, y: Any) -> Any:
    """A scalar that weighs every element differently."""
    return (y * (t.arange(float(y.numel())).reshape(y.shape) + 1)).sum()


def gradients(t: Any, y: Any, *leaves: Any) -> list[Any]:
    """y and the gradients of its weighted sum."""
    weighted(t, y * y).backward()
    return [y, *[x.grad if x.grad is not None else t.zeros(()) for x in leaves]]


# --- views of views -------------------------------------------------------------------------------


@program
def slice_times_two(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y[1:].mul_(2)
    return gradients(t, y, x)


@program
def quotient_changed_in_place(t: Any) -> Any:
    x, w = matrix(t), matrix(t)
    y = x / w
    y.mul_(2)
    return gradients(t, y, x, w)


@program
def view_of_view_of_view(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.t()[1:].unsqueeze(0)[0, :2].add_(3).mul_(y.detach()[0, 0])
    return gradients(t, y, x)


@program
def view_of_base_changed_later(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    v = y[1]
    y.mul_(3)
    return [*gradients(t, v, x), y]


@program
def two_views_see_each_other(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    a, b = y[:2], y.t()
    a.mul_(2)
    b.add_(1)
    return gradients(t, a, x) + [b]


@program
def base_then_view_then_base(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.add_(1)
    v = y.view(-1)[2:7]
    v.add_(v.detach())
    y.mul_(2)
    return gradients(t, y, x) + [v]


@program
def reshape_that_copies_is_no_view(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.t().reshape(-1).zero_()
    return gradients(t, y, x)


@program
def transpose_in_place_change(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.transpose(0, 1)[0] = 5.0
    y.permute(1, 0)[1].copy_(y[:, 2] * 2)
    return gradients(t, y, x)


@program
def diagonal_filled(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.diagonal().fill_(2)
    y.diagonal(1).mul_(3)
    return gradients(t, y, x)


@program
def select_and_narrow(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.select(1, 2).mul_(y.select(1, 1))
    y.narrow(0, 1, 2).sub_(y.narrow(0, 0, 1))
    return gradients(t, y, x)


@program
def as_strided_changed(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.as_strided((2, 2), (5, 2), 1).mul_(4)
    return gradients(t, y, x)


@program
def as_strided_of_a_slice(t: Any) -> Any:
    x = matrix(t)
    y = (x * 1)[1:]
    y.as_strided((2,), (3,), 5).mul_(4)
    return gradients(t, y, x)


@program
def unfold_without_overlap(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.unfold(1, 2, 2)[:, 1].mul_(4)
    return gradients(t, y, x)


@program
def expand_row_changed(t: Any) -> Any:
    x = matrix(t, 1, 4)
    y = x * 1
    y.expand(3, 4)[1].mul_(2)
    return gradients(t, y, x)


@program
def view_as_other_shape(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.view(2, 6)[1].mul_(3)
    y.flatten()[::3].add_(1)
    return gradients(t, y, x)


# --- item assignment ------------------------------------------------------------------------------


@program
def assign_tensor_with_history(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 1, 4)
    y = x * 1
    y[1] = v[0] * 2
    return gradients(t, y, x, v)


@program
def assign_into_constant(t: Any) -> Any:
    v = matrix(t, 2, 2)
    y = t.zeros(3, 4)
    w = y[0]
    y[1:, :2] = v * 3
    return gradients(t, y, v) + [w]


@program
def assign_broadcast(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 1, 4)
    y = x * 1
    y[1:] = v
    return gradients(t, y, x, v)


@program
def assign_mask_number(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y[y > 2] = 0.5
    return gradients(t, y, x)


@program
def assign_mask_tensor(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y[x > 2] = x[x > 2] ** 2
    return gradients(t, y, x)


@program
def assign_mask_scalar_with_history(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y[x > 2] = x.sum()
    return gradients(t, y, x)


@program
def add_to_entry(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y[1] += 1
    y[0, 2] *= 3
    y[:, t.tensor([0, 3])] *= 2
    y[t.tensor([2, 0])] += y[1]
    return gradients(t, y, x)


@program
def assign_index_tensors(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 2, 3)
    y = x * 1
    y[t.tensor([[0], [2]]), t.tensor([0, 1, 3])] = v
    return gradients(t, y, x, v)


@program
def assign_view_and_index(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 2, 2)
    y = x * 1
    y[1:, t.tensor([3, 0])] = v
    y.t()[t.tensor([1]), 0] = 7.0
    return gradients(t, y, x, v)


@program
def assign_none_and_ellipsis(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 3, 1)
    y = x * 1
    y[..., None][:, 1] = v
    y[None, ..., 0] = v.t()
    return gradients(t, y, x, v)


# --- in-place ops ---------------------------------------------------------------------------------


@program
def index_ops_in_place(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 2, 4)
    y = x * 1
    i = t.tensor([2, 0])
    y.index_add_(0, i, v, alpha=2).index_copy_(0, i, v * v).index_fill_(1, t.tensor([1]), 3.0)
    return gradients(t, y, x, v)


@program
def scatter_ops_in_place(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 2, 4)
    y = x * 1
    i = t.tensor([[0, 1, 2, 0], [1, 2, 0, 1]])
    y.scatter_(0, i, v).scatter_add_(0, i, v * v).masked_fill_(y.detach() > 3, 1.0)
    return gradients(t, y, x, v)


@program
def put_and_masked_scatter(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 1, 5)
    y = x * 1
    y.put_(t.tensor([1, 4, 4, 2, 0]), v[0], accumulate=True)
    y.masked_scatter_(y.detach() > 4, v.expand(3, 5))
    return gradients(t, y, x, v)


@program
def index_put_accumulates(t: Any) -> Any:
    x, v = matrix(t), matrix(t, 3, 4)
    y = x * 1
    y.index_put_((t.tensor([0, 0, 2]),), v, accumulate=True)
    y[1:].index_put_((t.tensor([1]), t.tensor([2])), v[0, 0])
    return gradients(t, y, x, v)


@program
def triangle_in_place(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.tril_().triu_(-1)
    return gradients(t, y, x)


@program
def squeeze_and_transpose_in_place(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.unsqueeze_(0).squeeze_(0).t_().transpose_(0, 1).mul_(2)
    return gradients(t, y, x)


@program
def squeeze_a_view_in_place(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    v = y[:1]
    v.squeeze_(0).mul_(2)
    return gradients(t, y, x) + [v]


@program
def multiplied_by_a_function_of_itself(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    y.mul_(y.sum() * 2)
    y.mul_((y * 2).detach())
    return gradients(t, y, x)


@program
def double_backward_through_assignment(t: Any) -> Any:
    x = matrix(t)
    y = x * x
    y[1] = x[0] ** 3
    (g,) = t.autograd.grad(weighted(t, y * y), x, create_graph=True)
    weighted(t, g).backward()
    return [g, x.grad]


# --- no_grad and detach ---------------------------------------------------------------------------


@program
def leaf_changed_under_no_grad(t: Any) -> Any:
    x = matrix(t)
    with t.no_grad():
        x[0] = 9.0
        x[:, 1].mul_(2)
        x.t()[2] += 1
    return gradients(t, x * 1, x)


@program
def detached_memory_is_shared(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    d = y.detach()
    d[0] = 0.0
    return [y, d]


@program
def split_under_no_grad(t: Any) -> Any:
    x = matrix(t)
    with t.no_grad():
        a, b = x.split([1, 2])
        a.mul_(2)
        b.unbind(0)[1].zero_()
    return gradients(t, x * 1, x)


@program
def chunks_of_constants(t: Any) -> Any:
    x = t.arange(12.0).reshape(4, 3)
    for i, part in enumerate(x.chunk(2)):
        part.add_(10 * i)
    for row in x:
        row[0] = -1
    return [x]


# --- refusals -------------------------------------------------------------------------------------


def _refused(name: str, act: Any) -> None:
    def run(t: Any) -> Any:
        return act(t, matrix(t))

    run.__name__ = name
    program(run)


_refused("leaf_changed", lambda t, x: x.mul_(2))
_refused("leaf_item_assigned", lambda t, x: x.__setitem__(0, 1.0))
_refused("view_of_leaf_changed", lambda t, x: x[0].mul_(2))
_refused("view_of_view_of_leaf", lambda t, x: x.t()[0].fill_(2))
_refused("unbind_output_changed", lambda t, x: (x * 1).unbind(0)[0].mul_(2))
_refused("split_output_changed", lambda t, x: (x * 1).split(2)[1].mul_(2))
_refused("chunk_output_changed", lambda t, x: (x * 1).chunk(2)[0].zero_())
_refused("sizes_output_changed", lambda t, x: (x * 1).split([1, 2])[1].mul_(2))
_refused("iterated_row_changed", lambda t, x: list(x * 1)[2].mul_(2))
_refused("row_of_chunk_changed", lambda t, x: (x * 1).chunk(2)[0].select(0, 0).mul_(2))
_refused("multi_view_of_constant", lambda t, x: t.ones(3, 4).unbind(0)[0].mul_(x[0]))
_refused("item_of_leaf_index", lambda t, x: x.__setitem__(t.tensor([0]), 1.0))
_refused("item_of_leaf_mask", lambda t, x: x.__setitem__(x.detach() > 2, 1.0))
_refused("expanded_changed", lambda t, x: t.ones(1).expand(3).add_(1))
_refused("expanded_masked", lambda t, x: t.ones(1).expand(3).masked_fill_(t.ones(3) > 0, 2.0))
_refused("shape_grows", lambda t, x: t.ones(3).add_(t.ones(2, 3)))
_refused("resize_of_tracked", lambda t, x: (x * 1).resize_(5))
_refused("squeeze_leaf", lambda t, x: x.squeeze_())
_refused("tensor_split_may_change", lambda t, x: (x * 1).tensor_split(2)[0].mul_(2))
_refused("hsplit_may_change", lambda t, x: (x * 1).hsplit(2)[0].mul_(2))
_refused("unsafe_chunk_may_change", lambda t, x: (x * 1).unsafe_chunk(2)[0].mul_(2))


@program
def saved_value_changed(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    z = y * y
    y.add_(1)
    z.sum().backward()
    return [x.grad]


@program
def saved_value_changed_through_view(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    z = y.exp().log()
    w = y**2
    y[0].zero_()
    (z.sum() + w.sum()).backward()
    return [x.grad]


@program
def no_grad_view_changed_outside(t: Any) -> Any:
    x = matrix(t)
    y = x * 1
    with t.no_grad():
        v = y[0]
    v.mul_(2)
    return [y]


# --- the comparison -------------------------------------------------------------------------------


def outcome(t: Any, fn: Any) -> Any:
    """(kind, payload) of a program: arrays, or the error's type and leading words."""
    try:
        out = fn(t)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        return "error", (type(error).__name__, str(error)[:60])
    tensors = out if isinstance(out, list) else [out]
    return "values", [np.asarray(x.detach().numpy()) for x in tensors]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str) -> None:
    want = outcome(torch, PROGRAMS[name])
    got = outcome(franken, PROGRAMS[name])
    assert got[0] == want[0], f"{got} instead of {want}"
    if want[0] == "error":
        assert got[1] == want[1]
        return
    assert len(got[1]) == len(want[1])
    for a, b in zip(got[1], want[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# --- memory shared with the other operands -------------------------------------------------------

SHARED = """
b[1:].add_(b[:-1])
b[1:].mul_(b[:-1])
m.mul_(m.t())
m.add_(m[0])
m.add_(m[0,0])
m.add_(m)
b[1:].copy_(b[:-1])
m.copy_(m.t())
b[1:].__setitem__(slice(None),b[:-1])
m.__setitem__(t.tensor([0,1]),m[2:4])
m.copy_(m)
b[1:].clamp_(min=b[:-1])
b[1:].lerp_(b[:-1],0.5)
b[1:].addcmul_(b[:-1],b[:-1])
b[1:].copysign_(b[:-1])
b[1:].pow_(exponent=b[:-1])
b[1:].eq_(b[:-1])
m.masked_fill_(m>3,m[0,0])
m.index_add_(0,t.tensor([1,2]),m[:2])
m.index_copy_(0,t.tensor([1,2]),m[:2])
m.scatter_(0,t.zeros(2,6,dtype=t.int64),m[:2])
m.scatter_add_(0,t.zeros(2,6,dtype=t.int64),m[:2])
m.index_put_((t.tensor([0,1]),),m[2:4])
b[1:].masked_scatter_(b[1:]<0,b[:-1])
"""


@pytest.mark.parametrize("call", SHARED.split("\n")[1:-1])
def test_memory_shared_with_another_operand(call):
    def outcome(t):
        m, b = t.arange(36.0).reshape(6, 6), t.arange(24.0)
        try:
            got = eval(call, {"t": t, "m": m, "b": b})
        except RuntimeError as error:
            return str(error)[:60]
        return got.tolist()

    assert outcome(franken) == outcome(pytest.importorskip("torch"))
