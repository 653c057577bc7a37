"""Device arrays and a `Runtime` over the mock driver: addresses and attributes, no memory."""

from __future__ import annotations

import ctypes
import math
import os
import threading
import types

import numpy as np

BASE = 0x200000000  # libcuda.c takes addresses from here on for the device's
MOST_PARAMETERS = 32


class Launch(ctypes.Structure):
    """One launch as libcuda.c noted it."""

    _fields_ = [
        ("name", ctypes.c_char * 96), ("grid", ctypes.c_uint32 * 3), ("block", ctypes.c_uint32 * 3),
        ("shared", ctypes.c_uint32), ("attributes", ctypes.c_uint32), ("stream", ctypes.c_uint64),
        ("context", ctypes.c_uint64), ("parameters", ctypes.c_int32),
        ("values", ctypes.c_uint64 * MOST_PARAMETERS),
    ]  # fmt: skip


class Memory:
    """An allocation, or a place in it: both what `data` and what `data.mem` are."""

    __slots__ = ("device_id", "mem", "ptr", "size")

    def __init__(self, ptr, size, device_id=0, mem=None):
        self.ptr, self.size, self.device_id = ptr, size, device_id
        self.mem = self if mem is None else mem


class Array:
    """An array on the mock GPU, with the attributes of CuPy's that launching reads."""

    __slots__ = ("data", "dtype", "host", "itemsize", "shape", "size", "strides")

    def __init__(self, shape, dtype="f4", *, offset=0, device=0, strides=None, host=None):
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self.size, self.itemsize = math.prod(self.shape), self.dtype.itemsize
        self.strides = strides or np.empty(self.shape, self.dtype).strides
        owner = reserve(self.size * self.itemsize + offset, device)
        self.data = Memory(owner.ptr + offset, owner.size, device, owner)
        self.host = host

    def get(self):
        """The values that a test put there."""
        return self.host


class Subclass(Array):
    """As a program may derive from cupy.ndarray."""

    __slots__ = ()


_next = BASE
_reserving = threading.Lock()


def reserve(nbytes, device=0):
    """Addresses that nothing else has, aligned as CuPy's."""
    global _next
    with _reserving:
        at, _next = _next, _next + -(-max(nbytes, 1) // 512) * 512
    return Memory(at, nbytes, device)


class FakeRuntime:
    """Two GPUs of one capability; the clock advances by what a test says."""

    array = Array
    versions = {"cupy": "0.0-mock"}

    def __init__(self, capability=None):
        self.device, self.stream, self.now = 0, 0x5EED, 0.0
        self.reserved, self.filled, self.waits = [], [], 0
        number = int(os.environ.get("MOCK_CAPABILITY", "90")) if capability is None else capability
        self._capability = divmod(number, 10)

    def device_count(self):
        return 2

    def current_device(self):
        return self.device

    def set_device(self, device):
        self.device = device

    def capability(self, device):
        return self._capability

    def current_stream(self, device=None):
        return self.stream

    def alloc(self, nbytes):
        memory = reserve(nbytes, self.device)
        self.reserved.append((memory.ptr, nbytes, threading.get_ident()))
        return memory

    def fill(self, memory, nbytes):
        self.filled.append((memory.ptr, nbytes))

    def synchronize(self):
        self.waits += 1

    def mark(self):
        return self.now

    def elapsed(self, start, end):
        return end - start


class Driver:
    """libcuda.c's own functions."""

    def __init__(self):
        self.lib = ctypes.CDLL("libcuda.so.1")
        self.lib.mock_launch.restype = ctypes.POINTER(Launch)
        self.lib.mock_launch.argtypes = [ctypes.c_uint64]
        self.lib.mock_count.restype = ctypes.c_uint64

    def count(self):
        return self.lib.mock_count()

    def last(self):
        """The last launch as plain data."""
        found = self.lib.mock_launch(self.count() - 1).contents
        values = list(found.values)[: max(found.parameters, 0)]
        return types.SimpleNamespace(
            name=found.name.decode(), grid=list(found.grid), block=list(found.block),
            shared=found.shared, stream=found.stream, context=found.context, values=values,
        )  # fmt: skip

    def tell(self, name, sizes):
        """Give the sizes of the parameters of the kernel loaded last."""
        return self.lib.mock_tell(name.encode(), len(sizes), (ctypes.c_int32 * len(sizes))(*sizes))

    def fail_next(self, code):
        self.lib.mock_fail_next(code)

    def quiet(self, on):
        self.lib.mock_quiet(int(on))
