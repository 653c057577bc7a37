"""The element types: torch's dtype objects and the NumPy dtype each is stored as.

Knows names, sizes, kinds, the NumPy counterpart and the process-wide default dtype.
Must not know how dtypes promote (promotion.py), nor any array or Tensor.
Facts: https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch-dtype
"""

from __future__ import annotations

from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from typing import Any, Final, NoReturn, Self

import ml_dtypes
import numpy

from franken.backends.numpy.halves import COMPLEX_KINDS as COMPLEX_KINDS

NumpyDtype = numpy.dtype[Any]

# Kinds order the promotion lattice: a higher kind decides the category of a result.
BOOL, INTEGER, FLOATING, COMPLEX, QUANTIZED, BITS = 0, 1, 2, 3, 4, 5

ALL: Final[dict[str, dtype]] = {}
"""Every dtype by its one canonical name ('float32', never 'float')."""


class dtype:
    """Describe the element type of a tensor; one interned object per type.

    >>> float32, float32.itemsize, float32.to_complex()
    (torch.float32, 4, torch.complex64)
    """

    __slots__ = (
        "name", "itemsize", "is_floating_point", "is_complex", "np", "kind", "index",
        "scalar_name", "abbr", "_signed", "__weakref__",
    )  # fmt: skip

    name: str
    itemsize: _int
    is_floating_point: _bool
    is_complex: _bool
    np: NumpyDtype | None
    kind: _int
    index: _int
    scalar_name: str
    abbr: str
    _signed: _bool

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        raise TypeError("cannot create 'torch.dtype' instances")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"attribute {name!r} of 'torch.dtype' objects is not writable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"attribute {name!r} of 'torch.dtype' objects is not writable")

    def __repr__(self) -> str:
        return "torch." + self.name

    @property
    def cpp_name(self) -> str:
        """The element type as C++ names it, as in torch's messages.

        >>> int64.cpp_name, float16.cpp_name
        ('long int', 'c10::Half')
        """
        return _CPP.get(self.name) or f"c10::{self.scalar_name}"

    def __reduce__(self) -> str:
        # A string tells pickle and copy to look the singleton up by name in this module.
        return self.name

    @property
    def is_signed(self) -> _bool:
        """Tell whether negative values exist; RuntimeError for quantized and bits types."""
        if self.kind == QUANTIZED:
            raise RuntimeError("isSignedType not supported for quantized types")
        if self.kind == BITS:
            raise RuntimeError("Bits types are undefined")
        return self._signed

    def to_real(self) -> dtype:
        """Return the type of the real part (itself unless complex)."""
        return _TO_REAL.get(self, self)

    def to_complex(self) -> dtype:
        """Return the complex type holding this floating type; RuntimeError if there is none."""
        found = self if self.is_complex else _TO_COMPLEX.get(self)
        if found is None:
            raise RuntimeError(f"Unknown Complex ScalarType for {self.scalar_name}")
        return found


# How torch's messages spell the element types that C++ names otherwise than "c10::" + scalar name.
_CPP: Final = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int",
    "int32": "int", "int64": "long int", "uint16": "short unsigned int", "uint32": "unsigned int",
    "uint64": "long unsigned int", "float32": "float", "float64": "double",
    "complex32": "c10::complex<c10::Half>", "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}  # fmt: skip


def _make(
    name: str, scalar_name: str, abbr: str, kind: _int, itemsize: _int, np: Any = None,
    signed: _bool = True,
) -> dtype:  # fmt: skip
    self = object.__new__(dtype)
    fields = {
        "name": name, "scalar_name": scalar_name, "abbr": abbr, "kind": kind,
        "itemsize": itemsize, "np": None if np is None else numpy.dtype(np),
        "is_floating_point": kind == FLOATING, "is_complex": kind == COMPLEX,
        "_signed": signed, "index": len(ALL),
    }  # fmt: skip
    for field, value in fields.items():
        object.__setattr__(self, field, value)
    ALL[name] = self
    return self


bool = _make("bool", "Bool", "b8", BOOL, 1, numpy.bool_, signed=False)  # noqa: A001
uint8 = _make("uint8", "Byte", "u8", INTEGER, 1, numpy.uint8, signed=False)
int8 = _make("int8", "Char", "i8", INTEGER, 1, numpy.int8)
int16 = _make("int16", "Short", "i16", INTEGER, 2, numpy.int16)
int32 = _make("int32", "Int", "i32", INTEGER, 4, numpy.int32)
int64 = _make("int64", "Long", "i64", INTEGER, 8, numpy.int64)
bfloat16 = _make("bfloat16", "BFloat16", "bf16", FLOATING, 2, ml_dtypes.bfloat16)
float16 = _make("float16", "Half", "f16", FLOATING, 2, numpy.float16)
float32 = _make("float32", "Float", "f32", FLOATING, 4, numpy.float32)
float64 = _make("float64", "Double", "f64", FLOATING, 8, numpy.float64)
# NumPy has no half-precision complex of its own: this one's kind is "W", not "c".
complex32 = _make("complex32", "ComplexHalf", "c32", COMPLEX, 4, ml_dtypes.complex32)
complex64 = _make("complex64", "ComplexFloat", "c64", COMPLEX, 8, numpy.complex64)
complex128 = _make("complex128", "ComplexDouble", "c128", COMPLEX, 16, numpy.complex128)

uint16 = _make("uint16", "UInt16", "u16", INTEGER, 2, numpy.uint16, signed=False)
uint32 = _make("uint32", "UInt32", "u32", INTEGER, 4, numpy.uint32, signed=False)
uint64 = _make("uint64", "UInt64", "u64", INTEGER, 8, numpy.uint64, signed=False)

float8_e4m3fn = _make(
    "float8_e4m3fn", "Float8_e4m3fn", "f8e4m3fn", FLOATING, 1, ml_dtypes.float8_e4m3fn
)
float8_e5m2 = _make("float8_e5m2", "Float8_e5m2", "f8e5m2", FLOATING, 1, ml_dtypes.float8_e5m2)
float8_e4m3fnuz = _make(
    "float8_e4m3fnuz", "Float8_e4m3fnuz", "f8e4m3fnuz", FLOATING, 1, ml_dtypes.float8_e4m3fnuz
)
float8_e5m2fnuz = _make(
    "float8_e5m2fnuz", "Float8_e5m2fnuz", "f8e5m2fnuz", FLOATING, 1, ml_dtypes.float8_e5m2fnuz
)
float8_e8m0fnu = _make(
    "float8_e8m0fnu", "Float8_e8m0fnu", "f8e8m0fnu", FLOATING, 1, ml_dtypes.float8_e8m0fnu,
    signed=False,
)  # fmt: skip
float4_e2m1fn_x2 = _make("float4_e2m1fn_x2", "Float4_e2m1fn_x2", "f4e2m1fnx2", FLOATING, 1)

# Names without storage here: quantized, raw bits and sub-byte integers.
qint8 = _make("qint8", "QInt8", "qint8", QUANTIZED, 1)
quint8 = _make("quint8", "QUInt8", "quint8", QUANTIZED, 1)
qint32 = _make("qint32", "QInt32", "qint32", QUANTIZED, 4)
quint4x2 = _make("quint4x2", "QUInt4x2", "quint4x2", QUANTIZED, 1)
quint2x4 = _make("quint2x4", "QUInt2x4", "quint2x4", QUANTIZED, 1)
bits1x8 = _make("bits1x8", "Bits1x8", "b1x8", BITS, 1)
bits2x4 = _make("bits2x4", "Bits2x4", "b2x4", BITS, 1)
bits4x2 = _make("bits4x2", "Bits4x2", "b4x2", BITS, 1)
bits8 = _make("bits8", "Bits8", "b8x1", BITS, 1)
bits16 = _make("bits16", "Bits16", "b16x1", BITS, 2)
uint1 = _make("uint1", "UInt1", "uint1", INTEGER, 1, signed=False)
uint2 = _make("uint2", "UInt2", "uint2", INTEGER, 1, signed=False)
uint3 = _make("uint3", "UInt3", "uint3", INTEGER, 1, signed=False)
uint4 = _make("uint4", "UInt4", "uint4", INTEGER, 1, signed=False)
uint5 = _make("uint5", "UInt5", "uint5", INTEGER, 1, signed=False)
uint6 = _make("uint6", "UInt6", "uint6", INTEGER, 1, signed=False)
uint7 = _make("uint7", "UInt7", "uint7", INTEGER, 1, signed=False)
int1 = _make("int1", "Int1", "int1", INTEGER, 1)
int2 = _make("int2", "Int2", "int2", INTEGER, 1)
int3 = _make("int3", "Int3", "int3", INTEGER, 1)
int4 = _make("int4", "Int4", "int4", INTEGER, 1)
int5 = _make("int5", "Int5", "int5", INTEGER, 1)
int6 = _make("int6", "Int6", "int6", INTEGER, 1)
int7 = _make("int7", "Int7", "int7", INTEGER, 1)

half = float16
float = float32  # noqa: A001
double = float64
short = int16
int = int32  # noqa: A001
long = int64
chalf = complex32
cfloat = complex64
cdouble = complex128
bit = uint1

ALIASES: Final[dict[str, dtype]] = {
    "half": half, "float": float, "double": double, "short": short, "int": int, "long": long,
    "chalf": chalf, "cfloat": cfloat, "cdouble": cdouble, "bit": bit,
}  # fmt: skip
"""Second names: what `import franken` re-exports besides `ALL`."""

_TO_REAL: Final = {complex32: float16, complex64: float32, complex128: float64}
_TO_COMPLEX: Final = {
    float16: complex32, bfloat16: complex64, float32: complex64, float64: complex128,
}  # fmt: skip
FROM_NUMPY: Final = {each.np: each for each in ALL.values() if each.np is not None}


_SUPPORTED_NUMPY = (
    "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
    "uint64, uint32, uint16, uint8, and bool"
)


def from_numpy(np_dtype: NumpyDtype) -> dtype:
    """Return the dtype stored as `np_dtype`; TypeError if there is none.

    >>> from_numpy(numpy.dtype("int16"))
    torch.int16
    """
    found = FROM_NUMPY.get(np_dtype)
    return found if found is not None else _from_numpy_slowly(np_dtype)


def _from_numpy_slowly(spelling: Any) -> dtype:
    np_dtype = numpy.dtype(spelling)
    if not np_dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. "
            "Conversion between byte orders is currently not supported."
        )
    found = FROM_NUMPY.get(np_dtype)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{np_dtype.type.__name__}. "
            f"The only supported types are: {_SUPPORTED_NUMPY}."
        )
    return found


_DEFAULTS: Final = (float16, bfloat16, float32, float64)
_default = float32


def get_default_dtype() -> dtype:
    """Return the floating dtype that Python floats become.

    >>> get_default_dtype()
    torch.float32
    """
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the floating dtype that Python floats become; TypeError if `d` cannot serve."""
    global _default
    if not isinstance(d, dtype):
        raise TypeError(
            "invalid dtype object: only floating-point types are supported as the default type"
        )
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    if d not in _DEFAULTS:
        raise TypeError(f"couldn't find storage object {d.scalar_name}Storage")
    _default = d


def default_complex() -> dtype:
    """Return the complex dtype that Python complex numbers become.

    >>> default_complex()
    torch.complex64
    """
    return _default.to_complex()


def shown_complex() -> dtype:
    """Return the complex dtype that torch prints no name of, and fills with: never a half.

    >>> shown_complex()
    torch.complex64
    """
    return complex128 if _default is float64 else complex64


# name: (bits, eps, max, smallest_normal, resolution); https://arxiv.org/abs/2209.05433 for float8.
# e5m2fnuz repeats torch's eps, which is half of the format's own spacing at one.
_FLOATING_LIMITS: Final[dict[dtype, tuple[_int, _float, _float, _float, _float]]] = {
    float16: (16, 2.0**-10, 65504.0, 2.0**-14, 1e-3),
    bfloat16: (16, 2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126, 1e-2),
    float32: (32, 2.0**-23, (2 - 2.0**-23) * 2.0**127, 2.0**-126, 1e-6),
    float64: (64, 2.0**-52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022, 1e-15),
    float8_e4m3fn: (8, 2.0**-3, 448.0, 2.0**-6, 1.0),
    float8_e5m2: (8, 2.0**-2, 57344.0, 2.0**-14, 1.0),
    float8_e4m3fnuz: (8, 2.0**-3, 240.0, 2.0**-7, 1.0),
    float8_e5m2fnuz: (8, 2.0**-3, 57344.0, 2.0**-15, 1.0),
    float8_e8m0fnu: (8, 1.0, 2.0**127, 2.0**-127, 1.0),
}
_WHOLE_BYTES: Final = (uint8, int8, int16, int32, int64, uint16, uint32, uint64)


class _TypeInfo:
    """What finfo and iinfo share: identity by dtype, no hash, torch's argument errors."""

    __slots__ = ("_type",)
    __hash__ = None  # type: ignore[assignment]

    _type: dtype

    def __eq__(self, other: object) -> _bool:
        return type(other) is type(self) and other._type is self._type

    def _check(self, candidate: object) -> None:
        if not isinstance(candidate, dtype):
            raise TypeError(
                f"{type(self).__name__}(): argument 'type' (position 1) must be torch.dtype, "
                f"not {type(candidate).__name__}"
            )

    @property
    def dtype(self) -> str:
        """Name the dtype described, without prefix."""
        return self._type.name


class finfo(_TypeInfo):
    """Give the numerical limits of a floating dtype (of the real part of a complex one).

    >>> finfo(float16).max, finfo(complex64).dtype
    (65504.0, 'float32')
    """

    __slots__ = ("bits", "eps", "max", "min", "smallest_normal", "tiny", "resolution")

    def __init__(self, type: dtype | None = None) -> None:  # noqa: A002
        given = _default if type is None else type
        self._check(given)
        if not (given.is_floating_point or given.is_complex):
            raise TypeError(
                "torch.finfo() requires a floating point input type. "
                "Use torch.iinfo to handle 'torch.finfo'"
            )
        limits = _FLOATING_LIMITS.get(given.to_real())
        if limits is None:
            raise NotImplementedError(f"\"epsilon\" not implemented for '{given.scalar_name}'")
        self._type = given.to_real()
        self.bits, self.eps, self.max, self.smallest_normal, self.resolution = limits
        self.tiny = self.smallest_normal
        # e8m0fnu has neither sign nor zero: its least value is the least positive one.
        self.min = -self.max if self._type._signed else self.tiny

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo(_TypeInfo):
    """Give the limits of an integer dtype.

    >>> iinfo(int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    __slots__ = ("bits", "max", "min")

    def __init__(self, type: dtype) -> None:  # noqa: A002
        self._check(type)
        if type is bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type not in _WHOLE_BYTES:
            raise TypeError(
                "torch.iinfo() requires an integer input type. "
                "Use torch.finfo to handle 'torch.iinfo'"
            )
        self._type = type
        self.bits = 8 * type.itemsize
        self.max = 2 ** (self.bits - type._signed) - 1
        self.min = -self.max - 1 if type._signed else 0

    def __repr__(self) -> str:
        # torch prints both bounds as doubles, six significant digits.
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
