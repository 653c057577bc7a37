"""Every primitive says its rules and every op its schema and what it is: silence fails."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import franken  # noqa: F401  (declares everything)
from franken.core.op import OPS, op
from franken.core.primitive import NO_BATCH_RULE, NOT_DIFFERENTIABLE, PRIMITIVES, Primitive, Rule
from franken.core.schema import signature
from franken.core.schema.model import Schema
from franken.core.tensor import Tensor


def silences(prim):
    """What a primitive fails to say."""
    found = []
    if prim.vjp_joint is None:
        if prim.variadic and not prim.vjps:
            # no list of inputs to speak for: only a joint rule or an explicit "no" can
            if prim.differentiable:
                found.append("differentiable without a rule")
        else:
            for name, rule in zip(prim.inputs, prim.vjps, strict=True):
                if not (isinstance(rule, Rule) or rule is NOT_DIFFERENTIABLE):
                    found.append(f"vjp of {name}")
    if not (callable(prim.batch) or prim.batch is NO_BATCH_RULE):
        found.append("batch")
    if not callable(prim.cpu):
        found.append("cpu kernel")
    return found


def declared():
    """What the package declares by itself: other tests declare primitives in this process."""
    code = "import franken; from franken.core.primitive import PRIMITIVES; print(*PRIMITIVES)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert len(names) > 300
    return names


def test_every_primitive_says_its_rules():
    silent = {n: s for n in declared() if (s := silences(PRIMITIVES[n]))}
    assert not silent


def test_silence_is_seen():
    with_nothing = Primitive("test_silent", ("x", "y"), lambda x, y: x)
    try:
        assert silences(with_nothing) == ["vjp of x", "vjp of y", "batch"]
        with_nothing.not_differentiable()
        with_nothing.batch = NO_BATCH_RULE
        assert not silences(with_nothing)
    finally:
        del PRIMITIVES["test_silent"]


def test_every_rule_asks_only_for_what_exists():
    """A rule's argument is the cotangent, an input, an output or a parameter: not a typo."""
    wrong = []
    for prim in PRIMITIVES.values():
        for rule in [prim.vjp_joint, *prim.vjps]:
            if not isinstance(rule, Rule):
                continue
            if not rule.names or rule.names[0] != "g":
                wrong.append((prim.name, rule.names))
            wrong += [
                (prim.name, n)
                for n in rule.names
                if n.endswith(("_shape", "_dtype")) and prim.entry_of(n) is None
            ]
    assert not wrong


def test_primitive_names_are_identifiers_of_their_own():
    assert all(p.name == key and key.isidentifier() for key, p in PRIMITIVES.items())


@pytest.mark.parametrize("form", ["function", "method"])
def test_every_public_op_is_documented(form):
    bare = [
        n for n, o in OPS.items()
        if (f := getattr(o, form)) is not None and o.at and not (f.__doc__ or "").strip()
    ]  # fmt: skip
    assert not bare


def schema_errors():
    from franken.core.schema.model import SchemaError

    wrong = {}
    for name, o in OPS.items():
        try:
            assert isinstance(o.schema, Schema)
        except SchemaError as error:
            wrong[name] = str(error)
    return wrong


def test_every_op_has_a_schema():
    assert not schema_errors()


def test_a_schema_that_does_not_parse_is_seen():
    @op(at="", method=False)
    def test_odd(input, *, scale: float = 1.0):  # noqa: A002
        """Odd."""

    try:
        assert not schema_errors()
        OPS[
            "Tensor.test_odd" if "Tensor.test_odd" in OPS else "test_odd"
        ].schema_text = "odd(Tensr x) -> Tensor"
        assert len(schema_errors()) == 1
    finally:
        OPS.pop("test_odd", None)


def aten_names():
    """{aten name: [argument names of each overload]} of the installed torch."""
    torch = pytest.importorskip("torch")
    found = {}
    for s in torch._C._jit_get_all_schemas():
        space, _, name = s.name.partition("::")
        if space == "aten":
            found.setdefault(name, []).append([a.name for a in s.arguments if a.name != "out"])
    return found


# torch documents these as Python functions, whose arguments are not those of the aten op.
DOCUMENTED = {
    "tensordot": ["a", "b", "dims"],
    "result_type": ["tensor1", "tensor2"],
    "einsum": ["equation", "*operands"],
    "broadcast_shapes": ["*shapes"],
    "seed": [],
    "initial_seed": [],
}


def agrees(ours, theirs):
    """Whether the shared names stand in the same order, the first among them.

    `input` is `self`; `*args` stands for whatever an overload takes in its place.
    """
    theirs = ["self" if a == "input" else a for a in theirs]
    shared = [a for a in ours if a in theirs]
    first = ours[:1] == theirs[:1] or ours[:1] == ["args"]
    return shared == [a for a in theirs if a in ours] and first


def mismatches():
    aten = aten_names()
    found = {}
    for name, o in OPS.items():
        if name in aten and o.at and name not in DOCUMENTED:
            ours = [a.name for a in o.schema.arguments if a.name != "out"]
            if not any(agrees(ours, theirs) for theirs in aten[name]):
                found[name] = (ours, aten[name][:3])
    return found


def test_a_wrong_order_is_seen():
    assert agrees(["self", "dim", "out"], ["self", "dim", "keepdim"])
    assert not agrees(["self", "keepdim", "dim"], ["self", "dim", "keepdim"])
    assert not agrees(["x", "dim"], ["self", "dim"])


def test_argument_names_are_those_of_an_aten_overload():
    found = mismatches()
    assert not found, "\n".join(f"{n}: {o} against {t}" for n, (o, t) in found.items())


def test_signature_text():
    def fn(
        input: Tensor,  # noqa: A002
        *dims: int,
        shift: float | None = None,
        dtype: Any = None,
        mode: str = "a",
        names: tuple[str, ...] = (),
        **rest: Any,
    ) -> tuple[Tensor, Tensor]: ...

    assert signature.schema_text("f", fn) == (
        'f(Tensor self, int[] dims, *, float? shift=None, ScalarType? dtype=None, str mode="a", '
        "str[] names=[], ...) -> (Tensor, Tensor)"
    )
