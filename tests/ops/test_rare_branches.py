"""What only odd input reaches: singular pivots, ties, dimensions of size 1, constant gradients."""

from __future__ import annotations

import pickle

import pytest


def numbers(T, *shape):
    n = 1
    for size in shape:
        n *= size
    return ((T.arange(float(n)) * 7) % 11 - 5).reshape(shape)


def singular(T, dtype="float64"):
    """Zero pivots at the start, in the middle, everywhere, and nowhere."""
    dt = getattr(T, dtype)
    diagonals = [
        [0.0, 2.0, 3.0],
        [1.0, 0.0, 3.0],
        [1.0, 2.0, 0.0],
        [0.0, 0.0, 0.0],
        [1.0, 2.0, 3.0],
    ]
    return T.diag_embed(T.tensor(diagonals, dtype=dt))


def indefinite(T, dtype="float64"):
    """Needs blocks of two, and rows that change places."""
    a = T.tensor([[0.0, 1, 2, 5], [1, 0, 3, 1], [2, 3, 0, 0], [5, 1, 0, 4]], dtype=T.float64)
    a = T.stack([a, a.flip(0, 1), a - 3 * T.eye(4, dtype=T.float64)])
    if dtype == "complex128":
        skew = numbers(T, 4, 4).double() / 7
        a = T.complex(a, (skew - skew.mT).expand(3, 4, 4))
    return a


def pivoted(T, make, dtype, hermitian):
    factors, pivots, info = T.linalg.ldl_factor_ex(make(T, dtype), hermitian=hermitian)
    return T.view_as_real(factors) if factors.is_complex() else factors, pivots, info


def reflected(T, k, **options):
    a, tau = T.geqrf(numbers(T, 4, 3).double())
    b = numbers(T, 4, 2).double() if options.get("left", True) else numbers(T, 2, 4).double()
    return T.ormqr(a[:, :k], tau[:k], b, **options)


def product(T, k):
    a, tau = T.geqrf(numbers(T, 4, 3).double())
    a, tau = a.requires_grad_(), tau[:k].detach().requires_grad_()
    q = T.linalg.householder_product(a, tau)
    return q, T.autograd.grad((q * numbers(T, 4, 3)).sum(), (a, tau))


def contracted(T, text, *shapes):
    given = [numbers(T, *s).requires_grad_() for s in shapes]
    out = T.einsum(text, *given)
    return out, T.autograd.grad((out * numbers(T, *out.shape)).sum(), given)


def largest(T, k, **options):
    """In long rows: one of distinct numbers, one with NaN, one of equals."""
    x = (T.arange(18000) * 7919 % 18013).reshape(3, 6000).float()
    x[1, 5] = float("nan")
    x[2, :5000] = x[2, 0]
    return tuple(T.topk(x[:1].expand(3, -1), k, **options)), T.topk(x, k, **options)[0]


def unbatched(T, name, n, options):
    x = numbers(T, 3, *(5, 6, 7)[:n]).requires_grad_()
    out = getattr(T.nn.functional, name)(x, **options)
    outs = out if isinstance(out, tuple) else (out,)
    grads = T.autograd.grad((outs[0] * numbers(T, *outs[0].shape)).sum(), x)
    return outs, grads


POOLS = [
    (f"{kind}_pool{n}d", n, options)
    for n in (1, 2, 3)
    for kind, options in (
        ("max", {"kernel_size": 2, "return_indices": True}),
        ("max", {"kernel_size": 2}),
        ("avg", {"kernel_size": 2}),
        ("lp", {"norm_type": 2, "kernel_size": 2}),
        ("adaptive_avg", {"output_size": 2}),
        ("adaptive_max", {"output_size": 2}),
        ("adaptive_max", {"output_size": 2, "return_indices": True}),
    )
]


def unpooled(T, n):
    x = numbers(T, 3, *(4, 6, 2)[:n])
    F = T.nn.functional
    out, index = getattr(F, f"max_pool{n}d")(x, 2, return_indices=True)
    return getattr(F, f"max_unpool{n}d")(out, index, 2)


def printed(T, how):
    """A view that may not be used any more is printed even so."""
    base = T.ones(2, 2, requires_grad=True) * 1
    if how == "made without recording":
        with T.no_grad():
            view = base.unbind()[0]
        base.mul_(2)
    elif how == "changed without recording":
        view = base.unbind()[0]
        with T.no_grad():
            base.mul_(2)
    else:
        base = T.ones(2, 2)
        view = base.unbind()[0]
        base.mul_(T.ones(2, requires_grad=True))
    return str(view)


def copied(T):
    g = T.Generator()
    g.manual_seed(3)
    T.rand(2, generator=g)
    copies = [pickle.loads(pickle.dumps(g)), g.clone_state(), g]
    return [(T.rand(2, generator=c), c.initial_seed(), c.device.type) for c in copies]


def norms(T, order):
    x, y = numbers(T, 2, 3, 4), numbers(T, 2, 3, 3)
    return (
        T.linalg.matrix_norm(x, order), T.linalg.matrix_norm(x, order, (0, 1), True),
        T.linalg.matrix_norm(x, order, (2, 0)), T.linalg.cond(y, order),
    )  # fmt: skip


def constant_gradient(T, in_dim, out_dim):
    class Constant(T.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * 0

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.shape = inputs[0].shape

        @staticmethod
        def backward(ctx, g):
            return numbers(T, *ctx.shape)

    f = T.func.vmap(Constant.apply, in_dim, out_dim)
    return T.func.grad(lambda x: f(x).sum())(numbers(T, 2, 3, 4))


PROGRAMS = {
    **{
        f"ldl {make.__name__} {dtype} {hermitian}": lambda T, a=(make, dtype, hermitian): pivoted(
            T, *a
        )
        for make in (singular, indefinite)
        for dtype in ("float64", "complex128")
        for hermitian in (True, False)
    },
    **{f"householder {k}": lambda T, k=k: product(T, k) for k in (1, 3)},
    **{
        f"ormqr {k} {left} {transpose}": lambda T, k=k, o={"left": left, "transpose": transpose}: (
            reflected(T, k, **o)
        )
        for k in (1, 3)
        for left in (True, False)
        for transpose in (True, False)
    },
    **{
        f"unbatched {pool[0]} {len(pool[2])}": lambda T, pool=pool: unbatched(T, *pool)
        for pool in POOLS
    },
    **{f"unpooled {n}": lambda T, n=n: unpooled(T, n) for n in (1, 2, 3)},
    **{
        f"view {how}": lambda T, how=how: printed(T, how)
        for how in ("made without recording", "changed without recording", "changed")
    },
    "generators": copied,
    **{
        f"norm {order}": lambda T, order=order: norms(T, order)
        for order in (2, -2, 1, -1, float("inf"), -float("inf"), "fro", "nuc")
    },
    "einsum left one": lambda T: contracted(T, "ij,jk->ik", (2, 1), (3, 4)),
    "einsum right one": lambda T: contracted(T, "ij,jk->ik", (2, 3), (1, 4)),
    "einsum both": lambda T: contracted(T, "bij,bjk->bik", (1, 2, 3), (5, 3, 4)),
    "einsum batch and sum": lambda T: contracted(T, "bij,bjk->ik", (5, 2, 1), (1, 3, 4)),
    "einsum two sums": lambda T: contracted(T, "ijk,jkl->il", (2, 1, 3), (4, 1, 2)),
    "einsum alone": lambda T: contracted(T, "ij,kl->il", (2, 3), (4, 5)),
    **{
        f"topk {k} {large} {ordered}": lambda T, k=k, o={"largest": large, "sorted": ordered}: (
            largest(T, k, **o)
        )
        for k in (1, 3, 40)
        for large in (True, False)
        for ordered in (True,)
    },
    **{
        f"constant gradient {i} {o}": lambda T, i=i, o=o: constant_gradient(T, i, o)
        for i in (0, 1, 2)
        for o in (0, 1)
    },
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch(name, agree):
    import torch.func  # noqa: F401

    import franken.func  # noqa: F401

    assert agree(PROGRAMS[name], words=20)[0] == "value"
