"""What the op declarations attach to Tensor.

Written by `python -m conformance stubs`: do not edit."""

from builtins import bool as _bool
from builtins import complex as _complex
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Self, overload

from numpy import bool_ as _bool_
from numpy import ndarray as _ndarray
from numpy import number as _number

from franken.core import return_types
from franken.core.device import device as _device
from franken.core.dtypes import dtype as _dtype
from franken.core.geometry.layout import layout as _layout
from franken.core.geometry.layout import memory_format as _memory_format
from franken.core.geometry.size import Size as _Size
from franken.core.handles import RemovableHandle as _RemovableHandle
from franken.core.tensor import Tensor as _Tensor

class TensorMethods:
    @property
    def H(self) -> _Tensor:
        """The conjugate transpose of a matrix."""
    @property
    def T(self) -> _Tensor:
        """A view with the dimensions in reverse order."""
    def __abs__(self) -> _Tensor:
        """The magnitude of each element; of complex numbers, a real one."""
    def __add__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __and__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any: ...
    def __array_wrap__(
        self, array: Any, context: Any = None, return_scalar: _bool = False
    ) -> _Tensor:
        """What a NumPy function of a tensor gives: a tensor; truth values as uint8, as in torch."""
    def __bool__(self) -> _bool: ...
    def __complex__(self) -> _complex: ...
    def __contains__(self, element: Any) -> _bool: ...
    def __copy__(self) -> Any:
        """`copy.copy`: a leaf over the same memory, as what torch's pickling makes of a tensor."""
    @property
    def __cuda_array_interface__(self) -> Any: ...
    def __deepcopy__(self, memo: dict[_int, Any]) -> _Tensor: ...
    def __delitem__(self, index: Any) -> None: ...
    def __div__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __dlpack__(self, *, stream: Any = None, **options: Any) -> Any: ...
    def __dlpack_device__(self) -> Any: ...
    def __eq__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...  # type: ignore[override]
    def __float__(self) -> _float: ...
    def __floordiv__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __ge__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __getitem__(self, index: Any) -> _Tensor:
        """`x[index]`: a view for ints, slices, None and Ellipsis, else a copy."""
    def __gt__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __iadd__(
        self,
        other: _Tensor | _complex | _number[Any] | _bool_,
        *old: _Tensor | _complex | _number[Any] | _bool_,
        alpha: _Tensor | _complex | _number[Any] | _bool_ = 1,
    ) -> Self: ...
    def __iand__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __idiv__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __ifloordiv__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __ilshift__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __imod__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __imul__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __index__(self) -> _int: ...
    def __int__(self) -> _int: ...
    def __invert__(self) -> _Tensor:
        """All bits flipped, for the operator `~`."""
    def __ior__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __ipow__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __irshift__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __isub__(
        self,
        other: _Tensor | _complex | _number[Any] | _bool_,
        *old: _Tensor | _complex | _number[Any] | _bool_,
        alpha: _Tensor | _complex | _number[Any] | _bool_ = 1,
    ) -> Self: ...
    def __iter__(self) -> Iterator[_Tensor]: ...
    def __itruediv__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __ixor__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def __le__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __len__(self) -> _int: ...
    def __lshift__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __lt__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __matmul__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __mod__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __mul__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __ne__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...  # type: ignore[override]
    def __neg__(self) -> _Tensor:
        """The tensor with its sign changed."""
    def __or__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __pos__(self) -> _Tensor:
        """The tensor itself."""
    def __pow__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __radd__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rand__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rdiv__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """other / self, which torch computes as a product with the reciprocal: two roundings."""
    def __reversed__(self) -> _Tensor: ...
    def __rfloordiv__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rlshift__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rmatmul__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rmod__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rmul__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __ror__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rpow__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rrshift__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rshift__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rsub__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __rtruediv__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """other / self, which torch computes as a product with the reciprocal: two roundings."""
    def __rxor__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __setitem__(self, index: Any, value: Any) -> None:
        """`x[index] = value`."""
    def __setstate__(self, state: Any) -> None:
        """What pickles of torch's first versions call: (storage, offset, size, stride, flag)."""
    def __sub__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __truediv__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    def __xor__(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
    @property
    def _backward_hooks(self) -> Any:
        """The hooks of this tensor's gradient by number, or None if it never had any."""
    @_backward_hooks.setter
    def _backward_hooks(self, value: Any) -> None: ...
    def _coalesced_(self, coalesced: _bool) -> Self:
        """Say that the tensor is coalesced, or that it may not be; nothing is checked."""
    def _conj(self) -> _Tensor:
        """The complex conjugate, a view of the same memory; RuntimeError if it is real."""
    def _conj_physical(self) -> _Tensor:
        """The complex conjugate; the tensor itself if it is real."""
    def _conj_physical_(self) -> Self:
        """In-place form of `conj_physical`."""
    @property
    def _grad_fn(self) -> Any:
        """The node that computed this tensor, or None for a leaf."""
    @_grad_fn.setter
    def _grad_fn(self, value: Any) -> None: ...
    def _indices(self) -> _Tensor:
        """The (sparse_dim, nnz) matrix of places, sharing memory; also of an uncoalesced tensor."""
    def _is_all_true(self) -> _Tensor:
        """Whether every element of a boolean tensor is true, in the whole batch under vmap."""
    def _is_any_true(self) -> _Tensor:
        """Whether some element of a boolean tensor is true, in the whole batch under vmap."""
    def _is_view(self) -> _bool:
        """Whether this tensor is a differentiable view of another."""
    def _neg_view(self) -> _Tensor:
        """The negative, a view of the same memory."""
    def _nnz(self) -> _int:
        """How many elements are stored."""
    @property
    def _post_accumulate_grad_hooks(self) -> Any:
        """The hooks after accumulation by number, or None if there never were any."""
    def _reduce_ex_internal(self, protocol: Any) -> Any:
        """The tensor without its class and attributes: a view of a storage."""
    def _typed_storage(self) -> Any: ...
    def _values(self) -> _Tensor:
        """The elements that are stored, sharing memory; also of an uncoalesced tensor."""
    @property
    def _version(self) -> _int:
        """How often the memory was changed in place."""
    def abs(self) -> _Tensor:
        """The magnitude of each element; of complex numbers, a real one."""
    def abs_(self) -> Self:
        """In-place form of `abs`; real tensors only."""
    def absolute(self) -> _Tensor:
        """The magnitude of each element; of complex numbers, a real one."""
    def absolute_(self) -> Self:
        """In-place form of `abs`; real tensors only."""
    def acos(self) -> _Tensor:
        """The inverse cosine."""
    def acos_(self) -> Self:
        """In-place form of `acos`."""
    def acosh(self) -> _Tensor:
        """The inverse hyperbolic cosine."""
    def acosh_(self) -> Self:
        """In-place form of `acosh`."""
    def add(
        self, other: _Tensor | _complex | _number[Any] | _bool_, *, alpha: _complex = 1
    ) -> _Tensor:
        """Sum of two tensors, the second one scaled by `alpha`."""
    def add_(
        self, other: _Tensor | _complex | _number[Any] | _bool_, *, alpha: _complex = 1
    ) -> Self: ...
    def addbmm(self, batch1: _Tensor, batch2: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> _Tensor:
        """beta * input + alpha * sum over the batch of (batch1 @ batch2)."""
    def addbmm_(self, batch1: _Tensor, batch2: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> Self:
        """In-place form of `addbmm`."""
    def addcdiv(self, tensor1: _Tensor, tensor2: _Tensor, *, value: Any = 1) -> _Tensor:
        """input + value tensor1 / tensor2."""
    def addcdiv_(self, tensor1: _Tensor, tensor2: _Tensor, *, value: Any = 1) -> Self:
        """In-place form of `addcdiv`."""
    def addcmul(self, tensor1: _Tensor, tensor2: _Tensor, *, value: Any = 1) -> _Tensor:
        """input + value tensor1 tensor2."""
    def addcmul_(self, tensor1: _Tensor, tensor2: _Tensor, *, value: Any = 1) -> Self:
        """In-place form of `addcmul`."""
    def addmm(self, mat1: _Tensor, mat2: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> _Tensor:
        """beta * input + alpha * (mat1 @ mat2)."""
    def addmm_(self, mat1: _Tensor, mat2: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> Self:
        """In-place form of `addmm`."""
    def addmv(self, mat: _Tensor, vec: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> _Tensor:
        """beta * input + alpha * (mat @ vec)."""
    def addmv_(self, mat: _Tensor, vec: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> Self:
        """In-place form of `addmv`."""
    def addr(self, vec1: _Tensor, vec2: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> _Tensor:
        """beta * input + alpha * outer(vec1, vec2)."""
    def addr_(self, vec1: _Tensor, vec2: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> Self:
        """In-place form of `addr`."""
    def adjoint(self) -> _Tensor:
        """The conjugate transpose of the last two dimensions."""
    def all(self, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> _Tensor:
        """Whether every element over the dimensions is nonzero; bool, or uint8 of uint8."""
    def allclose(
        self, other: _Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> _bool:
        """Whether all elements of two tensors are close; see `isclose`."""
    def amax(self, dim: _int | Sequence[_int] | None = (), keepdim: _bool = False) -> _Tensor:
        """Maximum over dimensions; ties share the gradient."""
    def amin(self, dim: _int | Sequence[_int] | None = (), keepdim: _bool = False) -> _Tensor:
        """Minimum over dimensions; ties share the gradient."""
    def aminmax(self, *, dim: Any = None, keepdim: _bool = False) -> return_types.aminmax:
        """Minimum and maximum over one dimension, or over all."""
    def angle(self) -> _Tensor:
        """The angle of each complex number; of reals, 0 or pi."""
    def any(self, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False) -> _Tensor:
        """Whether some element over the dimensions is nonzero; bool, or uint8 of uint8."""
    def apply_(self, callable: Callable[[Any], Any]) -> Self:
        """Replace each element by a Python function of it; slow, and only on the CPU."""
    def arccos(self) -> _Tensor:
        """The inverse cosine."""
    def arccos_(self) -> Self:
        """In-place form of `acos`."""
    def arccosh(self) -> _Tensor:
        """The inverse hyperbolic cosine."""
    def arccosh_(self) -> Self:
        """In-place form of `acosh`."""
    def arcsin(self) -> _Tensor:
        """The inverse sine."""
    def arcsin_(self) -> Self:
        """In-place form of `asin`."""
    def arcsinh(self) -> _Tensor:
        """The inverse hyperbolic sine."""
    def arcsinh_(self) -> Self:
        """In-place form of `asinh`."""
    def arctan(self) -> _Tensor:
        """The inverse tangent."""
    def arctan2(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The angle of the point (other, input), in (-pi, pi]."""
    def arctan2_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def arctan_(self) -> Self:
        """In-place form of `atan`."""
    def arctanh(self) -> _Tensor:
        """The inverse hyperbolic tangent."""
    def arctanh_(self) -> Self:
        """In-place form of `atanh`."""
    def argmax(self, dim: _int | None = None, keepdim: _bool = False) -> _Tensor:
        """Index of the first maximum along a dimension, or in the flat tensor."""
    def argmin(self, dim: _int | None = None, keepdim: _bool = False) -> _Tensor:
        """Index of the first minimum along a dimension, or in the flat tensor."""
    def argsort(self, dim: _int = -1, descending: _bool = False, stable: _bool = False) -> _Tensor:
        """The indices that put a dimension in order."""
    def argwhere(self) -> _Tensor:
        """The places of the nonzero elements as rows."""
    def as_strided(
        self, size: Any, stride: _int | Sequence[_int] | None, storage_offset: _int | None = None
    ) -> _Tensor:
        """A view of the tensor's storage with any sizes, strides and offset that stay inside it."""
    def as_strided_(self, *args: Any, **kwargs: Any) -> Self:
        """In-place form of `as_strided`: changes how the tensor looks at its memory."""
    def as_strided_scatter(
        self, src: _Tensor, size: Any, stride: Any, storage_offset: _int | None = None
    ) -> _Tensor:
        """A copy with the elements that `as_strided` would show replaced by `src`."""
    def as_subclass(self, cls: Any) -> Any: ...
    def asin(self) -> _Tensor:
        """The inverse sine."""
    def asin_(self) -> Self:
        """In-place form of `asin`."""
    def asinh(self) -> _Tensor:
        """The inverse hyperbolic sine."""
    def asinh_(self) -> Self:
        """In-place form of `asinh`."""
    def atan(self) -> _Tensor:
        """The inverse tangent."""
    def atan2(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The angle of the point (other, input), in (-pi, pi]."""
    def atan2_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def atan_(self) -> Self:
        """In-place form of `atan`."""
    def atanh(self) -> _Tensor:
        """The inverse hyperbolic tangent."""
    def atanh_(self) -> Self:
        """In-place form of `atanh`."""
    def backward(
        self,
        gradient: Any = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate the gradients of this tensor into the leaves it was computed from."""
    def baddbmm(
        self, batch1: _Tensor, batch2: _Tensor, *, beta: Any = 1, alpha: Any = 1
    ) -> _Tensor:
        """beta * input + alpha * (batch1 @ batch2)."""
    def baddbmm_(self, batch1: _Tensor, batch2: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> Self:
        """In-place form of `baddbmm`."""
    def bernoulli(self, p: Any = None, *, generator: Any = None) -> _Tensor:
        """Ones with the probabilities in `input` (or with probability p), else zeros."""
    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Self:
        """Fill with ones of probability p (a number or a tensor that broadcasts), else zeros."""
    def bfloat16(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as bfloat16."""
    def bincount(self, weights: Any = None, minlength: _int = 0) -> _Tensor:
        """How often each of 0, 1, 2 ... occurs in a vector of integers, or the sums of weights."""
    def bitwise_and(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Bits set in both operands."""
    def bitwise_and_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `bitwise_and`."""
    def bitwise_left_shift(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Bits moved to the left."""
    def bitwise_left_shift_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `bitwise_left_shift`."""
    def bitwise_not(self) -> _Tensor:
        """All bits flipped; of bools, the logical not."""
    def bitwise_not_(self) -> Self:
        """In-place form of `bitwise_not`."""
    def bitwise_or(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Bits set in either operand."""
    def bitwise_or_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `bitwise_or`."""
    def bitwise_right_shift(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Bits moved to the right, the sign kept."""
    def bitwise_right_shift_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `bitwise_right_shift`."""
    def bitwise_xor(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Bits set in exactly one operand."""
    def bitwise_xor_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `bitwise_xor`."""
    def bmm(self, mat2: _Tensor) -> _Tensor:
        """Products of two batches of matrices."""
    def bool(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as bool."""
    @overload
    def broadcast_to(self, *size: Any) -> _Tensor:
        """`expand` by its NumPy name."""
    @overload
    def broadcast_to(self, *, size: Sequence[_int]) -> _Tensor:
        """`expand` by its NumPy name."""
    def byte(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as uint8."""
    def cauchy_(self, median: _float = 0.0, sigma: _float = 1.0, *, generator: Any = None) -> Self:
        """Fill with Cauchy numbers."""
    def ccol_indices(self) -> _Tensor:
        """The compressed indices of a tensor of compressed columns, sharing memory."""
    def cdouble(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as complex128."""
    def ceil(self) -> _Tensor:
        """The smallest integer not below each element."""
    def ceil_(self) -> Self:
        """In-place form of `ceil`."""
    def cfloat(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as complex64."""
    def chalf(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as complex32."""
    def char(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as int8."""
    def cholesky(self, upper: _bool = False) -> _Tensor:
        """The Cholesky factors of Hermitian positive-definite matrices."""
    def cholesky_inverse(self, upper: _bool = False) -> _Tensor:
        """The inverse of A from its Cholesky factor."""
    def cholesky_solve(self, L: _Tensor, upper: _bool = False) -> _Tensor:
        """The solution of A X = input from the Cholesky factor of A."""
    def chunk(self, chunks: _int, dim: _int = 0) -> tuple[_Tensor, ...]:
        """A tuple of at most `chunks` views of equal length (the last may be smaller)."""
    def clamp(self, min: Any = None, max: Any = None) -> _Tensor:
        """Each element brought into [min, max]; a bound below the other loses to `max`."""
    def clamp_(self, min: Any = None, max: Any = None) -> Self:
        """In-place form of `clamp`."""
    def clamp_max(self, max: Any) -> _Tensor:
        """Each element, or `max` where that is smaller."""
    def clamp_max_(self, max: Any) -> Self:
        """In-place form of `clamp_max`."""
    def clamp_min(self, min: Any) -> _Tensor:
        """Each element, or `min` where that is larger."""
    def clamp_min_(self, min: Any) -> Self:
        """In-place form of `clamp_min`."""
    def clip(self, min: Any = None, max: Any = None) -> _Tensor:
        """Each element brought into [min, max]; a bound below the other loses to `max`."""
    def clip_(self, min: Any = None, max: Any = None) -> Self:
        """In-place form of `clamp`."""
    def clone(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """A copy that gradients flow through, with the strides that `memory_format` asks for."""
    def coalesce(self) -> _Tensor:
        """The tensor with the elements at one place added up; itself if it is so already."""
    def col_indices(self) -> _Tensor:
        """The plain indices of a tensor of compressed rows, sharing memory."""
    def conj(self) -> _Tensor:
        """The complex conjugate, a view of the same memory; the tensor itself if it is real."""
    def conj_physical(self) -> _Tensor:
        """The complex conjugate; the tensor itself if it is real."""
    def conj_physical_(self) -> Self:
        """In-place form of `conj_physical`."""
    def constant_pad_nd(self, pad: Any, value: Any = 0) -> _Tensor:
        """Pad with a constant; `pad` lists (before, after), last dimension first; negative cuts."""
    def contiguous(self, memory_format: _memory_format = ...) -> _Tensor:
        """The tensor itself if it is dense in `memory_format` already, else a dense copy."""
    def copy_(self, other: Any, non_blocking: _bool = False) -> Self:
        """Write `src`, broadcast and cast, into this tensor."""
    def copysign(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The magnitude of input with the sign of other."""
    def copysign_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def corrcoef(self) -> _Tensor:
        """Pearson's correlation coefficients of variables in rows; real and imaginary in [-1, 1]."""
    def cos(self) -> _Tensor:
        """The cosine."""
    def cos_(self) -> Self:
        """In-place form of `cos`."""
    def cosh(self) -> _Tensor:
        """The hyperbolic cosine."""
    def cosh_(self) -> Self:
        """In-place form of `cosh`."""
    def count_nonzero(self, dim: _int | Sequence[_int] | None = None) -> _Tensor:
        """The int64 number of nonzero elements over the dimensions."""
    def cov(self, *, correction: _int = 1, fweights: Any = None, aweights: Any = None) -> _Tensor:
        """Covariance of variables in rows, observations in columns."""
    def cpu(self, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor in host memory; itself if it is there."""
    def cross(self, other: _Tensor, dim: Any = None) -> _Tensor:
        """Cross products of 3-vectors along `dim`, by default the first of size 3."""
    def crow_indices(self) -> _Tensor:
        """The compressed indices of a tensor of compressed rows, sharing memory."""
    def cuda(
        self,
        device: _str | _int | _device | None = None,
        non_blocking: _bool = False,
        memory_format: _memory_format | None = None,
    ) -> _Tensor:
        """The tensor on a GPU (by default the current one); itself if it is there."""
    def cummax(self, dim: _int) -> return_types.cummax:
        """Running maximum and its last index."""
    def cummin(self, dim: _int) -> return_types.cummin:
        """Running minimum and its last index."""
    def cumprod(self, dim: _int, *, dtype: Any = None) -> _Tensor:
        """Cumulative product along a dimension; integers and bools multiply to int64."""
    def cumprod_(self, dim: _int, *, dtype: Any = None) -> Self:
        """In-place form of `cumprod`."""
    def cumsum(self, dim: _int, *, dtype: Any = None) -> _Tensor:
        """Cumulative sum along a dimension; integers and bools sum to int64."""
    def cumsum_(self, dim: _int, *, dtype: Any = None) -> Self:
        """In-place form of `cumsum`."""
    @property
    def data(self) -> Any:
        """The same memory outside of the graph, with a version of its own (prefer detach())."""
    @data.setter
    def data(self, value: Any) -> None: ...
    def data_ptr(self) -> _int:
        """The address of the first element."""
    def deg2rad(self) -> _Tensor:
        """Degrees as radians."""
    def deg2rad_(self) -> Self:
        """In-place form of `deg2rad`."""
    def dense_dim(self) -> _int:
        """The number of dimensions that are stored densely: all of a strided tensor."""
    def det(self) -> _Tensor:
        """The determinants of square matrices (..., n, n)."""
    def detach(self) -> _Tensor:
        """The same memory outside of the graph; in-place changes are noticed on both sides."""
    def detach_(self) -> Self:
        """Cut this tensor from the graph in place; inside a transform, from that of its level."""
    def diag(self, diagonal: _int = 0) -> _Tensor:
        """A vector's diagonal matrix, or a copy of a matrix's diagonal."""
    def diag_embed(self, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> _Tensor:
        """Zeros with the last dimension on a diagonal of two new dimensions."""
    def diagflat(self, offset: _int = 0) -> _Tensor:
        """The matrix with the flattened tensor on a diagonal."""
    def diagonal(self, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> _Tensor:
        """A view of the diagonal of two dimensions, as the last one."""
    def diagonal_scatter(
        self, src: _Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1
    ) -> _Tensor:
        """A copy with a diagonal replaced by `src`."""
    def diff(self, n: _int = 1, dim: _int = -1, prepend: Any = None, append: Any = None) -> _Tensor:
        """The n-th difference of neighbours along a dimension; exclusive or for bools."""
    def digamma(self) -> _Tensor:
        """The derivative of lgamma."""
    def digamma_(self) -> Self:
        """In-place form of `digamma`."""
    def dim(self) -> _int:
        """The number of dimensions."""
    def dist(self, other: _Tensor, p: Any = 2) -> _Tensor:
        """The p-norm of input - other, over all elements."""
    def div(self, other: Any, *, rounding_mode: _str | None = None) -> _Tensor:
        """Quotient of two tensors, rounded down ("floor") or towards zero ("trunc") if asked."""
    def div_(self, other: Any, *, rounding_mode: _str | None = None) -> Self:
        """In-place form of `div`."""
    def divide(self, other: Any, *, rounding_mode: _str | None = None) -> _Tensor:
        """Quotient of two tensors, rounded down ("floor") or towards zero ("trunc") if asked."""
    def divide_(self, other: Any, *, rounding_mode: _str | None = None) -> Self:
        """In-place form of `div`."""
    def dot(self, tensor: _Tensor) -> _Tensor:
        """Inner product of two vectors."""
    def double(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as float64."""
    def dsplit(self, indices_or_sections: Any = None) -> tuple[_Tensor, ...]:
        """tensor_split along the dimension that `dstack` joins along."""
    def element_size(self) -> _int:
        """Bytes of one element."""
    def eq(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input == other."""
    def eq_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def equal(self, other: Any) -> _bool:
        """Whether two tensors have the same shape and the same elements."""
    def erf(self) -> _Tensor:
        """The error function."""
    def erf_(self) -> Self:
        """In-place form of `erf`."""
    def erfc(self) -> _Tensor:
        """1 - erf(x), relatively exact for large x."""
    def erfc_(self) -> Self:
        """In-place form of `erfc`."""
    def erfinv(self) -> _Tensor:
        """The inverse of erf."""
    def erfinv_(self) -> Self:
        """In-place form of `erfinv`."""
    def exp(self) -> _Tensor:
        """e to the power of each element."""
    def exp2(self) -> _Tensor:
        """2 to the power of each element."""
    def exp2_(self) -> Self:
        """In-place form of `exp2`."""
    def exp_(self) -> Self:
        """In-place form of `exp`."""
    @overload
    def expand(self, *size: _int | Sequence[_int], implicit: _bool = False) -> _Tensor:
        """A view with dimensions of size 1 repeated to `size`; -1 keeps a size."""
    @overload
    def expand(self, *, size: Sequence[_int]) -> _Tensor:
        """A view with dimensions of size 1 repeated to `size`; -1 keeps a size."""
    def expand_as(self, other: _Tensor) -> _Tensor:
        """`expand` to the shape of another tensor."""
    def expm1(self) -> _Tensor:
        """exp(x) - 1, exact near 0."""
    def expm1_(self) -> Self:
        """In-place form of `expm1`."""
    def exponential_(self, lambd: _float = 1.0, *, generator: Any = None) -> Self:
        """Fill with exponential numbers of rate lambd."""
    def fill_(self, value: Any) -> Self:
        """Set every element to `value`; no gradient flows to the former ones."""
    def fill_diagonal_(self, fill_value: _complex, wrap: _bool = False) -> Self:
        """Set the main diagonal in place; `wrap` starts it again below in a tall matrix."""
    def fix(self) -> _Tensor:
        """Each element without its fraction."""
    def fix_(self) -> Self:
        """In-place form of `trunc`."""
    def flatten(self, start_dim: _int = 0, end_dim: _int = -1) -> _Tensor:
        """Join a range of dimensions into one; a view where possible."""
    @overload
    def flip(self, *dims: _int | Sequence[_int]) -> _Tensor:
        """A copy with the order of the elements reversed along `dims`."""
    @overload
    def flip(self, *, dims: Sequence[_int]) -> _Tensor:
        """A copy with the order of the elements reversed along `dims`."""
    def fliplr(self) -> _Tensor:
        """The order along the second dimension reversed."""
    def flipud(self) -> _Tensor:
        """The order along the first dimension reversed."""
    def float(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as float32."""
    def float_power(self, exponent: Any) -> _Tensor:
        """Powers computed in float64 (complex128 if an operand is complex)."""
    def float_power_(self, exponent: Any) -> Self:
        """In-place form of `float_power`, for float64 and complex128 tensors."""
    def floor(self) -> _Tensor:
        """The largest integer not above each element."""
    def floor_(self) -> Self:
        """In-place form of `floor`."""
    def floor_divide(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Quotient rounded down."""
    def floor_divide_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `floor_divide`."""
    def fmax(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The larger of two elements that is no NaN."""
    def fmin(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The smaller of two elements that is no NaN."""
    def fmod(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Remainder of division with the dividend's sign."""
    def fmod_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `fmod`."""
    def frac(self) -> _Tensor:
        """The fraction of each element, with its sign."""
    def frac_(self) -> Self:
        """In-place form of `frac`."""
    def frexp(self) -> return_types.frexp:
        """Mantissa in [0.5, 1) and integer exponent of each element."""
    def gather(self, dim: _int, index: _Tensor, *, sparse_grad: _bool = False) -> _Tensor:
        """out[i][j] = input[index[i][j]][j] for dim 0, and so on; has the shape of `index`."""
    def gcd(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The greatest common divisor."""
    def gcd_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `gcd`."""
    def ge(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input >= other."""
    def ge_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def geometric_(self, p: _float, *, generator: Any = None) -> Self:
        """Fill with numbers of trials up to the first success of probability p."""
    def geqrf(self) -> return_types.geqrf:
        """The compact QR: R above the Householder vectors, and their factors tau."""
    def ger(self, vec2: _Tensor) -> _Tensor:
        """Outer product of two vectors."""
    def get_device(self) -> _int:
        """The GPU's number, -1 on the CPU."""
    @property
    def grad(self) -> _Tensor | None:
        """The accumulated gradient, or None."""
    @grad.setter
    def grad(self, value: _Tensor | None) -> None: ...
    @property
    def grad_fn(self) -> Any:
        """The node that computed this tensor, or None for a leaf."""
    def greater(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input > other."""
    def greater_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def greater_equal(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input >= other."""
    def greater_equal_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def gt(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input > other."""
    def gt_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def half(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as float16."""
    def hardshrink(self, lambd: _float = 0.5) -> _Tensor:
        """x outside of [-lambd, lambd], else 0."""
    def hash_tensor(
        self, dim: _int | Sequence[_int] | None = (), *, keepdim: _bool = False, mode: _int = 0
    ) -> _Tensor:
        """The exclusive or, in uint64, of the 64-bit patterns of the elements over dimensions."""
    def heaviside(self, values: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """0 below zero, 1 above, and `values` at zero."""
    def heaviside_(self, values: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `heaviside`."""
    def histc(self, bins: _int = 100, min: Any = 0, max: Any = 0) -> _Tensor:
        """Counts of equal bins from `min` to `max` (of the data where they are equal)."""
    def histogram(
        self, bins: Any = 100, *, range: Any = None, weight: Any = None, density: _bool = False
    ) -> return_types.histogram:
        """(hist, bin_edges) of all elements; `bins` is a count or a tensor of increasing edges."""
    def hsplit(self, indices_or_sections: Any = None) -> tuple[_Tensor, ...]:
        """tensor_split along the dimension that `hstack` joins along."""
    def hypot(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The length of the hypotenuse."""
    def hypot_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def i0(self) -> _Tensor:
        """The modified Bessel function of the first kind, order 0."""
    def i0_(self) -> Self:
        """In-place form of `i0`."""
    def igamma(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The regularized lower incomplete gamma function."""
    def igamma_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `igamma`."""
    def igammac(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The regularized upper incomplete gamma function."""
    def igammac_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `igammac`."""
    @property
    def imag(self) -> _Tensor:
        """A view of the imaginary part."""
    @imag.setter
    def imag(self, value: _Tensor) -> None: ...
    def index_add(self, dim: _int, index: _Tensor, source: _Tensor, *, alpha: Any = 1) -> _Tensor:
        """A copy with alpha * source added to the entries that `index` names."""
    def index_add_(self, dim: _int, index: _Tensor, source: _Tensor, *, alpha: Any = 1) -> Self:
        """In-place form of `index_add`."""
    def index_copy(self, dim: _int, index: _Tensor, source: _Tensor) -> _Tensor:
        """A copy with the entries that `index` names replaced by those of `source`."""
    def index_copy_(self, dim: _int, index: _Tensor, source: _Tensor) -> Self:
        """In-place form of `index_copy`."""
    def index_fill(self, dim: _int, index: _Tensor, value: Any) -> _Tensor:
        """A copy with the entries that `index` names filled with a number or 0-d tensor."""
    def index_fill_(self, dim: _int, index: _Tensor, value: Any) -> Self:
        """In-place form of `index_fill`."""
    def index_put(self, indices: Any, values: _Tensor, accumulate: _bool = False) -> _Tensor:
        """A copy with `values` written (or added) at the places that the index tensors name."""
    def index_put_(self, indices: Any, values: _Tensor, accumulate: _bool = False) -> Self:
        """Write (or add) `values` at the places that the index tensors name."""
    def index_reduce(
        self,
        dim: _int,
        index: _Tensor,
        source: _Tensor,
        reduce: _str,
        *,
        include_self: _bool = True,
    ) -> _Tensor:
        """A copy with `source` reduced into it ("prod", "mean", "amax", "amin") where `index` names."""
    def index_reduce_(
        self,
        dim: _int,
        index: _Tensor,
        source: _Tensor,
        reduce: _str,
        *,
        include_self: _bool = True,
    ) -> Self:
        """In-place form of `index_reduce`."""
    def index_select(self, dim: _int, index: _Tensor) -> _Tensor:
        """The entries of one dimension that a vector of places names."""
    def indices(self) -> _Tensor:
        """The (sparse_dim, nnz) matrix of places of a coalesced tensor, sharing memory."""
    def inner(self, other: _Tensor) -> _Tensor:
        """Sums of products over the last dimensions."""
    def int(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as int32."""
    def inverse(self) -> _Tensor:
        """The inverses of square matrices (..., n, n); LinAlgError where there is none."""
    def is_coalesced(self) -> _bool:
        """Whether there is one element a place, in the order of places."""
    def is_complex(self) -> _bool:
        """Whether the elements are complex."""
    def is_conj(self) -> _bool:
        """Whether the tensor's memory holds its conjugates."""
    def is_contiguous(self, memory_format: _memory_format = ...) -> _bool:
        """Whether the elements lie densely in row-major (or the given) order."""
    @property
    def is_cpu(self) -> _bool: ...
    @property
    def is_cuda(self) -> _bool: ...
    def is_distributed(self) -> _bool:
        """Whether the tensor is spread over processes; none is."""
    def is_floating_point(self) -> _bool:
        """Whether the elements are floating-point numbers."""
    def is_inference(self) -> _bool:
        """Whether the tensor was made in inference mode."""
    @property
    def is_ipu(self) -> _bool: ...
    @property
    def is_leaf(self) -> _bool:
        """True unless an op that is on the tape computed this tensor."""
    @property
    def is_maia(self) -> _bool: ...
    @property
    def is_meta(self) -> _bool: ...
    @property
    def is_mkldnn(self) -> _bool: ...
    @property
    def is_mps(self) -> _bool: ...
    @property
    def is_mtia(self) -> _bool: ...
    def is_neg(self) -> _bool:
        """Whether the tensor's memory holds its negatives."""
    @property
    def is_nested(self) -> _bool: ...
    def is_nonzero(self) -> _bool:
        """Whether the only element is not zero."""
    def is_pinned(self, device: _str | _int | _device | None = None) -> _bool:
        """Whether host memory is page-locked."""
    @property
    def is_quantized(self) -> _bool: ...
    def is_same_size(self, other: _Tensor) -> _bool:
        """Whether two tensors have the same shape."""
    def is_set_to(self, tensor: _Tensor) -> _bool:
        """Whether both look at the same memory in the same way."""
    def is_shared(self) -> _bool:
        """Whether the memory is shared with other processes."""
    def is_signed(self) -> _bool:
        """Whether the dtype has negative values."""
    @property
    def is_sparse(self) -> _bool: ...
    @property
    def is_sparse_csr(self) -> _bool: ...
    @property
    def is_vulkan(self) -> _bool: ...
    @property
    def is_xla(self) -> _bool: ...
    @property
    def is_xpu(self) -> _bool: ...
    def isclose(
        self, other: _Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> _Tensor:
        """Whether |input - other| <= atol + rtol |other|, for each element."""
    def isfinite(self) -> _Tensor:
        """Whether each element is neither infinite nor NaN."""
    def isinf(self) -> _Tensor:
        """Whether each element is infinite."""
    def isnan(self) -> _Tensor:
        """Whether each element is NaN."""
    def isneginf(self) -> _Tensor:
        """Whether each element is -inf."""
    def isposinf(self) -> _Tensor:
        """Whether each element is +inf."""
    def isreal(self) -> _Tensor:
        """Whether the imaginary part of each element is 0."""
    def istft(
        self,
        n_fft: _int,
        hop_length: _int | None = None,
        win_length: _int | None = None,
        window: Any = None,
        center: _bool = True,
        normalized: _bool = False,
        onesided: _bool | None = None,
        length: _int | None = None,
        return_complex: _bool = False,
    ) -> _Tensor:
        """The signal whose short-time transform is nearest to `input`, by least squares."""
    def item(self) -> _bool | _int | _float:
        """The value of a one-element tensor as a Python number."""
    @property
    def itemsize(self) -> _int: ...
    def kron(self, other: _Tensor) -> _Tensor:
        """The Kronecker product; the smaller rank is filled with ones in front."""
    def kthvalue(self, k: _int, dim: _int = -1, keepdim: _bool = False) -> return_types.kthvalue:
        """The k-th smallest value along a dimension (k from 1), and its index."""
    @property
    def layout(self) -> _layout: ...
    def lcm(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The least common multiple."""
    def lcm_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `lcm`."""
    def ldexp(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """input times 2^other."""
    def ldexp_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `ldexp`."""
    def le(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input <= other."""
    def le_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def lerp(self, end: _Tensor, weight: Any) -> _Tensor:
        """input + weight (end - input)."""
    def lerp_(self, end: _Tensor, weight: Any) -> Self:
        """In-place form of `lerp`."""
    def less(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input < other."""
    def less_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def less_equal(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input <= other."""
    def less_equal_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def lgamma(self) -> _Tensor:
        """The logarithm of |gamma(x)|."""
    def lgamma_(self) -> Self:
        """In-place form of `lgamma`."""
    def log(self) -> _Tensor:
        """The natural logarithm."""
    def log10(self) -> _Tensor:
        """The logarithm to base 10."""
    def log10_(self) -> Self:
        """In-place form of `log10`."""
    def log1p(self) -> _Tensor:
        """log(1 + x), exact near 0."""
    def log1p_(self) -> Self:
        """In-place form of `log1p`."""
    def log2(self) -> _Tensor:
        """The logarithm to base 2."""
    def log2_(self) -> Self:
        """In-place form of `log2`."""
    def log_(self) -> Self:
        """In-place form of `log`."""
    def log_normal_(self, mean: _float = 1.0, std: _float = 2.0, *, generator: Any = None) -> Self:
        """Fill with exponentials of normal numbers."""
    def log_softmax(self, dim: _int, dtype: _dtype | None = None) -> _Tensor:
        """The logarithm of softmax along a dimension, computed as one."""
    def logaddexp(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """log(exp(x) + exp(y)) without overflow."""
    def logaddexp2(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """log2(2^x + 2^y) without overflow."""
    def logcumsumexp(self, dim: _int) -> _Tensor:
        """log(cumsum(exp(x))) along a dimension, without overflow."""
    def logdet(self) -> _Tensor:
        """Natural logarithms of determinants; NaN where a real one is negative."""
    def logical_and(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Logical and of the truth values of two tensors."""
    def logical_and_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def logical_not(self) -> _Tensor:
        """Whether each element is zero."""
    def logical_not_(self) -> Self:
        """In-place form of `logical_not`."""
    def logical_or(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Logical or of the truth values of two tensors."""
    def logical_or_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def logical_xor(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Logical xor of the truth values of two tensors."""
    def logical_xor_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def logit(self, eps: _float | None = None) -> _Tensor:
        """log(x / (1 - x)), with x clamped to [eps, 1 - eps] if `eps` is given."""
    def logit_(self, eps: _float | None = None) -> Self:
        """In-place form of `logit`."""
    def logsumexp(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False) -> _Tensor:
        """log(sum(exp(x))) over dimensions, without overflow."""
    def long(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as int64."""
    def lt(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input < other."""
    def lt_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def lu(
        self, pivot: _bool = True, get_infos: _bool = False, out: Sequence[_Tensor] | None = None
    ) -> Any:
        """L and U in one array and the row exchanges (and info)."""
    def lu_solve(self, LU_data: _Tensor, LU_pivots: _Tensor) -> _Tensor:
        """The solution of A X = input from A's LU factors."""
    @property
    def mH(self) -> _Tensor:
        """The conjugate transpose of the last two dimensions."""
    @property
    def mT(self) -> _Tensor:
        """The transpose of the last two dimensions."""
    def map2_(self, x: _Tensor, y: _Tensor, callable: Callable[[Any, Any, Any], Any]) -> Self:
        """Replace each element by a Python function of it and those of two other tensors."""
    def map_(self, tensor: _Tensor, callable: Callable[[Any, Any], Any]) -> Self:
        """Replace each element by a Python function of it and another tensor's, which broadcasts."""
    def masked_fill(self, mask: _Tensor, value: Any) -> _Tensor:
        """A copy with `value` (a number or 0-d tensor) where the bool `mask`, broadcast, is true."""
    def masked_fill_(self, mask: _Tensor, value: Any) -> Self:
        """In-place form of `masked_fill`."""
    def masked_scatter(self, mask: _Tensor, source: _Tensor) -> _Tensor:
        """A copy with the elements of `source`, in order, where `mask` is true."""
    def masked_scatter_(self, mask: _Tensor, source: _Tensor) -> Self:
        """In-place form of `masked_scatter`."""
    def masked_select(self, mask: _Tensor) -> _Tensor:
        """The elements where `mask` is true (both broadcast), as a 1-d copy."""
    def matmul(self, other: _Tensor) -> _Tensor:
        """Matrix product; 1-d operands are vectors, leading dimensions broadcast."""
    def matrix_exp(self) -> _Tensor:
        """The exponentials of square matrices."""
    def matrix_power(self, n: _int) -> _Tensor:
        """The n-th powers of square matrices by repeated squaring; negative n invert first."""
    @overload
    def max(self) -> _Tensor:
        """Maximum: of all; (values, indices) along `dim`; or elementwise with another tensor."""
    @overload
    def max(self, other: _Tensor) -> _Tensor:
        """Maximum: of all; (values, indices) along `dim`; or elementwise with another tensor."""
    @overload
    def max(self, dim: _int, keepdim: _bool = False) -> return_types.max:
        """Maximum: of all; (values, indices) along `dim`; or elementwise with another tensor."""
    def maximum(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The larger of two elements; NaN if either is."""
    def mean(
        self,
        dim: _int | Sequence[_int] | None = None,
        keepdim: _bool = False,
        *,
        dtype: _dtype | None = None,
    ) -> _Tensor:
        """Mean over dimensions; floating point and complex only."""
    @overload
    def median(self) -> _Tensor:
        """The lower median of all, or (values, indices) along a dimension."""
    @overload
    def median(self, dim: _int, keepdim: _bool = False) -> return_types.median:
        """The lower median of all, or (values, indices) along a dimension."""
    @overload
    def min(self) -> _Tensor:
        """Minimum: of all; (values, indices) along `dim`; or elementwise with another tensor."""
    @overload
    def min(self, other: _Tensor) -> _Tensor:
        """Minimum: of all; (values, indices) along `dim`; or elementwise with another tensor."""
    @overload
    def min(self, dim: _int, keepdim: _bool = False) -> return_types.min:
        """Minimum: of all; (values, indices) along `dim`; or elementwise with another tensor."""
    def minimum(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The smaller of two elements; NaN if either is."""
    def mm(self, mat2: _Tensor) -> _Tensor:
        """Product of two matrices."""
    def mode(self, dim: _int = -1, keepdim: _bool = False) -> return_types.mode:
        """The smallest most frequent value along a dimension, and its last index."""
    def moveaxis(self, source: Any, destination: Any) -> _Tensor:
        """A view with some dimensions moved, the others keeping their order."""
    def movedim(self, source: Any, destination: Any) -> _Tensor:
        """A view with some dimensions moved, the others keeping their order."""
    def msort(self) -> _Tensor:
        """The tensor in order along its first dimension."""
    def mul(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Product of two tensors."""
    def mul_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def multinomial(
        self, num_samples: _int, replacement: _bool = False, *, generator: Any = None
    ) -> _Tensor:
        """Indices drawn with the weights in (each row of) `input`."""
    def multiply(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Product of two tensors."""
    def multiply_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def mv(self, vec: _Tensor) -> _Tensor:
        """Product of a matrix and a vector."""
    def mvlgamma(self, p: _int) -> _Tensor:
        """The logarithm of the multivariate gamma function of dimension `p`."""
    def mvlgamma_(self, p: _int) -> Self:
        """In-place form of `mvlgamma`."""
    def nan_to_num(self, nan: Any = None, posinf: Any = None, neginf: Any = None) -> _Tensor:
        """NaN and infinities replaced; by default by 0 and the type's extreme numbers."""
    def nan_to_num_(self, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Self:
        """In-place form of `nan_to_num`."""
    def nanmean(
        self,
        dim: _int | Sequence[_int] | None = None,
        keepdim: _bool = False,
        *,
        dtype: _dtype | None = None,
    ) -> _Tensor:
        """Mean over dimensions of what is not NaN."""
    @overload
    def nanmedian(self) -> _Tensor:
        """The lower median of all, or (values, indices) along a dimension."""
    @overload
    def nanmedian(self, dim: _int, keepdim: _bool = False) -> return_types.nanmedian:
        """The lower median of all, or (values, indices) along a dimension."""
    def nanquantile(
        self, q: Any, dim: Any = None, keepdim: _bool = False, *, interpolation: _str = "linear"
    ) -> _Tensor:
        """The q-quantiles of what is not NaN."""
    def nansum(
        self,
        dim: _int | Sequence[_int] | None = None,
        keepdim: _bool = False,
        *,
        dtype: _dtype | None = None,
    ) -> _Tensor:
        """Sum over dimensions with NaN counted as zero."""
    def narrow(self, dim: _int, start: Any, length: _int) -> _Tensor:
        """A view of `length` entries of one dimension, from `start` (an int or 0-d tensor) on."""
    def narrow_copy(self, dim: _int, start: Any, length: _int) -> _Tensor:
        """A copy of what `narrow` would show."""
    @property
    def nbytes(self) -> _int: ...
    def ndimension(self) -> _int:
        """The number of dimensions."""
    def ne(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input != other."""
    def ne_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def neg(self) -> _Tensor:
        """The tensor with its sign changed."""
    def neg_(self) -> Self:
        """In-place form of `neg`."""
    def negative(self) -> _Tensor:
        """The tensor with its sign changed."""
    def negative_(self) -> Self:
        """In-place form of `neg`."""
    def nelement(self) -> _int:
        """The number of elements."""
    def new(self, *args: Any, device: _str | _int | _device | None = None) -> _Tensor:
        """A tensor of this dtype and device from sizes or a sequence (deprecated)."""
    def new_empty(
        self,
        *args: _int | Sequence[_int],
        size: Any = None,
        dtype: _dtype | None = None,
        layout: _layout | None = None,
        device: _str | _int | _device | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> _Tensor:
        """Zeroed memory of the given sizes, of this dtype and device."""
    def new_empty_strided(
        self,
        size: Any,
        stride: _int | Sequence[_int] | None,
        dtype: _dtype | None = None,
        layout: _layout | None = None,
        device: _str | _int | _device | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> _Tensor:
        """Zeroed memory under explicit strides, of this dtype and device."""
    def new_full(
        self,
        size: Any,
        fill_value: _complex,
        *,
        dtype: _dtype | None = None,
        layout: _layout | None = None,
        device: _str | _int | _device | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> _Tensor:
        """One number in the given sizes, of this dtype and device."""
    def new_ones(
        self,
        *args: _int | Sequence[_int],
        size: Any = None,
        dtype: _dtype | None = None,
        layout: _layout | None = None,
        device: _str | _int | _device | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> _Tensor:
        """Ones of the given sizes, of this dtype and device."""
    def new_tensor(
        self,
        data: Any,
        *,
        dtype: _dtype | None = None,
        device: _str | _int | _device | None = None,
        requires_grad: _bool = False,
        layout: _layout | None = None,
        pin_memory: _bool = False,
    ) -> _Tensor:
        """A copy of `data`, of this tensor's dtype and device unless others are given."""
    def new_zeros(
        self,
        *args: _int | Sequence[_int],
        size: Any = None,
        dtype: _dtype | None = None,
        layout: _layout | None = None,
        device: _str | _int | _device | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> _Tensor:
        """Zeros of the given sizes, of this dtype and device."""
    def nextafter(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """The next number after input in the direction of other."""
    def nextafter_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    @overload
    def nonzero(self, *, as_tuple: Literal[False] = False) -> _Tensor:
        """The places of the nonzero elements: rows of an (n, ndim) tensor, or a tuple of columns."""
    @overload
    def nonzero(self, *, as_tuple: Literal[True]) -> tuple[_Tensor, ...]:
        """The places of the nonzero elements: rows of an (n, ndim) tensor, or a tuple of columns."""
    def nonzero_static(self, *, size: _int, fill_value: _int = -1) -> _Tensor:
        """`nonzero` cut or filled with `fill_value` to `size` rows."""
    def norm(
        self,
        p: Any = "fro",
        dim: _int | Sequence[_int] | None = None,
        keepdim: _bool = False,
        dtype: _dtype | None = None,
    ) -> _Tensor:
        """Vector norm over all or some dimensions; "nuc" is the nuclear norm of matrices."""
    def normal_(self, mean: _float = 0.0, std: _float = 1.0, *, generator: Any = None) -> Self:
        """Fill with normal numbers."""
    def not_equal(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Whether input != other."""
    def not_equal_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def numel(self) -> _int:
        """The number of elements."""
    def numpy(self, *, force: _bool = False) -> _ndarray[Any, Any]:
        """The memory as a NumPy array, shared on the CPU; `force` copies whatever stands in the way."""
    def orgqr(self, tau: _Tensor) -> _Tensor:
        """The first n columns of the product of Householder reflections (..., m, n)."""
    def ormqr(
        self, tau: _Tensor, other: _Tensor, left: _bool = True, transpose: _bool = False
    ) -> _Tensor:
        """The product of the full Q of Householder reflections (or its adjoint) with `other`."""
    def outer(self, vec2: _Tensor) -> _Tensor:
        """Outer product of two vectors."""
    @property
    def output_nr(self) -> _int:
        """Which output of its node this tensor is."""
    @overload
    def permute(self, *dims: _int | Sequence[_int]) -> _Tensor:
        """A view with the dimensions in another order."""
    @overload
    def permute(self, *, dims: Sequence[_int]) -> _Tensor:
        """A view with the dimensions in another order."""
    def pin_memory(self, device: _str | _int | _device | None = None) -> _Tensor:
        """A copy in page-locked host memory, for quick transfers to a GPU."""
    def pinverse(self, rcond: _float = 1e-15) -> _Tensor:
        """The Moore-Penrose pseudo-inverses; `rcond` is the relative cutoff."""
    def polygamma(self, input: _Tensor) -> _Tensor:
        """The n-th derivative of digamma."""
    def polygamma_(self, input: _Tensor) -> Self:
        """In-place form of `polygamma`."""
    def positive(self) -> _Tensor:
        """The tensor itself."""
    def pow(self, exponent: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Each element to the power of `exponent`."""
    def pow_(self, exponent: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `pow`."""
    def prelu(self, weight: _Tensor) -> _Tensor:
        """x where it is positive, else weight x; one weight, or one a channel (dimension 1)."""
    def prod(
        self,
        dim: _int | Sequence[_int] | None = None,
        keepdim: _bool = False,
        *,
        dtype: _dtype | None = None,
    ) -> _Tensor:
        """Product over one dimension, or over all; integers and bools multiply to int64."""
    @property
    def provenance(self) -> Any:
        """Which ops and lines made this gradient (a Provenance), or None for other tensors."""
    def put(self, index: _Tensor, source: _Tensor, accumulate: _bool = False) -> _Tensor:
        """A copy with `source` written (or added) at places of the flattened tensor."""
    def put_(self, index: _Tensor, source: _Tensor, accumulate: _bool = False) -> Self:
        """In-place form of `put`."""
    def qr(self, some: _bool = True) -> return_types.qr:
        """Q with orthonormal columns and upper triangular R."""
    def quantile(
        self, q: Any, dim: Any = None, keepdim: _bool = False, *, interpolation: _str = "linear"
    ) -> _Tensor:
        """The q-quantiles of all elements or along a dimension; several q give a first dimension."""
    def rad2deg(self) -> _Tensor:
        """Radians as degrees."""
    def rad2deg_(self) -> Self:
        """In-place form of `rad2deg`."""
    def random_(self, *args: Any, generator: Any = None, **kwargs: Any) -> Self:
        """Fill with integers: of [0, to), of [from, to), or over the dtype's whole range."""
    def ravel(self) -> _Tensor:
        """All elements in one dimension; a view where possible."""
    @property
    def real(self) -> _Tensor:
        """A view of the real part; the tensor itself if it is real."""
    @real.setter
    def real(self, value: _Tensor) -> None: ...
    def reciprocal(self) -> _Tensor:
        """One over each element."""
    def reciprocal_(self) -> Self:
        """In-place form of `reciprocal`."""
    def register_hook(self, hook: Any) -> _RemovableHandle:
        """Call `hook(grad)` when this tensor's gradient is computed; it may return another one."""
    def register_post_accumulate_grad_hook(self, hook: Any) -> _RemovableHandle:
        """Call `hook(tensor)` after this leaf's `.grad` was updated."""
    def relu(self) -> _Tensor:
        """Each element, or 0 where that is larger."""
    def relu_(self) -> Self:
        """In-place form of `relu`."""
    def remainder(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Remainder of division with the divisor's sign."""
    def remainder_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `remainder`."""
    def renorm(self, p: Any, dim: _int, maxnorm: Any) -> _Tensor:
        """Scale down each slice along `dim` whose p-norm exceeds `maxnorm` to that norm."""
    def renorm_(self, p: Any, dim: _int, maxnorm: Any) -> Self:
        """In-place form of `renorm`."""
    @overload
    def repeat(self, *repeats: Any) -> _Tensor:
        """Copies of the tensor side by side, `repeats` times along each dimension."""
    @overload
    def repeat(self, *, repeats: Sequence[_int]) -> _Tensor:
        """Copies of the tensor side by side, `repeats` times along each dimension."""
    def repeat_interleave(
        self, repeats: Any = None, dim: _int | None = None, *, output_size: _int | None = None
    ) -> _Tensor:
        """Each entry of a dimension (None: of the flattened tensor) repeated, `repeats` times."""
    @property
    def requires_grad(self) -> _bool:
        """Whether gradients flow to this tensor."""
    @requires_grad.setter
    def requires_grad(self, value: _bool) -> None: ...
    def requires_grad_(self, requires_grad: _bool = True) -> Self:
        """Set `requires_grad` in place; returns the tensor."""
    @overload
    def reshape(self, *shape: _int | Sequence[_int]) -> _Tensor:
        """The same elements in another shape; a view where possible."""
    @overload
    def reshape(self, *, shape: Sequence[_int]) -> _Tensor:
        """The same elements in another shape; a view where possible."""
    def reshape_as(self, other: _Tensor) -> _Tensor:
        """`reshape` with the shape of another tensor."""
    @overload
    def resize_(self, *size: Any, memory_format: _memory_format | None = None) -> Self:
        """Change the sizes, over the same storage where it suffices; new elements are zero."""
    @overload
    def resize_(self, *, size: Sequence[_int]) -> Self:
        """Change the sizes, over the same storage where it suffices; new elements are zero."""
    def resize_as_(
        self, the_template: _Tensor, *, memory_format: _memory_format | None = None
    ) -> Self:
        """`resize_` to the sizes of another tensor."""
    def resolve_conj(self) -> _Tensor:
        """The tensor, or a copy of it where its memory holds its conjugates."""
    def resolve_neg(self) -> _Tensor:
        """The tensor, or a copy of it where its memory holds its negatives."""
    def retain_grad(self) -> None:
        """Let `.grad` be populated on this non-leaf tensor."""
    @property
    def retains_grad(self) -> _bool:
        """Whether this non-leaf tensor keeps its gradient."""
    def roll(self, shifts: Any, dims: Any = ()) -> _Tensor:
        """The elements moved cyclically along dimensions (none named: along the flattened tensor)."""
    def rot90(self, k: _int = 1, dims: Any = (0, 1)) -> _Tensor:
        """The tensor turned by k * 90 degrees in the plane of two dimensions."""
    def round(self, *, decimals: _int = 0) -> _Tensor:
        """Each element rounded to `decimals` digits, halves to the even neighbour."""
    def round_(self, *, decimals: _int = 0) -> Self:
        """In-place form of `round`."""
    def row_indices(self) -> _Tensor:
        """The plain indices of a tensor of compressed columns, sharing memory."""
    def rsqrt(self) -> _Tensor:
        """One over the square root."""
    def rsqrt_(self) -> Self:
        """In-place form of `rsqrt`."""
    def rsub(self, other: Any, *, alpha: Any = 1) -> _Tensor:
        """`other` minus `alpha` times the tensor."""
    def scatter(
        self,
        dim: _int,
        index: _Tensor,
        src: Any = None,
        *,
        value: Any = None,
        reduce: _str | None = None,
    ) -> _Tensor:
        """A copy with out[index[i][j]][j] = src[i][j] for dim 0, and so on; src may be a number."""
    def scatter_(
        self,
        dim: _int,
        index: _Tensor,
        src: Any = None,
        *,
        value: Any = None,
        reduce: _str | None = None,
    ) -> Self:
        """In-place form of `scatter`."""
    def scatter_add(self, dim: _int, index: _Tensor, src: _Tensor) -> _Tensor:
        """A copy with src[i][j] added at [index[i][j]][j] for dim 0, and so on."""
    def scatter_add_(self, dim: _int, index: _Tensor, src: _Tensor) -> Self:
        """In-place form of `scatter_add`."""
    def scatter_reduce(
        self, dim: _int, index: _Tensor, src: _Tensor, reduce: _str, *, include_self: _bool = True
    ) -> _Tensor:
        """A copy with src reduced into it by "sum", "prod", "mean", "amax" or "amin"."""
    def scatter_reduce_(
        self, dim: _int, index: _Tensor, src: _Tensor, reduce: _str, *, include_self: _bool = True
    ) -> Self:
        """In-place form of `scatter_reduce`."""
    def select(self, dim: _int, index: _int) -> _Tensor:
        """A view of one entry of a dimension, which it removes."""
    def select_scatter(self, src: _Tensor, dim: _int, index: _int) -> _Tensor:
        """A copy with one entry of a dimension replaced by `src`."""
    def set_(
        self,
        source: Any = None,
        storage_offset: _int = 0,
        size: Any = None,
        stride: _int | Sequence[_int] | None = None,
    ) -> Self:
        """Let the tensor be another one, or show a storage: from then on it shares that memory."""
    def sgn(self) -> _Tensor:
        """The sign; of a complex number, the one of magnitude 1 in its direction."""
    def sgn_(self) -> Self:
        """In-place form of `sgn`."""
    def short(self, *, memory_format: _memory_format | None = None) -> _Tensor:
        """The tensor as int16."""
    def sigmoid(self) -> _Tensor:
        """1 / (1 + exp(-x))."""
    def sigmoid_(self) -> Self:
        """In-place form of `sigmoid`."""
    def sign(self) -> _Tensor:
        """-1, 0 or 1 with the sign of each element."""
    def sign_(self) -> Self:
        """In-place form of `sign`."""
    def signbit(self) -> _Tensor:
        """Whether the sign bit is set; true of -0."""
    def sin(self) -> _Tensor:
        """The sine."""
    def sin_(self) -> Self:
        """In-place form of `sin`."""
    def sinc(self) -> _Tensor:
        """sin(pi x)/(pi x), 1 at 0."""
    def sinc_(self) -> Self:
        """In-place form of `sinc`."""
    def sinh(self) -> _Tensor:
        """The hyperbolic sine."""
    def sinh_(self) -> Self:
        """In-place form of `sinh`."""
    @overload
    def size(self, dim: None = None) -> _Size:
        """The sizes, or one of them."""
    @overload
    def size(self, dim: _int) -> _int:
        """The sizes, or one of them."""
    def slice_scatter(
        self, src: _Tensor, dim: _int = 0, start: Any = None, end: Any = None, step: _int = 1
    ) -> _Tensor:
        """A copy with start:end:step of a dimension replaced by `src`."""
    def slogdet(self) -> return_types.slogdet:
        """Sign (or phase) and natural logarithm of the magnitude of determinants."""
    def smm(self, mat2: _Tensor) -> _Tensor:
        """The product of a sparse and a strided matrix, all of its elements stored, in coordinates."""
    def softmax(self, dim: _int, dtype: _dtype | None = None) -> _Tensor:
        """exp(x) divided by its sum along a dimension."""
    def sort(
        self, dim: _int = -1, descending: _bool = False, *, stable: _bool = False
    ) -> return_types.sort:
        """(values, indices) in order along a dimension; if `stable`, equal values keep theirs."""
    def sparse_dim(self) -> _int:
        """The number of dimensions that are stored sparsely: none of a strided tensor."""
    def sparse_mask(self, mask: _Tensor) -> _Tensor:
        """The elements at the places that `mask`, a sparse tensor, stores; in its layout."""
    def sparse_resize_(self, size: Any, sparse_dim: _int, dense_dim: _int) -> Self:
        """Give the tensor another size in place; one that stores elements may only grow."""
    def sparse_resize_and_clear_(self, size: Any, sparse_dim: _int, dense_dim: _int) -> Self:
        """Give the tensor another size in place, and forget its elements."""
    def split(self, split_size_or_sections: Any = None, dim: _int = 0) -> tuple[_Tensor, ...]:
        """A tuple of views of `split_size` entries each (the last may be smaller) or of given sizes."""
    def split_with_sizes(self, split_sizes: Any, dim: _int = 0) -> tuple[_Tensor, ...]:
        """A tuple of views of the given lengths, which must add up to the dimension."""
    def sqrt(self) -> _Tensor:
        """The square root."""
    def sqrt_(self) -> Self:
        """In-place form of `sqrt`."""
    def square(self) -> _Tensor:
        """The square of each element."""
    def square_(self) -> Self:
        """In-place form of `square`."""
    def squeeze(self, dim: _int | Sequence[_int] | None = None) -> _Tensor:
        """A view without the dimensions of size one (all, or those among `dim`)."""
    def squeeze_(self, *args: Any, **kwargs: Any) -> Self:
        """In-place form of `squeeze`: changes how the tensor looks at its memory."""
    def std(
        self,
        dim: _int | Sequence[_int] | None = None,
        unbiased: Any = None,
        keepdim: _bool = False,
        *,
        correction: Any = None,
    ) -> _Tensor:
        """Standard deviation over dimensions, real."""
    def stft(
        self,
        n_fft: _int,
        hop_length: _int | None = None,
        win_length: _int | None = None,
        window: Any = None,
        center: _bool = True,
        pad_mode: _str = "reflect",
        normalized: _bool = False,
        onesided: _bool | None = None,
        return_complex: _bool | None = None,
        align_to_window: _bool | None = None,
    ) -> _Tensor:
        """Fourier transforms of overlapping windows: (..., frequencies, frames)."""
    def storage(self) -> Any:
        """The elements that this tensor and its views look into."""
    def storage_offset(self) -> _int:
        """How many elements into its memory the tensor begins."""
    @overload
    def stride(self, dim: None = None) -> tuple[_int, ...]:
        """The strides in elements, or one of them."""
    @overload
    def stride(self, dim: _int) -> _int:
        """The strides in elements, or one of them."""
    def sub(
        self, other: _Tensor | _complex | _number[Any] | _bool_, *, alpha: _complex = 1
    ) -> _Tensor:
        """Difference of two tensors, the second one scaled by `alpha`."""
    def sub_(
        self, other: _Tensor | _complex | _number[Any] | _bool_, *, alpha: _complex = 1
    ) -> Self: ...
    def subtract(
        self, other: _Tensor | _complex | _number[Any] | _bool_, *, alpha: _complex = 1
    ) -> _Tensor:
        """Difference of two tensors, the second one scaled by `alpha`."""
    def subtract_(
        self, other: _Tensor | _complex | _number[Any] | _bool_, *, alpha: _complex = 1
    ) -> Self: ...
    def sum(
        self,
        dim: _int | Sequence[_int] | None = None,
        keepdim: _bool = False,
        *,
        dtype: _dtype | None = None,
    ) -> _Tensor:
        """Sum over dimensions; integers and bools sum to int64."""
    def sum_to_size(self, *sizes_: Any, size: Any = None) -> _Tensor:
        """The sum over the dimensions that broadcasting `size` to this shape would repeat."""
    def svd(self, some: _bool = True, compute_uv: _bool = True) -> return_types.svd:
        """U, S (descending) and V with input = U diag(S) Vᴴ; zeros for U, V without `compute_uv`."""
    def swapaxes(self, axis0: _int, axis1: _int) -> _Tensor:
        """`transpose` by its NumPy name."""
    def swapaxes_(self, *args: Any, **kwargs: Any) -> Self:
        """In-place form of `swapaxes`: changes how the tensor looks at its memory."""
    def swapdims(self, dim0: _int, dim1: _int) -> _Tensor:
        """`transpose` by another name."""
    def swapdims_(self, *args: Any, **kwargs: Any) -> Self:
        """In-place form of `swapdims`: changes how the tensor looks at its memory."""
    def t(self) -> _Tensor:
        """The transpose of a matrix; tensors of up to 1-d unchanged."""
    def t_(self, *args: Any, **kwargs: Any) -> Self:
        """In-place form of `t`: changes how the tensor looks at its memory."""
    def take(self, index: _Tensor) -> _Tensor:
        """Elements of the flattened tensor; has the shape of `index`."""
    def take_along_dim(self, indices: _Tensor, dim: _int | Sequence[_int] | None = None) -> _Tensor:
        """gather with `input` and `indices` broadcast against each other; dim None flattens both."""
    def tan(self) -> _Tensor:
        """The tangent."""
    def tan_(self) -> Self:
        """In-place form of `tan`."""
    def tanh(self) -> _Tensor:
        """The hyperbolic tangent."""
    def tanh_(self) -> Self:
        """In-place form of `tanh`."""
    def tensor_split(self, indices_or_sections: Any, dim: _int = 0) -> tuple[_Tensor, ...]:
        """A tuple of views: so many nearly equal parts, or parts that end at the given places."""
    @overload
    def tile(self, *dims: Any) -> _Tensor:
        """Copies of the tensor side by side, `dims` times along each dimension."""
    @overload
    def tile(self, *, dims: Sequence[_int]) -> _Tensor:
        """Copies of the tensor side by side, `dims` times along each dimension."""
    def to(self, *args: Any, **kwargs: Any) -> _Tensor:
        """The tensor with another dtype, device or memory format; itself if it has all already."""
    def to_dense(self, dtype: _dtype | None = None, *, masked_grad: _bool | None = None) -> _Tensor:
        """The strided tensor of the same elements; one that is strided already is returned as it is."""
    def to_sparse(
        self,
        sparse_dim: Any = None,
        *,
        layout: _layout | None = None,
        blocksize: Any = None,
        dense_dim: Any = None,
    ) -> _Tensor:
        """The tensor in a sparse layout (by default coordinates); zeros are not stored."""
    def to_sparse_bsc(self, blocksize: Any, dense_dim: Any = None) -> _Tensor:
        """The tensor in compressed columns of blocks."""
    def to_sparse_bsr(self, blocksize: Any, dense_dim: Any = None) -> _Tensor:
        """The tensor in compressed rows of blocks."""
    def to_sparse_coo(self) -> _Tensor:
        """The tensor in coordinates."""
    def to_sparse_csc(self, dense_dim: Any = None) -> _Tensor:
        """The tensor in compressed columns."""
    def to_sparse_csr(self, dense_dim: Any = None) -> _Tensor:
        """The tensor in compressed rows."""
    def tolist(self) -> Any:
        """The values as nested lists (one Python number for a 0-dimensional tensor)."""
    def topk(
        self, k: _int, dim: _int = -1, largest: _bool = True, sorted: _bool = True
    ) -> return_types.topk:
        """(values, indices) of the k largest (or smallest) entries of a dimension, best first."""
    def trace(self) -> _Tensor:
        """The sum of the diagonal of a matrix."""
    def transpose(self, dim0: _int, dim1: _int) -> _Tensor:
        """A view with two dimensions swapped."""
    def transpose_(self, *args: Any, **kwargs: Any) -> Self:
        """In-place form of `transpose`: changes how the tensor looks at its memory."""
    def triangular_solve(
        self,
        A: _Tensor,
        upper: _bool = True,
        transpose: _bool = False,
        unitriangular: _bool = False,
    ) -> return_types.triangular_solve:
        """The solution of A X = input for triangular A, and A."""
    def tril(self, diagonal: _int = 0) -> _Tensor:
        """The lower triangle of each matrix, zero elsewhere."""
    def tril_(self, diagonal: _int = 0) -> Self:
        """In-place form of `tril`."""
    def triu(self, diagonal: _int = 0) -> _Tensor:
        """The upper triangle of each matrix, zero elsewhere."""
    def triu_(self, diagonal: _int = 0) -> Self:
        """In-place form of `triu`."""
    def true_divide(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """Quotient of two tensors; of integers, a float."""
    def true_divide_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self: ...
    def trunc(self) -> _Tensor:
        """Each element without its fraction."""
    def trunc_(self) -> Self:
        """In-place form of `trunc`."""
    @overload
    def type(self, dtype: None = None, non_blocking: _bool = False) -> _str:
        """The type's name; or, given a dtype or a type's name, the tensor so cast."""
    @overload
    def type(self, dtype: Any, non_blocking: _bool = False) -> _Tensor:
        """The type's name; or, given a dtype or a type's name, the tensor so cast."""
    def type_as(self, other: Any) -> _Tensor:
        """The tensor in another's dtype and device."""
    def unbind(self, dim: _int = 0) -> tuple[_Tensor, ...]:
        """A tuple of views of all the entries along a dimension."""
    def unflatten(self, dim: _int, sizes: Any) -> _Tensor:
        """Split one dimension into several; one of the sizes may be -1."""
    def unfold(self, dimension: _int, size: _int, step: _int) -> _Tensor:
        """A view of windows of `size` every `step` along a dimension; the window is the last one."""
    def uniform_(
        self, from_: Any = None, /, to: Any = 1.0, *, generator: Any = None, **kwargs: Any
    ) -> Self:
        """Fill with uniform numbers of [from, to)."""
    @overload
    def unique(
        self,
        sorted: _bool = True,
        return_inverse: Literal[False] = False,
        return_counts: Literal[False] = False,
        dim: _int | None = None,
    ) -> _Tensor:
        """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""
    @overload
    def unique(
        self,
        sorted: _bool = True,
        *,
        return_inverse: Literal[True],
        return_counts: Literal[False] = False,
        dim: _int | None = None,
    ) -> tuple[_Tensor, _Tensor]:
        """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""
    @overload
    def unique(
        self,
        sorted: _bool = True,
        *,
        return_inverse: Literal[False] = False,
        return_counts: Literal[True],
        dim: _int | None = None,
    ) -> tuple[_Tensor, _Tensor]:
        """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""
    @overload
    def unique(
        self,
        sorted: _bool = True,
        *,
        return_inverse: Literal[True],
        return_counts: Literal[True],
        dim: _int | None = None,
    ) -> tuple[_Tensor, _Tensor, _Tensor]:
        """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""
    @overload
    def unique_consecutive(
        self,
        return_inverse: Literal[False] = False,
        return_counts: Literal[False] = False,
        dim: _int | None = None,
    ) -> _Tensor:
        """The first of every run of equal values (or slices along `dim`), with inverse and counts."""
    @overload
    def unique_consecutive(
        self,
        *,
        return_inverse: Literal[True],
        return_counts: Literal[False] = False,
        dim: _int | None = None,
    ) -> tuple[_Tensor, _Tensor]:
        """The first of every run of equal values (or slices along `dim`), with inverse and counts."""
    @overload
    def unique_consecutive(
        self,
        *,
        return_inverse: Literal[False] = False,
        return_counts: Literal[True],
        dim: _int | None = None,
    ) -> tuple[_Tensor, _Tensor]:
        """The first of every run of equal values (or slices along `dim`), with inverse and counts."""
    @overload
    def unique_consecutive(
        self,
        *,
        return_inverse: Literal[True],
        return_counts: Literal[True],
        dim: _int | None = None,
    ) -> tuple[_Tensor, _Tensor, _Tensor]:
        """The first of every run of equal values (or slices along `dim`), with inverse and counts."""
    def unsafe_chunk(self, chunks: _int, dim: _int = 0) -> tuple[_Tensor, ...]:
        """Like `chunk`, with parts that may be changed in place."""
    def unsafe_split(self, split_size: _int, dim: _int = 0) -> tuple[_Tensor, ...]:
        """Like `split`, with parts that may be changed in place."""
    def unsafe_split_with_sizes(self, split_sizes: Any, dim: _int = 0) -> tuple[_Tensor, ...]:
        """Like `split_with_sizes`, with parts that may be changed in place."""
    def unsqueeze(self, dim: _int) -> _Tensor:
        """A view with a dimension of size one inserted before `dim`."""
    def unsqueeze_(self, *args: Any, **kwargs: Any) -> Self:
        """In-place form of `unsqueeze`: changes how the tensor looks at its memory."""
    def untyped_storage(self) -> Any:
        """The bytes that this tensor and its views look into."""
    def values(self) -> _Tensor:
        """The elements that are stored, of a coalesced tensor; gradients flow through."""
    def var(
        self,
        dim: _int | Sequence[_int] | None = None,
        unbiased: Any = None,
        keepdim: _bool = False,
        *,
        correction: Any = None,
    ) -> _Tensor:
        """Variance over dimensions, real; the divisor is max(0, n - correction), 1 by default."""
    def vdot(self, other: _Tensor) -> _Tensor:
        """Inner product of two vectors, the first conjugated."""
    @overload
    def view(self, *size: Any) -> _Tensor:
        """The same memory in another shape or as another dtype; never a copy."""
    @overload
    def view(self, *, size: Sequence[_int]) -> _Tensor:
        """The same memory in another shape or as another dtype; never a copy."""
    def view_as(self, other: _Tensor) -> _Tensor:
        """`view` with the shape of another tensor."""
    def vsplit(self, indices_or_sections: Any = None) -> tuple[_Tensor, ...]:
        """tensor_split along the dimension that `vstack` joins along."""
    @overload
    def where(self) -> tuple[_Tensor, ...]:
        """The tensor's elements where the condition holds, those of `other` elsewhere."""
    @overload
    def where(self, input: _Tensor | _complex, other: _Tensor | _complex) -> _Tensor:
        """The tensor's elements where the condition holds, those of `other` elsewhere."""
    def xlogy(self, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
        """x log(y), 0 where x is 0 and y is not NaN."""
    def xlogy_(self, other: _Tensor | _complex | _number[Any] | _bool_) -> Self:
        """In-place form of `xlogy`."""
    def zero_(self) -> Self:
        """Set every element to zero; no gradient flows to the former ones."""
