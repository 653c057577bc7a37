"""Tensors in franken's own container and in safetensors: nested values and state dicts, no pickle.

A file is the native form (see `native.py`): the container's nesting as JSON beside its arrays. Each
tensor is a view (offset, shape, strides) of a storage that is stored once, so tensors that shared
memory share it again. A path that ends in `.safetensors` is written as plain safetensors instead,
and holds one dictionary of tensors by name.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

import numpy as np

from franken.core import dtypes
from franken.core.device import CPU
from franken.core.device import device as device_type
from franken.core.geometry.size import Size
from franken.core.tensor import Parameter, Tensor, wrap
from franken.serialization import native, safetensors
from franken.serialization.errors import FormatError
from franken.serialization.formats.source import Held, Source

_MARK = "franken.kind"
_DTYPES = {each.np for each in dtypes.ALL.values() if each.np is not None}


def save(obj: Any, f: Any) -> None:
    """Write tensors in nested containers to a path (atomically) or a file object.

    >>> import franken, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save({"w": franken.ones(2)}, folder + "/a.franken")
    ...     load(folder + "/a.franken")
    {'w': tensor([1., 1.])}

    Raises TypeError for what has no place in such a file (functions, modules, other objects).
    """
    if _is_path(f):
        path = os.fspath(f)
        if str(path).endswith(".safetensors"):
            safetensors.save_file(_by_name(obj), path)
        else:
            native.save_file(_Packer().value(obj), path)
    elif hasattr(f, "write"):
        f.write(native.save(_Packer().value(obj)))
    else:
        raise TypeError(f"save(): expected a path or a file object, got {type(f).__name__}")


def load(f: Any, map_location: Any = None, *, mmap: bool = False) -> Any:
    """Read what `save` wrote, or safetensors, from a path or an open `Source`.

    Args:
        map_location: a device (or its name), a {device name: device name} dictionary, or a function
            (tensor, device name) -> tensor or None; by default every tensor goes back to the
            device that it was saved from.
        mmap: read pages of the file when they are touched. The file must not shrink meanwhile.

    Raises FormatError for a file that is damaged or of another kind.
    """
    unpacker = _Unpacker(map_location)
    if isinstance(f, Held):
        data = bytes(f.data)
        header = safetensors.parse_header(np.frombuffer(data, np.uint8))
        if "franken.version" in header.metadata:
            return unpacker.value(native.load(data))
        return unpacker.named(safetensors.load(data))
    path = f.path if isinstance(f, Source) else os.fspath(f)
    arrays, header = safetensors.read_file(path, mmap=mmap)
    if "franken.version" in header.metadata:
        return unpacker.value(native.load_file(path, mmap=mmap, verify=not mmap))
    return unpacker.named(arrays)


def _is_path(f: Any) -> bool:
    return isinstance(f, (str, os.PathLike))


def _by_name(obj: Any) -> dict[str, Any]:
    """The arrays of a dictionary of tensors, for plain safetensors."""
    if not isinstance(obj, dict):
        raise TypeError(
            f"save(): a .safetensors file holds a dictionary of tensors, not {type(obj).__name__}"
        )
    for key, value in obj.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise TypeError(
                "save(): a .safetensors file holds tensors by name only, got "
                f"{key!r}: {type(value).__name__}"
            )
    return {k: _host(t) for k, t in obj.items()}


def _host(t: Tensor) -> Any:
    if t.level:
        raise RuntimeError("save(): a tensor inside a transform has no values of its own")
    return t._a if t.device is CPU else t.detach().cpu()._a  # type: ignore[attr-defined]


def _owner(a: Any) -> Any:
    """The array whose memory `a` looks into."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


class _Packer:
    """Turn tensors and torch's small types into what `native` stores."""

    def __init__(self) -> None:
        # by the owner's id, beside the owner: an id is unique only while its object lives
        self.storages: dict[int, tuple[Any, Any]] = {}

    def value(self, obj: Any) -> Any:
        """One node, with everything below it."""
        if isinstance(obj, Tensor):
            return self._tensor(obj)
        if isinstance(obj, Size):
            return self._marked("size", list(obj))
        if isinstance(obj, dtypes.dtype):
            return self._marked("dtype", obj.name)
        if isinstance(obj, device_type):
            return self._marked("device", str(obj))
        if isinstance(obj, dict):
            return self._dictionary(obj)
        if type(obj) in (list, tuple):
            return type(obj)(self.value(v) for v in obj)
        if isinstance(obj, (set, frozenset)):
            return self._marked(type(obj).__name__, [self.value(v) for v in sorted(obj, key=repr)])
        return obj

    @staticmethod
    def _marked(kind: str, payload: Any, **more: Any) -> dict[str, Any]:
        return {_MARK: kind, "value": payload, **more}

    def _dictionary(self, obj: dict[Any, Any]) -> Any:
        pairs = {k: self.value(v) for k, v in obj.items()}
        made: Any = OrderedDict(pairs) if isinstance(obj, OrderedDict) else pairs
        metadata = getattr(obj, "_metadata", None)
        counts = type(obj).__name__ == "Counter"
        if metadata is None and not counts and _MARK not in obj:
            return made
        if counts:
            return self._marked("counter", made)
        return self._marked(
            "dict", made, metadata=None if metadata is None else self.value(metadata)
        )

    def _tensor(self, t: Tensor) -> Any:
        a = _host(t)
        storage, offset, strides = self._storage(a)
        return self._marked(
            "parameter" if isinstance(t, Parameter) else "tensor",
            storage,
            dtype=t.dtype.name, device=str(t.device), shape=list(a.shape), offset=offset,
            strides=strides, requires_grad=bool(t.requires_grad),  # type: ignore[attr-defined]
        )  # fmt: skip

    def _storage(self, a: Any) -> tuple[Any, int, list[int]]:
        """The whole memory `a` looks into, where in it `a` begins, and its strides.

        The memory has its owner's dtype: not that of `z.real` or of a view under another dtype.
        Offset and strides count elements of `a`.
        """
        if not _on_grid(a) or (a.dtype == np.bool_ and _odd_bools(_memory(a))):
            a = np.array(a.view(np.uint8) != 0 if a.dtype == np.bool_ else a, order="C")
        owner = _owner(a)
        strides = [step // a.itemsize for step in a.strides]
        start = a.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        dense = owner.flags.c_contiguous or owner.flags.f_contiguous
        if not dense or start < 0 or start % a.itemsize or owner.dtype not in _DTYPES:
            owner, start = _memory(a).copy(), 0
        if id(owner) not in self.storages:
            flat = owner.reshape(-1, order="A")
            if not native.storable(flat.dtype) or (flat.dtype == np.bool_ and _odd_bools(flat)):
                flat = flat.view(np.uint8)
            self.storages[id(owner)] = (flat, owner)
        return self.storages[id(owner)][0], start // a.itemsize, strides


def _on_grid(a: Any) -> bool:
    """Whether strides in elements can say where the elements of `a` lie."""
    return all(step >= 0 and step % a.itemsize == 0 for step in a.strides)


def _memory(a: Any) -> Any:
    """All elements in memory from the first one of `a` to its last."""
    last = sum((n - 1) * step for n, step in zip(a.shape, a.strides, strict=True))
    count = last // a.itemsize + 1 if a.size else 0
    return np.lib.stride_tricks.as_strided(a, (count,), (a.itemsize,))


def _odd_bools(flat: Any) -> bool:
    """Whether a byte is neither 0 nor 1, as a view of other numbers under bool may have."""
    return bool(flat.size and flat.view(np.uint8).max() > 1)


class _Unpacker:
    """Turn what `native` read back into tensors."""

    def __init__(self, map_location: Any) -> None:
        self.map_location = map_location
        self.aligned: dict[int, tuple[Any, Any]] = {}

    def value(self, node: Any) -> Any:
        """One node, with everything below it."""
        if isinstance(node, dict):
            if _MARK in node:
                return self._marked(node)
            made: Any = OrderedDict() if isinstance(node, OrderedDict) else {}
            made.update((k, self.value(v)) for k, v in node.items())
            return made
        if type(node) in (list, tuple):
            return type(node)(self.value(v) for v in node)
        return node

    def named(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """The tensors of a plain safetensors file."""
        return {k: self.placed(wrap(a), "cpu") for k, a in arrays.items()}

    def _marked(self, node: dict[str, Any]) -> Any:
        kind: str = node[_MARK]
        payload: Any = node.get("value")
        if kind in ("tensor", "parameter"):
            return self._tensor(node)
        if kind == "size":
            return Size(payload)
        if kind == "dtype":
            return _dtype(payload)
        if kind == "device":
            return device_type(payload)
        if kind in ("set", "frozenset"):
            made = [self.value(v) for v in payload]
            return set(made) if kind == "set" else frozenset(made)
        if kind == "counter":
            from collections import Counter

            return Counter(self.value(payload))
        if kind == "dict":
            return self._dictionary(node)
        raise FormatError("bad_tree", f"load: unknown kind {kind!r}")

    def _dictionary(self, node: dict[str, Any]) -> Any:
        payload = node["value"]
        made: Any = OrderedDict() if isinstance(payload, OrderedDict) else {}
        made.update((k, self.value(v)) for k, v in payload.items())
        if node.get("metadata") is not None:
            made._metadata = self.value(node["metadata"])
        return made

    def _tensor(self, node: dict[str, Any]) -> Any:
        storage, shape, strides = node.get("value"), node.get("shape"), node.get("strides")
        offset: Any = node.get("offset")
        dtype: Any = _dtype(node.get("dtype")).np
        _check_view(storage, dtype.itemsize, shape, strides, offset)
        a = self._view(storage, dtype, shape, offset, strides)
        t = self.placed(wrap(a), node.get("device", "cpu"))
        if node[_MARK] == "parameter":
            return Parameter(t, bool(node.get("requires_grad")))
        if node.get("requires_grad"):
            t.requires_grad_()
        return t

    def _view(self, storage: Any, dtype: Any, shape: Any, offset: int, strides: Any) -> Any:
        if 0 in shape:
            return np.empty(shape, dtype)
        if storage.ctypes.data % dtype.alignment:  # of a mapped file: kernels need not read such
            storage = self.aligned.setdefault(id(storage), (storage.copy(), storage))[0]
        size = dtype.itemsize
        a: Any = np.ndarray(shape, dtype, storage, offset * size, [n * size for n in strides])
        if dtype == np.bool_ and storage.dtype != np.bool_ and _odd_bools(_memory(a)):
            raise FormatError("bad_tree", "load: a bool tensor has a byte above 1")
        return a

    def placed(self, t: Any, saved: str) -> Any:
        """The tensor on the device where it belongs."""
        target = self.map_location
        if callable(target):
            moved = target(t, saved)
            return self._moved(t, saved) if moved is None else moved
        if isinstance(target, dict):
            target = target.get(saved, saved)
        return self._moved(t, saved if target is None else target)

    @staticmethod
    def _moved(t: Any, where: Any) -> Any:
        return t if str(where) == "cpu" else t.to(where)


def _dtype(name: Any) -> dtypes.dtype:
    found = dtypes.ALL.get(name) if isinstance(name, str) else None
    if found is None:
        raise FormatError("bad_dtype", f"load: unknown dtype {name!r}")
    return found


def _check_view(storage: Any, size: int, shape: Any, strides: Any, offset: Any) -> None:
    """Refuse a view that leaves its storage."""
    numbers = [*(shape or ()), *(strides or ()), offset]
    if (
        not isinstance(storage, np.ndarray) or storage.ndim != 1 or type(shape) is not list
        or type(strides) is not list or len(shape) != len(strides)
        or any(type(n) is not int or n < 0 for n in numbers)
    ):  # fmt: skip
        raise FormatError("bad_tree", "load: a tensor's description is malformed")
    if 0 in shape:
        return
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if last >= storage.nbytes // size:
        raise FormatError(
            "bad_tree",
            f"load: a tensor reads element {last} of a storage of {storage.nbytes // size}",
        )
