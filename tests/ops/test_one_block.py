"""An op is one block in one file: everything else follows from it.

Each test works in an overlay: links to the package, and in `franken/ops` one more file with new
blocks. Nothing else is written or registered.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BLOCKS = '''
"""Two new ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.geometry.shapes import wrap_dim
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import INT_TO_FLOAT, elementwise
from franken.backends.numpy.halves import halved
from franken.core.batching import shift_axes

softcube = elementwise(
    "softcube(Tensor self) -> Tensor", lambda x: x * x * x / (x * x + 1),
    d=lambda g, x: g * (x * x * (x * x + 3)) / ((x * x + 1) * (x * x + 1)),
    promote=INT_TO_FLOAT, alias=("softened_cube", "special.softcube"),
)


def _kernel(x: Any, *, dim: int) -> Any:
    return np.cumsum(x * x, axis=dim, dtype=x.dtype)


cumsquare_ = Primitive("cumsquare", ("x",), halved(_kernel), batch=shift_axes("dim"))


@cumsquare_.vjp("x")
def _(g: Any, x: Any, dim: int) -> Any:
    return g.flip(dim).cumsum(dim).flip(dim) * x * 2


def _samples(make: Any) -> Any:
    yield (make(3, 4), 1), {}
    yield (make(5),), {"dim": 0}
    yield (make(2, 0, 3), 1), {}


@op(out=True, inplace=True, alias=("csq",), samples=_samples)
def cumsquare(input: Tensor, dim: int) -> Tensor:
    """Running sum of squares along a dimension."""
    return cumsquare_(input, dim=wrap_dim(dim, input.ndim))
'''

WRONG = '''
"""Two ops with a wrong derivative, one with a wrong batching rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.op import op
from franken.core.primitive import Primitive
from franken.ops.declaring.declare import elementwise


wrong_slope = elementwise(
    "wrong_slope(Tensor self) -> Tensor", lambda x: x * x * x, d=lambda g, x: g * x * x * 2
)

# right in the value of its first derivative, which is not itself differentiable
cube_grad = elementwise(
    "cube_grad(Tensor g, Tensor x) -> Tensor", lambda g, x: g * x * x * 3,
    d=(lambda g, y: g * y * y * 3, lambda g, x, y: g * x * y), at="", inplace=False,
)
wrong_curve = elementwise(
    "wrong_curve(Tensor self) -> Tensor", lambda x: x * x * x, d=lambda g, x: cube_grad(g, x)
)


def _flat(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    return prim(values[0]), dims[0]


wrong_batch_ = Primitive("wrong_batch", ("x",), lambda x: x - x.sum(), batch=_flat)
wrong_batch_.vjp("x")(lambda g: g - g.sum())


@op(samples=lambda make: [((make(4),), {})])
def wrong_batch(input: Tensor) -> Tensor:
    """x less its sum, batched as if over everything."""
    return wrong_batch_(input)
'''

PROGRAM = """
import json, sys
import numpy as np
import franken as torch
from franken.core.op import OPS

def close(a, b):
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-9))

facts = {}
E = {"softcube": lambda x: x**3 / (x**2 + 1), "cumsquare": lambda x: np.cumsum(x * x, -1)}
DERIVATIVE = {
    "softcube": lambda x, g: g * (x**4 + 3 * x**2) / (x**2 + 1) ** 2,
    "cumsquare": lambda x, g: 2 * x * np.flip(np.cumsum(np.flip(g, -1), -1), -1),
}
for name, rest in (("softcube", ()), ("cumsquare", (-1,))):
    a = np.random.default_rng(0).uniform(0.2, 1.5, (3, 4))
    c = np.random.default_rng(1).uniform(0.2, 1.5, (3, 4))
    x, g = torch.tensor(a), torch.tensor(c)
    f = getattr(torch, name)
    want, slope = E[name](a), DERIVATIVE[name]
    run = lambda t: f(t, *rest)
    says = facts[name] = {}
    says["function"] = close(f(x, *rest).numpy(), want)
    says["method"] = close(getattr(x, name)(*rest).numpy(), want)
    y = x.clone(); z = getattr(y, name + "_")(*rest)
    says["in place"] = z is y and close(y.numpy(), want)
    out = torch.empty(3, 4, dtype=torch.float64); z = f(x, *rest, out=out)
    says["out"] = z is out and close(out.numpy(), want)
    other = {"softcube": "softened_cube", "cumsquare": "csq"}[name]
    says["alias"] = close(getattr(torch, other)(x, *rest).numpy(), want) and hasattr(x, other)
    leaf = x.clone().requires_grad_(True)
    got, = torch.autograd.grad(run(leaf), leaf, g)
    says["vjp"] = close(got.numpy(), slope(a, c))
    _, t = torch.func.jvp(run, (x,), (g,))
    h = 1e-6
    says["jvp"] = close(t.numpy(), (E[name](a + h * c) - E[name](a - h * c)) / (2 * h))
    says["vmap"] = close(torch.func.vmap(run)(x).numpy(), np.stack([run(r).numpy() for r in x]))
    says["vmap of another dimension"] = close(
        torch.func.vmap(run, in_dims=1)(x).numpy(), np.stack([run(r).numpy() for r in x.T]))
    first = torch.autograd.grad(run(leaf), leaf, g, create_graph=True)[0]
    second, = torch.autograd.grad(first.sum(), leaf)
    rate = (slope(a + h, c) - slope(a - h, c)) / (2 * h)  # equal steps: row sums of the Hessian
    says["double backward"] = close(second.numpy(), rate) if name == "softcube" else close(
        second.numpy(), 2 * np.flip(np.cumsum(np.flip(c, -1), -1), -1))
    each = torch.func.vmap(torch.func.grad(lambda r: run(r).sum()))(x)
    loop = np.stack([torch.func.grad(lambda r: run(r).sum())(r).numpy() for r in x])
    says["vmap of grad"] = close(each.numpy(), loop)
    leaf.grad = None
    f(leaf, *rest).sum().backward(); here = sys._getframe().f_lineno
    made = [p for p in leaf.grad.provenance if p.op == name]
    says["provenance"] = (
        len(made) == 1 and made[0].position == f"program.py:{here} in <module>")
    says["node"] = run(leaf).grad_fn.prim.name == name
    says["schema"] = str(OPS[name].schema)
    half = f(x.to(torch.bfloat16), *rest)
    says["half"] = half.dtype is torch.bfloat16 and half.shape == x.shape
    says["document"] = bool(f.__doc__)
says = facts["softcube"]
counted = torch.softcube(torch.tensor([1, 2]))
says["integers"] = counted.dtype is torch.float32 and close(counted.numpy(), [0.5, 1.6])
says["namespace"] = torch.special.softcube(torch.tensor(1.0)).item() == 0.5
try:
    torch.softcube(torch.tensor([1, 2])).softcube_; torch.tensor([1, 2]).softcube_()
except RuntimeError as error:
    says["in-place cast"] = "can't be cast" in str(error)
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def overlay(tmp_path_factory):
    """A tree that holds the package by links, and two more files in franken/ops."""
    root = tmp_path_factory.mktemp("overlay")
    (root / "conformance").symlink_to(ROOT / "conformance")
    ops = root / "franken" / "ops"
    ops.mkdir(parents=True)
    for source, target in ((ROOT / "franken", root / "franken"), (ROOT / "franken/ops", ops)):
        for found in source.iterdir():
            if found.name not in ("ops", "__pycache__"):
                (target / found.name).symlink_to(found)
    (ops / "zz_new.py").write_text(BLOCKS.lstrip())
    (ops / "zz_wrong.py").write_text(WRONG.lstrip())
    (root / "program.py").write_text(PROGRAM.lstrip())
    return root


def run(overlay, *command):
    environment = {**os.environ, "PYTHONPATH": str(overlay), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=overlay, env=environment, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def facts(overlay):
    done = run(overlay, "program.py")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


FORMS = (
    "function", "method", "in place", "out", "alias", "vjp", "jvp", "vmap",
    "vmap of another dimension", "double backward", "vmap of grad", "provenance", "node", "half",
    "document",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["softcube", "cumsquare"])
def test_one_block_gives(facts, name, form):
    assert facts[name][form] is True


@pytest.mark.parametrize("form", ["integers", "namespace", "in-place cast"])
def test_an_elementwise_block_also_gives(facts, form):
    assert facts["softcube"][form] is True


def test_the_signature_is_the_schema(facts):
    assert facts["softcube"]["schema"] == "softcube(Tensor self) -> Tensor"
    assert facts["cumsquare"]["schema"] == "cumsquare(Tensor self, int dim) -> Tensor"


@pytest.fixture(scope="module")
def conformance(overlay):
    pytest.importorskip("torch")
    only = "^(softcube|cumsquare|wrong_.*)$"
    done = run(overlay, "-m", "conformance", "differential", "--only", only, "--json", "out.json",
               "--workers", "1", "--source", "declared")  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr  # the wrong ones
    return json.loads((overlay / "out.json").read_text())


@pytest.mark.parametrize("check", ["vjp", "jvp", "double_backward", "vmap", "replay"])
@pytest.mark.parametrize("name", ["softcube", "cumsquare"])
def test_conformance_picks_the_new_op_up(conformance, name, check):
    counts = conformance["ops"][name][check]
    assert counts.get("PASS", 0) >= 2
    assert "FAIL" not in counts


def test_no_oracle_is_not_a_pass(conformance):
    assert set(conformance["ops"]["softcube"]["value"]) == {"NOT PROVEN"}


@pytest.mark.parametrize(
    ("name", "check", "innocent"),
    [
        ("wrong_slope", "vjp", "replay"),
        ("wrong_slope", "jvp", "vmap"),
        ("wrong_curve", "double_backward", "vjp"),
        ("wrong_batch", "vmap", "vjp"),
    ],
)
def test_conformance_catches_a_wrong_rule(conformance, name, check, innocent):
    counts = conformance["ops"][name]
    assert counts[check]["FAIL"] >= 1
    assert "FAIL" not in counts[innocent]
