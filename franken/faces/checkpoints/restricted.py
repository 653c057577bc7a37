"""Build the values of a checkpoint from its recorded object graph, as data: `weights_only=True`.

Knows which recorded names stand for containers, small types and tensors: those that torch allows
by default. Imports nothing that a file names, and calls only that and what a user calls safe.
"""

from __future__ import annotations

import math
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable
from reprlib import repr as repr_of  # short, whatever is in it
from typing import Any, Final

from franken.core import dtypes
from franken.core.device import device
from franken.core.geometry import layout
from franken.core.geometry.size import Size
from franken.core.tensor import Parameter, Tensor
from franken.faces.checkpoints.settings import BLOCKED, StorageType, allowed_by_user
from franken.ops.sparse.rebuild import _rebuild_sparse_tensor
from franken.ops.surface import rebuild
from franken.ops.surface.storage import UntypedStorage
from franken.ops.surface.typed_storage import STORAGE_NAMES, TypedStorage
from franken.serialization.errors import FormatError, UnpicklingError
from franken.serialization.formats.pickle_reader import Call, Global, Items, Pairs, Persistent
from franken.serialization.formats.torch_graph import MAX_DEPTH, PARAMETERS, SUBCLASS, TENSORS
from franken.serialization.formats.torch_zip import sizes

# A flag is carried out, which gives an expanded tensor memory of its own.
_MAX_FLAGGED: Final = 1 << 28
_MAX_KEY: Final = 10_000
_UNSUPPORTED: Final = frozenset(
    f"torch._utils._rebuild_{kind}"
    for kind in (
        "qtensor", "nested_tensor", "wrapper_subclass",
        "device_tensor_from_numpy", "device_tensor_from_cpu_tensor",
    )
)  # fmt: skip


def _encoded(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"encoding {encoding[:20]!r}")
    return text.encode(encoding)


def _bytearray(data: Any = b"", *encoding: str) -> bytearray:
    if not isinstance(data, (bytes, str)):  # a number would be a size
        raise TypeError(f"bytearray of {type(data).__name__}")
    return bytearray(data, *encoding)  # type: ignore[arg-type]


def get_layout(name: str) -> Any:
    """The layout of a name such as torch.strided; KeyError for another one.

    >>> get_layout("torch.strided")
    torch.strided
    """
    found = layout.ALL[name.removeprefix("torch.")]
    if not isinstance(found, layout.layout):
        raise KeyError(name)
    return found


_BUILDERS: Final[dict[str, Callable[..., Any]]] = {
    "torch.Size": Size,
    "torch.device": device,
    "torch.serialization._get_layout": get_layout,
    "torch._utils._rebuild_sparse_tensor": _rebuild_sparse_tensor,
    "_codecs.encode": _encoded,
    "collections.Counter": Counter,
    "collections.OrderedDict": OrderedDict,
    "builtins.bytearray": _bytearray,
    **{f"builtins.{kind.__name__}": kind for kind in (set, complex)},
}
# Classes that a file may name as values, besides dtypes.
_VALUES: Final[dict[str, Any]] = {
    "torch.Tensor": Tensor,
    "torch.nn.parameter.Parameter": Parameter,
    "torch.storage.TypedStorage": TypedStorage,
    "torch.storage.UntypedStorage": UntypedStorage,
    **{f"torch.{each.name}": each for each in dtypes.ALL.values()},
    **{f"torch.{n}": v for n, v in layout.ALL.items() if isinstance(v, layout.qscheme)},
    **{f"torch.{name}": StorageType(name) for name in STORAGE_NAMES.values()},
    **{f"torch.cuda.{name}": StorageType(name) for name in STORAGE_NAMES.values()},
}
_META: Final = "torch._utils._rebuild_meta_tensor_no_storage"
_DEFAULT: Final = frozenset(
    {*_BUILDERS, *_VALUES, *TENSORS, *PARAMETERS, SUBCLASS, _META, *_UNSUPPORTED}
)


def current_name(name: str) -> str:
    """The name that Python 3 has for what a file of protocol 2 names as Python 2 did.

    >>> current_name("__builtin__.set")
    'builtins.set'
    """
    module, _, last = name.rpartition(".")
    if (module, last) in NAME_MAPPING:
        return ".".join(NAME_MAPPING[(module, last)])
    return f"{IMPORT_MAPPING.get(module, module)}.{last}"


def not_allowed(names: list[str]) -> list[str]:
    """Those of the names in a file that neither torch nor the user allows."""
    allowed = _DEFAULT | {*allowed_by_user()}
    return [n for n in dict.fromkeys(map(current_name, names)) if n not in allowed]


def check_names(names: list[str]) -> None:
    """Refuse a file that names what is not allowed, with torch's words."""
    allowed = _DEFAULT | {*allowed_by_user()}
    for name in map(current_name, names):
        module = name.rpartition(".")[0]
        if module in BLOCKED:
            raise UnpicklingError(
                f"Trying to load unsupported GLOBAL {name} whose module {module} is blocked."
            )
        if name not in allowed:
            shown = name.removeprefix("builtins.")[:200]
            raise UnpicklingError(
                f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please "
                f"use `torch.serialization.add_safe_globals([{shown}])` or the "
                f"`torch.serialization.safe_globals([{shown}])` context manager to allowlist this "
                "global if you trust this class/function."
            )


class Builder:
    """Makes the values of a graph; `storage(kind, persistent id)` gives the storages it names."""

    def __init__(self, storage: Callable[[str, tuple[Any, ...]], Any]) -> None:
        self.storage = storage
        self.allowed = allowed_by_user()
        self.made: dict[int, Any] = {}  # by the id of the record, which the graph keeps alive

    def value(self, node: Any, depth: int = 0) -> Any:
        """One node, with everything below it."""
        if depth > MAX_DEPTH:
            raise FormatError("too_large", f"torch: nested deeper than {MAX_DEPTH}")
        kind = type(node)
        if kind is Global:
            return self._named(current_name(node.name))
        if kind not in (tuple, Items, Pairs, Call, Persistent) or node == ():
            return node
        if id(node) not in self.made:
            self._make(node, kind, depth + 1)
        return self.made[id(node)]

    def _named(self, name: str) -> Any:
        for table in (_VALUES, self.allowed, _BUILDERS):
            if name in table:
                return table[name]
        raise UnpicklingError(f"the function {name[:200]} cannot be a value")

    def _make(self, node: Any, kind: Any, depth: int) -> None:
        # Lists and dictionaries are known before they are filled: they may hold themselves.
        if kind is tuple:  # made once, too: tuples of one tuple twice would take for ever
            self.made[id(node)] = tuple([self.value(v, depth) for v in node])
        elif kind is Items and node.kind is list:
            items: list[Any] = []
            self.made[id(node)] = items
            items.extend(self.value(v, depth) for v in node.items)
        elif kind is Items:
            self.made[id(node)] = node.kind(_hashable(self.value(v, depth)) for v in node.items)
        elif kind is Pairs:
            target: dict[Any, Any] = {}
            self.made[id(node)] = target
            self._fill(target, node.pairs, depth)
        elif kind is Persistent:
            self.made[id(node)] = self._storage(node, depth)
        else:
            made = self.made[id(node)] = self._call(node, depth)
            self._complete(made, node, depth)

    def _fill(self, target: Any, pairs: Any, depth: int) -> None:
        for key, value in pairs:
            target[_hashable(self.value(key, depth))] = self.value(value, depth)

    def _complete(self, made: Any, call: Call, depth: int) -> None:
        """What comes after a call: items, and a state."""
        if call.items:
            verb = "append to" if len(call.items) == 1 else "extend"
            raise UnpicklingError(f"Can only {verb} lists, but got {type(made)}")
        if call.pairs:
            if type(made) not in (OrderedDict, Counter):
                verb = "SETITEM" if len(call.pairs) == 1 else "SETITEMS"
                raise UnpicklingError(
                    f"Can only {verb} for dict, collections.OrderedDict, collections.Counter, but "
                    f"got {type(made)}"
                )
            self._fill(made, call.pairs, depth)
        if call.state is None:
            return
        state = self.value(call.state, depth)
        if type(made) is OrderedDict:
            made.__dict__.update(_attributes(state))
        elif any(type(made) is each for each in self.allowed.values()):
            _set_state(made, state)
        else:
            raise UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                f"`add_safe_globals`, but got {type(made)}"
            )

    # -- calls --

    def _call(self, call: Call, depth: int) -> Any:
        name = current_name(call.name) if call.name else ""
        fields = call.arguments
        if name in _UNSUPPORTED:
            raise UnpicklingError(f"{name} makes tensors of a kind that is not supported")
        if type(fields) is not tuple or not name:
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {name[:200]!r}")
        if name == _META:
            return self._meta_tensor(fields, depth)
        if name in TENSORS:
            return self._tensor(name, fields, depth)
        if name in PARAMETERS and len(fields) >= 3 or name == "torch.nn.parameter.Parameter":
            made = Parameter(self._tensor_value(fields, depth), fields[1:2] != (False,))
            return self._with(made, fields[3:4], depth)
        if name == SUBCLASS and len(fields) == 4:
            return self._of_class(fields, depth)
        build = self.allowed.get(name, _BUILDERS.get(name))
        if build is None or call.names is not None and name not in self.allowed:
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {name[:200]!r}")
        return self._built(name, build, call, depth)

    def _built(self, name: str, build: Any, call: Call, depth: int) -> Any:
        arguments = [self.value(v, depth) for v in call.arguments]
        if name in self.allowed:
            names = self.value(call.names, depth) or {}
            if call.new:
                return build.__new__(build, *arguments, **names)
            return build(*arguments, **names)
        try:
            return build(*arguments)
        except (TypeError, ValueError, RuntimeError, LookupError, AttributeError) as error:
            raise FormatError(
                "bad_tree", f"torch: {name} of {repr_of(call.arguments)}: {error}"
            ) from None

    def _tensor_value(self, fields: tuple[Any, ...], depth: int) -> Any:
        made = self.value(fields[0], depth) if fields else None
        if not isinstance(made, Tensor):
            raise FormatError("bad_tree", "torch: a parameter of something else than a tensor")
        return made

    def _of_class(self, fields: tuple[Any, ...], depth: int) -> Any:
        """A tensor of another class, or with attributes."""
        of = self.value(fields[1], depth)
        if not (isinstance(of, type) and issubclass(of, Tensor)):
            raise FormatError("bad_tree", f"torch: a tensor of the class {repr_of(of)}")
        made = self._call(Call(*fields[0:3:2]), depth)
        if not isinstance(made, Tensor):
            raise FormatError("bad_tree", "torch: a class of something else than a tensor")
        if type(made) is not of:
            made = made.as_subclass(of)  # type: ignore[attr-defined]
        if type(made).__setstate__ is not Tensor.__setstate__:  # type: ignore[attr-defined]
            made.__setstate__(self.value(fields[3], depth))  # type: ignore[attr-defined]
            return made
        return self._with(made, fields[3:], depth)

    def _with(self, made: Any, states: Any, depth: int) -> Any:
        for state in states:
            found = self.value(state, depth)
            pair = found if type(found) is tuple and len(found) == 2 else (found, None)
            made.__dict__.update(_attributes(pair[0] or {}))
            for name, value in _attributes(pair[1] or {}).items():
                setattr(made, name, value)
        return made

    # -- tensors --

    def _tensor(self, name: str, fields: tuple[Any, ...], depth: int) -> Any:
        if len(fields) < 4:
            raise FormatError("bad_tree", "torch: a tensor is not complete")
        storage = self.value(fields[0], depth)
        third = name.endswith("_v3")
        dtype = self.value(fields[6], depth) if third and len(fields) > 6 else None
        if dtype is None and isinstance(storage, TypedStorage):
            dtype = storage.dtype
        stored = isinstance(storage, (TypedStorage, UntypedStorage))
        if not stored or type(dtype) is not dtypes.dtype:
            raise FormatError("bad_tree", "torch: a tensor has no storage")
        if dtype.np is None:
            raise FormatError("bad_dtype", f"torch: cannot load {dtype}")
        offset, shape, strides = fields[1], sizes(fields[2]), sizes(fields[3])
        if len(shape) != len(strides) or not all(
            type(n) is int and 0 <= n < 1 << 62 for n in (offset, *shape, *strides)
        ):
            place = repr_of((shape, strides, offset))
            raise FormatError("bad_layout", f"torch: a tensor of shape, strides, offset {place}")
        at = 7 if third else 6
        metadata = _attributes(self.value(fields[at], depth) if len(fields) > at else {})
        grad = len(fields) > 4 and fields[4] is True
        try:
            made = rebuild.over_storage(storage.untyped(), dtype, offset, shape, strides)
            if metadata and made.nbytes > _MAX_FLAGGED + storage.nbytes():  # type: ignore[attr-defined]
                raise RuntimeError(f"{made.nbytes} bytes of {storage.nbytes()} with a flag")  # type: ignore[attr-defined]
            return rebuild.flagged(made, grad, metadata)
        except (RuntimeError, ValueError) as error:
            raise FormatError("bad_layout", f"torch: a tensor: {error}") from None

    def _meta_tensor(self, fields: tuple[Any, ...], depth: int) -> Any:
        """A tensor without elements, which costs nothing whatever its sizes are."""
        dtype = self.value(fields[0], depth) if len(fields) == 4 else None
        if type(dtype) is not dtypes.dtype or dtype.np is None:
            raise FormatError("bad_tree", "torch: a tensor is not complete")
        shape, strides = sizes(fields[1]), sizes(fields[2])
        numbers = (*shape, *strides)
        if len(shape) != len(strides) or not all(type(n) is int and n >= 0 for n in numbers):
            raise FormatError("bad_layout", f"torch: a tensor of {repr_of((shape, strides))}")
        reach = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if max(reach, math.prod(shape)) * dtype.itemsize >= 1 << 62:
            raise FormatError("bad_layout", f"torch: a tensor of {repr_of((shape, strides))}")
        try:
            return rebuild._rebuild_meta_tensor_no_storage(dtype, shape, strides, fields[3] is True)
        except (RuntimeError, ValueError) as error:
            raise FormatError("bad_layout", f"torch: a tensor: {error}") from None

    def _storage(self, node: Persistent, depth: int) -> Any:
        key = node.key
        if type(key) is not tuple:
            raise UnpicklingError(f"persistent_load id must be tuple or int, but got {type(key)}")
        if len(key) < 5 or key[0] not in ("storage", b"storage"):
            first = key[0] if key else None
            raise UnpicklingError(
                f"Only persistent_load of storage is allowed, but got {type(first)}"
            )
        kind = current_name(key[1].name).rpartition(".")[2] if type(key[1]) is Global else ""
        return self.storage(kind, tuple(self.value(part, depth) for part in key[2:]))


def _hashable(key: Any) -> Any:
    # Hashes of tuples are made anew each time, along every way through them.
    if type(key) is tuple and _entries(key, _MAX_KEY) > _MAX_KEY:
        raise FormatError("too_large", f"torch: more than {_MAX_KEY} entries in a key")
    try:
        hash(key)
    except TypeError:
        raise FormatError("bad_tree", f"torch: {type(key).__name__} as a key") from None
    return key


def _entries(key: Any, limit: int) -> int:
    """How many entries a tuple has with those in it, counted to above a limit."""
    stack, count = [key], 0
    while stack and count <= limit:
        count += 1
        found = stack.pop()
        if isinstance(found, tuple):
            stack.extend(found[: limit + 1])
    return count


def _attributes(state: Any) -> dict[str, Any]:
    if type(state) is not dict or any(type(k) is not str or k[:2] == "__" for k in state):
        raise FormatError("bad_tree", "torch: the attributes of a value are no dictionary")
    return state


def _set_state(made: Any, state: Any) -> None:
    """What pickle does with a state."""
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    attributes, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
    made.__dict__.update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(made, name, value)
