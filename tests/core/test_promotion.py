"""Promotion against torch: every pair of dtypes, every pair of operands, every kind."""

from __future__ import annotations

import itertools
import re
import warnings

import pytest

from franken.core import dtypes as dt
from franken.core import promotion
from franken.core.promotion import DIMENSIONED, WRAPPED_NUMBER, ZERO_DIM

torch = pytest.importorskip("torch")
# torch says so once in a process, in whichever test comes first.
pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")

# Quantized, bits and sub-byte types have no tensors worth the name; promote_types covers them.
STORED = [n for n in dt.ALL if not re.fullmatch(r"q.*|bits.*|u?int[1-7]", n)]
NUMBERS = [("bool", True), ("int64", 1), ("float64", 1.0), ("complex128", 1j)]
# Where torch stumbles over its own assertion, ours is a plain refusal of the same type.
INTERNAL = "INTERNAL ASSERT FAILED"


def outcome(call):
    try:
        return str(call())
    except (RuntimeError, TypeError) as error:
        return type(error).__name__, str(error)


def agree(ours, theirs):
    if isinstance(theirs, tuple) and INTERNAL in theirs[1]:
        return ours[0] == theirs[0] and "Promotion from" in ours[1]
    return ours == theirs


@pytest.fixture(params=["float32", "float64", "float16", "bfloat16"])
def default(request):
    dt.set_default_dtype(dt.ALL[request.param])
    torch.set_default_dtype(getattr(torch, request.param))
    yield request.param
    dt.set_default_dtype(dt.float32)
    torch.set_default_dtype(torch.float32)


def test_promote_types_of_all_pairs():
    wrong = []
    for a, b in itertools.product(dt.ALL, repeat=2):
        ours = outcome(lambda a=a, b=b: promotion.promote_types(dt.ALL[a], dt.ALL[b]))
        theirs = outcome(lambda a=a, b=b: torch.promote_types(getattr(torch, a), getattr(torch, b)))
        if not agree(ours, theirs):
            wrong.append((a, b, ours, theirs))
    assert not wrong


def test_can_cast_of_all_pairs():
    wrong = [
        (a, b)
        for a, b in itertools.product(dt.ALL, repeat=2)
        if promotion.can_cast(dt.ALL[a], dt.ALL[b])
        != torch.can_cast(getattr(torch, a), getattr(torch, b))
    ]
    assert not wrong


def operands(names):
    """Return ((dtype, category), the torch operand) for tensors of both ranks and for numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            for category, shape in ((DIMENSIONED, (2,)), (ZERO_DIM, ())):
                tensor = torch.empty(shape, dtype=getattr(torch, name))
                yield (dt.ALL[name], category), tensor
    for name, number in NUMBERS:
        yield (dt.ALL[name], WRAPPED_NUMBER), number


def test_result_type_of_all_pairs(default):
    wrong = []
    for (a, x), (b, y) in itertools.product(operands(STORED), repeat=2):
        ours = outcome(lambda a=a, b=b: promotion.result_type(a, b))
        theirs = outcome(lambda x=x, y=y: torch.result_type(x, y))
        if not agree(ours, theirs):
            wrong.append((a, b, ours, theirs))
    assert not wrong


COMMON = ["bool", "uint8", "int8", "int64", "float16", "bfloat16", "float64", "complex64"]


def test_result_type_of_three():
    # torch.result_type takes two, so ask the promotion of torch's own reference operations.
    oracle = torch._prims_common
    kind = oracle.ELEMENTWISE_TYPE_PROMOTION_KIND.NO_OPMATH
    tensors = [pair for pair in operands(COMMON) if isinstance(pair[1], torch.Tensor)]
    wrong = []
    for (a, x), (b, y), (c, z) in itertools.product(tensors, repeat=3):
        theirs = oracle.elementwise_dtypes(x, y, z, type_promotion_kind=kind)[1]
        if str(promotion.result_type(a, b, c)) != str(theirs):
            wrong.append((a, b, c, theirs))
    assert not wrong


def test_result_type_needs_an_operand():
    with pytest.raises(ValueError, match="at least one operand"):
        promotion.result_type()


KINDS = [
    promotion.DEFAULT, promotion.NO_OPMATH, promotion.INT_TO_FLOAT,
    promotion.ALWAYS_BOOL, promotion.COMPLEX_TO_FLOAT, promotion.BOOL_TO_LONG,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_elementwise_dtypes(kind, default):
    oracle = torch._prims_common
    theirs_kind = getattr(oracle.ELEMENTWISE_TYPE_PROMOTION_KIND, kind.upper())
    for name in STORED:
        x = torch.empty(2, dtype=getattr(torch, name), device="meta")
        theirs = oracle.elementwise_dtypes(x, type_promotion_kind=theirs_kind)
        assert str(promotion.elementwise_dtypes(kind, dt.ALL[name])) == str(theirs), name


def test_elementwise_dtypes_refuses_unknown_kinds():
    with pytest.raises(ValueError, match="unknown kind 'upwards'"):
        promotion.elementwise_dtypes("upwards", dt.float32)
