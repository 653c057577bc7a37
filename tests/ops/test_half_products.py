"""Products of half precisions round where torch's kernels round; refusals are in torch's words."""

from __future__ import annotations

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")


def both(call):
    return [call(lib) for lib in (franken, torch)]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("base", [(4, 5), (5,), (1,), ()])
@pytest.mark.parametrize(("beta", "alpha"), [(1, 1), (0.6, 0.2), (0, 2)])
def test_addbmm(dtype, base, beta, alpha):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) * 5 for s in (base, (6, 4, 3), (6, 3, 5))]

    def call(lib):
        tensors = [lib.tensor(a).to(getattr(lib, dtype)) for a in arrays]
        return lib.addbmm(*tensors, beta=beta, alpha=alpha).float().numpy()

    ours, theirs = both(call)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("base", [(7,), (1,), ()])
@pytest.mark.parametrize(("beta", "alpha"), [(1, 1), (0.2, 0.6), (0, 0.3), (1, 0.7)])
def test_addmv(dtype, base, beta, alpha):
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=s) * 5 for s in (base, (7, 10), (10,))]

    def call(lib):
        tensors = [
            lib.tensor(a).to(getattr(lib, dtype)).requires_grad_() for a in arrays
        ]  # fmt: skip
        out = lib.addmv(*tensors, beta=beta, alpha=alpha)
        out.backward(lib.arange(-3.0, 4.0).to(out.dtype))
        grads = [t.grad.float().numpy() for t in tensors if t.grad is not None]
        return out.detach().float().numpy(), grads

    (ours, our_grads), (theirs, their_grads) = both(call)
    eps = {"float16": 2.0**-10, "bfloat16": 2.0**-7}[dtype]
    np.testing.assert_allclose(ours, theirs, rtol=eps)  # one unit in the last place
    for a, b in zip(our_grads[-2:], their_grads[-2:], strict=True):
        np.testing.assert_allclose(a, b, rtol=2 * eps, atol=eps)


def test_nan_in_what_beta_zero_ignores():
    nan = franken.full((2,), float("nan")).half()
    out = franken.addmv(nan, franken.ones(2, 2).half(), franken.ones(2).half(), beta=0)
    assert out.tolist() == [2, 2]


REFUSED = """
addbmm(lib.ones(2, 2), lib.ones(2, 2, 3), lib.ones(3, 3, 2))
addbmm(lib.ones(2, 2), lib.ones(2, 2, 3), lib.ones(2, 2, 2))
addbmm(lib.ones(2, 2), lib.ones(2, 2), lib.ones(2, 2, 2))
addbmm(lib.ones(2, 2).half(), lib.ones(2, 2, 3).half(), lib.ones(3, 3, 2).half())
complex(lib.ones(2), lib.ones(2), out=lib.ones(2))
complex(lib.ones(2), lib.ones(2).half())
polar(lib.ones(2), lib.ones(2), out=lib.ones(2, dtype=lib.complex128))
polar(lib.ones(2).half(), lib.ones(2).half())
ormqr(lib.ones(5, 3), lib.ones(2), lib.ones(5, 5))
ormqr(lib.ones(5, 5), lib.ones(3), lib.ones(2, 5), False)
ormqr(lib.ones(5, 5), lib.ones(2), lib.ones(2, 5))
multinomial(lib.ones(3), 2, out=lib.ones(2))
multinomial(lib.tensor([1.0, -1.0]), 2, True)
multinomial(lib.tensor([1.0, float("inf")]), 2, True)
multinomial(lib.tensor([1.0, float("nan")]), 2, True)
multinomial(lib.tensor([1.0, float("nan")]), 1, True)
multinomial(lib.tensor([0.0, 0.0]), 2, True)
"""


@pytest.mark.parametrize("text", REFUSED.strip().splitlines())
def test_refusals_in_torchs_words(text):
    found = []
    for lib in (franken, torch):
        with pytest.raises((RuntimeError, TypeError)) as caught:
            eval(f"lib.{text}", {"lib": lib})
        found.append((caught.type.__name__, str(caught.value)))
    assert found[0] == found[1]
