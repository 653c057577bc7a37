"""A stand-in for CuPy on host memory: it refuses NumPy arrays, counts launches, offers names.

An `ndarray` here wraps a NumPy array and is no NumPy array. Every function that CuPy also has is
found by name; what CuPy lacks is listed in `ABSENT` and raises AttributeError, as there.
"""

from __future__ import annotations

import types

import numpy as np

ABSENT = {"nextafter_missing", "frompyfunc", "seterr", "errstate", "lib"}
_BINARY = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift",
    "rshift", "lt", "le", "gt", "ge", "eq", "ne", "matmul",
)  # fmt: skip
_UNARY = ("neg", "pos", "invert", "abs")


class Flags:
    """CuPy's flags: no `writeable` among them."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = flags.owndata


class ndarray:
    """A device array."""

    __array_priority__ = 100
    __array_ufunc__ = None

    def __init__(self, host, base=None):
        self.host, self.base = host, base

    dtype = property(lambda self: self.host.dtype)
    shape = property(lambda self: self.host.shape)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    itemsize = property(lambda self: self.host.itemsize)
    nbytes = property(lambda self: self.host.nbytes)
    strides = property(lambda self: self.host.strides)
    flags = property(lambda self: Flags(self.host.flags))
    T = property(lambda self: self._view(self.host.T))
    real = property(lambda self: self._view(self.host.real))
    imag = property(lambda self: self._view(self.host.imag))

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.host.__array_interface__["data"][0])

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def _view(self, host):
        shares = host.base is not None and np.shares_memory(host, self.host) or host.size == 0
        owner = self if self.base is None else self.base
        return ndarray(np.asarray(host), owner if shares else None)

    def __getitem__(self, index):
        COUNTS["getitem"] = COUNTS.get("getitem", 0) + 1
        return self._view(self.host[lower(index)])

    def __setitem__(self, index, value):
        self.host[lower(index)] = lower(value)

    def __len__(self):
        return len(self.host)

    def __bool__(self):
        return bool(self.host)

    def __int__(self):
        return int(self.host)

    def __float__(self):
        return float(self.host)

    def __index__(self):
        return self.host.__index__()

    def __iter__(self):
        return (self[i] for i in range(len(self.host)))

    def __hash__(self):
        return id(self)

    def __getattr__(self, name):
        method = getattr(np.ndarray, name, None)
        if name.startswith("__") or not callable(method):
            raise AttributeError(f"'ndarray' object has no attribute '{name}'", name=name, obj=self)

        def call(*args, **kwargs):
            return raised(name, method(self.host, *lower(args), **lower(kwargs)), self)

        return call


def _operator(name, swap=False):
    def method(self, other):
        if isinstance(other, np.ndarray):
            raise TypeError(f"Unsupported type {type(other)}")
        a, b = self.host, lower(other)
        return raised(
            name, getattr(np.ndarray, f"__{name}__")(*((np.asarray(b), a) if swap else (a, b)))
        )

    return method


for _name in _BINARY:
    setattr(ndarray, f"__{_name}__", _operator(_name))
    setattr(ndarray, f"__r{_name}__", _operator(_name, swap=True))
    setattr(
        ndarray,
        f"__i{_name}__",
        lambda self, other, _n=_name: (getattr(self.host, f"__i{_n}__")(lower(other)), self)[1],
    )
for _name in _UNARY:
    setattr(
        ndarray,
        f"__{_name}__",
        lambda self, _n=_name: raised(_n, getattr(self.host, f"__{_n}__")()),
    )

COUNTS: dict[str, int] = {}


def lower(value):
    """Host arrays inside of device arrays; NumPy arrays are refused."""
    if isinstance(value, ndarray):
        return value.host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple):
        return tuple(lower(v) for v in value)
    if isinstance(value, list):
        return [lower(v) for v in value]
    if isinstance(value, dict):
        return {k: lower(v) for k, v in value.items()}
    return value


def raised(name, value, source=None):
    """The device array of a host result; a launch is counted."""
    COUNTS[name] = COUNTS.get(name, 0) + 1
    if isinstance(value, (np.ndarray, np.generic)):
        host = np.asarray(value)
        if source is not None:
            return source._view(host)
        return ndarray(host)
    if isinstance(value, (tuple, list)):
        made = [raised(name, v, source) for v in value]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    return value


class _Runtime:
    def __init__(self):
        self.current, self.count = 0, 2

    def getDevice(self):
        return self.current

    def setDevice(self, index):
        self.current = index

    def getDeviceCount(self):
        return self.count

    def deviceSynchronize(self):
        COUNTS["synchronize"] = COUNTS.get("synchronize", 0) + 1

    def runtimeGetVersion(self):
        return 13000

    def memGetInfo(self):
        return (1 << 30, 1 << 31)

    def getDeviceProperties(self, index):
        return {"name": b"Stand-in", "major": 9, "minor": 0, "totalGlobalMem": 1 << 31,
                "multiProcessorCount": 1, "warpSize": 32}  # fmt: skip


class _Stream:
    null = None
    stack: list = []

    def __init__(self, non_blocking=False):
        self.ptr, self.done, self.non_blocking = id(self), True, non_blocking

    def __enter__(self):
        _Stream.stack.append(self)
        return self

    def __exit__(self, *exc):
        _Stream.stack.pop()

    def synchronize(self):
        pass

    def wait_event(self, event):
        pass


_Stream.null = _Stream()


class _Event:
    def __init__(self, block=False, disable_timing=False):
        self.done = True

    def record(self, stream):
        self.stream = stream

    def synchronize(self):
        pass


class StandIn(types.ModuleType):
    """The module object."""

    def __init__(self):
        super().__init__("standin")
        self.ndarray = ndarray
        self.cuda = types.SimpleNamespace(
            runtime=_Runtime(), Stream=_Stream, Event=_Event,
            get_current_stream=lambda: (_Stream.stack or [_Stream.null])[-1],
            get_elapsed_time=lambda a, b: 0.0, is_available=lambda: True,
        )  # fmt: skip

    def asarray(self, value, dtype=None):
        if isinstance(value, ndarray):
            return value if dtype is None or value.dtype == dtype else value.astype(dtype)
        if isinstance(value, np.ndarray):
            COUNTS["upload"] = COUNTS.get("upload", 0) + 1
        return ndarray(np.array(value, dtype))

    def asnumpy(self, value):
        COUNTS["download"] = COUNTS.get("download", 0) + 1
        return value.host.copy()

    def array(self, value, dtype=None, copy=True):
        return ndarray(np.array(lower(value), dtype))

    def shares_memory(self, a, b):
        return np.shares_memory(a.host, b.host)

    def get_default_memory_pool(self):
        return types.SimpleNamespace(
            used_bytes=lambda: 64, total_bytes=lambda: 128, free_all_blocks=lambda: None
        )

    def __getattr__(self, name):
        if name in ABSENT or name.startswith("__"):
            raise AttributeError(f"module 'cupy' has no attribute '{name}'", name=name, obj=self)
        if name in ("linalg", "fft"):
            return _Space(getattr(np, name))
        return offered(name, getattr(np, name))


def offered(name, found):
    """A NumPy name as the stand-in offers it."""
    if isinstance(found, type) or not callable(found):
        return found
    if isinstance(found, np.ufunc):
        return _Ufunc(found)
    return lambda *args, **kwargs: raised(name, found(*lower(args), **lower(kwargs)))


class _Space:
    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        return offered(name, getattr(self._module, name))


class _Ufunc:
    def __init__(self, ufunc):
        self._ufunc, self.__name__ = ufunc, ufunc.__name__

    def __call__(self, *args, out=None, **kwargs):
        if len(args) > self._ufunc.nin:  # CuPy's too take the result's place by position
            *args, out = args
        made = self._ufunc(*lower(args), out=None if out is None else lower(out), **lower(kwargs))
        COUNTS[self.__name__] = COUNTS.get(self.__name__, 0) + 1
        if out is not None:
            return out
        return raised(self.__name__, made)

    def __getattr__(self, name):
        method = getattr(self._ufunc, name)
        return lambda *args, **kwargs: raised(name, method(*lower(args), **lower(kwargs)))
