"""`franken.save` and `franken.load`: state dicts and nested containers of tensors, without pickle.

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
from franken.core.op import NAMES
from franken.core.size import Size
from franken.core.tensor import Parameter, Tensor, wrap
from franken.serialization import native, safetensors
from franken.serialization.errors import FormatError

_MARK = "franken.kind"


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int = 2, **_: Any) -> None:
    """Write tensors in nested containers to a path (atomically) or a file object.

    >>> import franken as torch, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"w": torch.ones(2)}, folder + "/a.franken")
    ...     torch.load(folder + "/a.franken")
    {'w': tensor([1., 1.])}

    Raises TypeError for what has no place in such a file (functions, modules, other objects).
    """
    if _is_path(f):
        path = os.fspath(f)
        if str(path).endswith(".safetensors"):
            safetensors.save_file(_flat(obj), path)
        else:
            native.save_file(_Packer().value(obj), path)
    elif hasattr(f, "write"):
        f.write(native.save(_Packer().value(obj)))
    else:
        raise TypeError(f"save(): expected a path or a file object, got {type(f).__name__}")


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: Any = None,
    mmap: bool | None = None, **_: Any,
) -> Any:  # fmt: skip
    """Read what `save` wrote, from a path or a file object.

    Args:
        map_location: a device (or its name), a {device name: device name} dictionary, or a function
            (tensor, device name) -> tensor or None; by default every tensor goes back to the
            device that it was saved from.
        weights_only: accepted; files never hold anything but data.
        mmap: read pages of the file when they are touched. The file must not shrink meanwhile.

    Raises FormatError for a file that is damaged or of another kind.
    """
    unpacker = _Unpacker(map_location)
    if _is_path(f):
        path = os.fspath(f)
        if str(path).endswith(".safetensors"):
            arrays = safetensors.load_file(path, mmap=bool(mmap))
            return {k: unpacker.placed(wrap(a), "cpu") for k, a in arrays.items()}
        return unpacker.value(native.load_file(path, mmap=bool(mmap), verify=not mmap))
    if not hasattr(f, "read"):
        raise TypeError(f"load(): expected a path or a file object, got {type(f).__name__}")
    data = f.read()
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(
            f"load(): the file object must be opened in binary mode, got {type(f).__name__}"
        )
    return unpacker.value(native.load(data))


def _is_path(f: Any) -> bool:
    return isinstance(f, (str, os.PathLike))


def _flat(obj: Any) -> dict[str, Any]:
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
        self.storages: dict[int, tuple[Any, Any]] = {}
        self.seen: list[Any] = []  # keeps the host copies alive, so that ids stay unique

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
        storage, offset = self._storage(a)
        return self._marked(
            "parameter" if isinstance(t, Parameter) else "tensor",
            storage,
            dtype=t.dtype.name, device=str(t.device), shape=list(a.shape), offset=offset,
            strides=[s // a.itemsize for s in a.strides],
            requires_grad=bool(t.requires_grad and t.is_leaf),  # type: ignore[attr-defined]
        )  # fmt: skip

    def _storage(self, a: Any) -> tuple[Any, int]:
        """The whole memory `a` looks into, as stored, and where in it `a` begins."""
        owner = _owner(a)
        start = a.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        usable = owner.dtype == a.dtype and start % a.itemsize == 0 and start >= 0
        if not usable or not (owner.flags.c_contiguous or owner.flags.f_contiguous):
            owner, start = np.ascontiguousarray(a), 0
            if owner.shape != a.shape or owner.strides != a.strides:
                owner = a.copy(order="C")
            self.seen.append(owner)
            return owner.reshape(-1), 0
        if id(owner) not in self.storages:
            self.storages[id(owner)] = (owner.reshape(-1, order="A"), owner)
        return self.storages[id(owner)][0], start // a.itemsize


class _Unpacker:
    """Turn what `native` read back into tensors."""

    def __init__(self, map_location: Any) -> None:
        self.map_location = map_location

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

    def _marked(self, node: dict[str, Any]) -> Any:
        kind, payload = node[_MARK], node.get("value")
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
        offset, name = node.get("offset"), node.get("dtype")
        _check_view(storage, shape, strides, offset)
        if _dtype(name).np != storage.dtype:
            raise FormatError("bad_tree", f"load: {name!r} stored as {storage.dtype}")
        size = storage.itemsize
        if 0 in shape:
            a = np.empty(shape, storage.dtype)
        else:
            a = np.ndarray(
                shape, storage.dtype, storage, offset * size, [n * size for n in strides]
            )
        t = self.placed(wrap(a), node.get("device", "cpu"))
        if node[_MARK] == "parameter":
            return Parameter(t, bool(node.get("requires_grad")))
        if node.get("requires_grad"):
            t.requires_grad_()
        return t

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


def _check_view(storage: Any, shape: Any, strides: Any, offset: Any) -> None:
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
    if last >= storage.size:
        raise FormatError(
            "bad_tree", f"load: a tensor reads element {last} of a storage of {storage.size}"
        )


NAMES.setdefault("torch", {}).update(save=save, load=load)
