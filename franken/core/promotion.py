"""Type promotion: which dtype a computation runs in, and which it returns.

Knows torch's promotion lattice, its operand categories and its named kinds of elementwise op.
Must not know arrays or Tensors: an operand is the pair `(dtype, category)`.
Rules: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NoReturn

from franken.core import dtypes as dt
from franken.core.dtypes import dtype

# Operand categories, strongest first.
DIMENSIONED, ZERO_DIM, WRAPPED_NUMBER = range(3)

# Kinds of elementwise op, under torch's names.
DEFAULT: Final = "default"
NO_OPMATH: Final = "no_opmath"
INT_TO_FLOAT: Final = "int_to_float"
ALWAYS_BOOL: Final = "always_bool"
COMPLEX_TO_FLOAT: Final = "complex_to_float"
BOOL_TO_LONG: Final = "bool_to_long"

_LATTICE: Final = (
    dt.bool, dt.uint8, dt.int8, dt.int16, dt.int32, dt.int64,
    dt.bfloat16, dt.float16, dt.float32, dt.float64,
    dt.complex32, dt.complex64, dt.complex128,
)  # fmt: skip


def _join(a: dtype, b: dtype) -> dtype:
    """Join two lattice members: the later one, save for three pairs no member of which wins."""
    low, high = sorted((a, b), key=_LATTICE.index)
    if (low, high) == (dt.uint8, dt.int8):
        return dt.int16
    if (low, high) == (dt.bfloat16, dt.float16):
        return dt.float32
    if high.is_complex and not low.is_complex and low.is_floating_point:
        return _join(high, low.to_complex())
    return high


_TABLE: Final = {(a, b): _join(a, b) for a in _LATTICE for b in _LATTICE}
_FLOAT8: Final = frozenset(d for d in dt.ALL.values() if d.name.startswith("float8"))
# Unsigned types that torch stores but does not promote among the integers.
_BAREBONES: Final = frozenset(
    d for d in dt.ALL.values() if d.name.startswith("uint") and d is not dt.uint8
)
# Quantized, bits and sub-byte integers are no "integral" types to torch's casting rule.
_INTEGRAL: Final = frozenset(
    (dt.bool, dt.uint8, dt.int8, dt.int16, dt.int32, dt.int64, dt.uint16, dt.uint32, dt.uint64)
)
# Reduced precisions are computed in the next wider type and rounded once, at the end.
_COMPUTE: Final = {dt.bfloat16: dt.float32, dt.float16: dt.float32, dt.complex32: dt.complex64}

Operand = tuple[dtype, int]
_PAIRS: Final[dict[tuple[dtype, Operand, Operand], dtype]] = {}


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the smallest dtype both may be cast to; RuntimeError where torch defines none.

    >>> promote_types(dt.int32, dt.float16)
    torch.float16
    """
    found = _TABLE.get((type1, type2))
    return found if found is not None else _promote_rare(type1, type2)


def _promote_rare(a: dtype, b: dtype) -> dtype:
    if a is b:
        return a
    if _either(a, b, dt.QUANTIZED):
        _refuse("promoteTypes with quantized numbers is not handled yet; figure out what the "
                "correct rules should be, offending types: {} {}", a, b)  # fmt: skip
    if _either(a, b, dt.BITS):
        _refuse("Promotion from {} and {} is unsupported.", a, b)
    if a in _FLOAT8 or b in _FLOAT8:
        _refuse("Promotion for Float8 Types is not supported, attempted to promote {} and {}", a, b)
    if a in _BAREBONES or b in _BAREBONES:
        if a.is_floating_point:
            return a
        if b.is_floating_point:
            return b
        _refuse("Promotion for uint16, uint32, uint64 types is not supported, "
                "attempted to promote {} and {}", a, b)  # fmt: skip
    return _refuse("Promotion from {} and {} is unsupported.", a, b)


def _either(a: dtype, b: dtype, kind: int) -> bool:
    return a.kind == kind or b.kind == kind


def _refuse(text: str, a: dtype, b: dtype) -> NoReturn:
    raise RuntimeError(text.format(a.scalar_name, b.scalar_name))


def can_cast(from_: dtype, to: dtype) -> bool:
    """Tell whether a result of dtype `from_` may be written into `to`.

    >>> can_cast(dt.float64, dt.float32), can_cast(dt.float32, dt.int64)
    (True, False)
    """
    if from_.is_complex and not to.is_complex:
        return False
    if from_.is_floating_point and to in _INTEGRAL:
        return False
    return from_ is dt.bool or to is not dt.bool


def result_type(*operands: Operand) -> dtype:
    """Return the dtype an op over `(dtype, category)` operands yields.

    Dimensioned tensors outrank zero-dim tensors, which outrank Python numbers: a weaker category
    counts only where its kind (integer < floating < complex) is higher. Python floats and complex
    numbers take the default dtype. RuntimeError where torch defines no promotion.

    >>> result_type((dt.int32, DIMENSIONED), (dt.float64, ZERO_DIM))
    torch.float64
    >>> result_type((dt.float16, DIMENSIONED), (dt.float64, ZERO_DIM))
    torch.float16
    """
    if len(operands) != 2:
        return _result_type(operands)
    # Pairs are nearly all calls and few in number, so each is worked out once.
    key = (dt.get_default_dtype(), operands[0], operands[1])
    found = _PAIRS.get(key)
    if found is None:
        found = _PAIRS[key] = _result_type(operands)
    return found


def _result_type(operands: Iterable[Operand]) -> dtype:
    best: list[dtype | None] = [None, None, None]
    for each, category in operands:
        current = _number_dtype(each) if category == WRAPPED_NUMBER else each
        so_far = best[category]
        best[category] = current if so_far is None else promote_types(so_far, current)
    result = _combine(best[DIMENSIONED], _combine(best[ZERO_DIM], best[WRAPPED_NUMBER]))
    if result is None:
        raise ValueError("result_type: expected at least one operand, got none")
    return result


def _number_dtype(d: dtype) -> dtype:
    if d.is_complex:
        return dt.default_complex()
    return dt.get_default_dtype() if d.is_floating_point else d


def _combine(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """Combine two categories; the weaker one decides nothing but the kind."""
    if higher is None or lower is None:
        return higher or lower
    if higher.is_complex or lower.kind not in (dt.FLOATING, dt.COMPLEX):
        return promote_types(higher, lower) if higher is dt.bool else higher
    if higher.is_floating_point:
        return higher.to_complex() if lower.is_complex else higher
    return lower if lower.is_complex else promote_types(higher, lower)


def compute_dtype(d: dtype) -> dtype:
    """Return the dtype in which arithmetic on `d` is carried out.

    >>> compute_dtype(dt.bfloat16), compute_dtype(dt.int8)
    (torch.float32, torch.int8)
    """
    return _COMPUTE.get(d, d)


def elementwise_dtypes(kind: str, common: dtype) -> tuple[dtype, dtype]:
    """Return (compute dtype, result dtype) of an elementwise op of `kind` on `common` inputs.

    >>> elementwise_dtypes(INT_TO_FLOAT, dt.int64)
    (torch.float32, torch.float32)
    >>> elementwise_dtypes(COMPLEX_TO_FLOAT, dt.complex64)
    (torch.complex64, torch.float32)
    """
    if kind == DEFAULT:
        return _COMPUTE.get(common, common), common
    if kind == INT_TO_FLOAT:
        result = dt.get_default_dtype() if common.kind in (dt.BOOL, dt.INTEGER) else common
        return _COMPUTE.get(result, result), result
    if kind == ALWAYS_BOOL:
        return _COMPUTE.get(common, common), dt.bool
    if kind == NO_OPMATH:
        return common, common
    if kind == COMPLEX_TO_FLOAT:
        return _COMPUTE.get(common, common), common.to_real()
    if kind == BOOL_TO_LONG:
        result = dt.int64 if common is dt.bool else common
        return _COMPUTE.get(result, result), result
    raise ValueError(f"elementwise_dtypes: unknown kind {kind!r}")
