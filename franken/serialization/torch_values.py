"""Build the values of a torch checkpoint from its recorded object graph, as data.

Knows which recorded names stand for containers, small types and tensors: those that torch loads
with ``weights_only=True``. Imports and calls nothing that a file names; what it does not know it
refuses, naming it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from franken.core import dtypes
from franken.core.device import device
from franken.core.geometry import layout
from franken.core.geometry.size import Size
from franken.core.tensor import Parameter, wrap
from franken.serialization.errors import FormatError, UnknownGlobal
from franken.serialization.formats import torch_zip, zip_reader
from franken.serialization.formats.pickle_reader import Call, Global, Items, Pairs, Persistent
from franken.serialization.formats.source import Source
from franken.serialization.formats.spans import DTYPES
from franken.serialization.formats.torch_graph import MAX_DEPTH, PARAMETERS, SUBCLASS, TENSORS

# The classes of tensors whose instances may carry attributes.
_PLAIN: Final = frozenset({"torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter"})
_NUMPY: Final = {
    short: dtypes.ALL[name].np
    for name, short in torch_zip.SCALARS.items()
    if name in dtypes.ALL and dtypes.ALL[name].np is not None
}
_BUILTIN: Final = ("builtins", "__builtin__")


def read(source: Source, placed: Callable[[Any, str], Any], *, mapped: bool = False) -> Any:
    """Return what a torch archive holds; ``placed`` puts a tensor where it belongs.

    ``mapped`` maps storages of a file that are stored as they are, copied where they are written.
    """
    members = zip_reader.read_directory(source)
    root = torch_zip.archive_name(members)
    if root is None:
        raise FormatError("bad_header", "load: a zip archive that is not torch's")
    archive, graph = torch_zip.open_archive(source, members, root)
    return _Builder(source, archive, placed, mapped).value(graph, 0)


class _Builder:
    def __init__(self, source: Source, archive: Any, placed: Any, mapped: bool) -> None:
        self.source, self.archive, self.placed, self.mapped = source, archive, placed, mapped
        self.made: dict[int, Any] = {}  # by the id of the record, which the graph keeps alive
        self.memory: dict[str, Any] = {}

    def value(self, node: Any, depth: int) -> Any:
        """One node, with everything below it."""
        if depth > MAX_DEPTH:
            raise FormatError("too_large", f"torch: nested deeper than {MAX_DEPTH}")
        kind = type(node)
        if kind is tuple:
            return tuple([self.value(v, depth + 1) for v in node])
        if kind is Global:
            return _named(node.name)
        if kind not in (Items, Pairs, Call, Persistent):
            return node
        if id(node) not in self.made:
            self._make(node, kind, depth + 1)
        return self.made[id(node)]

    def _make(self, node: Any, kind: Any, depth: int) -> None:
        # Lists and dictionaries are known before they are filled: they may hold themselves.
        if kind is Items and node.kind is list:
            target = self.made[id(node)] = []
            target.extend(self.value(v, depth) for v in node.items)
        elif kind is Items:
            self.made[id(node)] = node.kind(_hashable(self.value(v, depth)) for v in node.items)
        elif kind is Pairs:
            self._fill(self._known(node, {}), node.pairs, depth)
        elif kind is Persistent:
            self.made[id(node)] = self._storage(node)
        elif node.name == "collections.OrderedDict":
            target = self._known(node, OrderedDict())
            self._fill(target, [*_given(node), *node.pairs], depth)
            if node.state is not None:
                target.__dict__.update(self._attributes(node.state, depth))
        else:
            self.made[id(node)] = self._call(node, depth)

    def _known(self, node: Any, target: Any) -> Any:
        self.made[id(node)] = target
        return target

    def _fill(self, target: Any, pairs: Any, depth: int) -> None:
        for key, value in pairs:
            target[_hashable(self.value(key, depth))] = self.value(value, depth)

    def _attributes(self, state: Any, depth: int) -> dict[str, Any]:
        found = self.value(state, depth)
        if type(found) is tuple and len(found) == 2:  # with slots the state is a pair
            found = {**(found[0] or {}), **(found[1] or {})}
        if type(found) is not dict or any(
            type(key) is not str or key.startswith("__") for key in found
        ):
            raise FormatError("bad_tree", "torch: the attributes of a value are no dictionary")
        return found

    def _call(self, call: Call, depth: int) -> Any:
        name, arguments = call.name, call.arguments
        if name in TENSORS and not name.endswith("_rebuild_qtensor"):
            return self._tensor(call, depth)
        if type(arguments) is tuple and name in PARAMETERS and len(arguments) >= 3:
            made = Parameter(self.value(arguments[0], depth), arguments[1] is True)
            return self._with(made, arguments[3:4], depth)
        if type(arguments) is tuple and name == SUBCLASS and len(arguments) == 4:
            rebuild, of, inner, state = arguments
            if type(of) is not Global or of.name not in _PLAIN:
                raise UnknownGlobal(of.name if type(of) is Global else "of a nameless class")
            return self._with(self._call(Call(rebuild, inner), depth), (state,), depth)
        build = _BUILDERS.get(name)
        if build is None or call.items or call.pairs or call.state is not None:
            raise UnknownGlobal(name or "of a nameless function")
        try:
            return build(*[self.value(v, depth) for v in arguments])
        except (TypeError, ValueError, RuntimeError, LookupError) as error:
            raise FormatError("bad_tree", f"torch: {name} of {arguments!r:.80}: {error}") from None

    def _with(self, made: Any, states: Any, depth: int) -> Any:
        for state in states:
            made.__dict__.update(self._attributes(state, depth))
        return made

    # -- tensors --

    def _tensor(self, call: Call, depth: int) -> Any:
        view = self.archive.view("a tensor", call)
        fields = call.arguments
        array = self._elements(view)
        made = self.placed(wrap(array), view.storage.device)
        at = 7 if call.name.endswith("_v3") else 6
        for flag, on in self._attributes(fields[at], depth).items() if len(fields) > at else ():
            if flag not in ("conj", "neg"):
                raise FormatError("bad_tree", f"torch: a tensor with {flag[:40]!r} is not known")
            made = getattr(made, flag)() if on else made
        return made.requires_grad_() if len(fields) > 4 and fields[4] is True else made

    def _elements(self, view: torch_zip.View) -> Any:
        dtype = _NUMPY.get(view.dtype)
        if dtype is None or self.archive.big:
            order = "big-endian " if self.archive.big else ""
            raise FormatError("bad_dtype", f"torch: cannot load {order}{view.dtype}")
        if 0 in view.shape:
            return np.empty(view.shape, dtype)
        item = dtype.itemsize
        memory = self._memory(view.storage)
        strides = [step * item for step in view.strides]
        array: Any = np.ndarray(view.shape, dtype, memory, view.offset * item, strides)
        last = sum((n - 1) * step for n, step in zip(view.shape, strides, strict=True))
        if dtype == np.bool_ and memory[view.offset :][: last + 1].max() > 1:
            raise FormatError("bad_layout", "torch: a bool tensor has a byte above 1")
        return array

    def _memory(self, storage: torch_zip.Storage) -> Any:
        """The bytes of a storage, read once: tensors that shared memory share it again."""
        found = self.memory.get(storage.key)
        if found is None:
            found = self.memory[storage.key] = self._read(storage.member)
        return found

    def _read(self, member: zip_reader.Member) -> Any:
        if self.mapped and member.method == zip_reader.STORED and member.size:
            found: Any = np.memmap(self.source.path, np.uint8, "c", member.begin, (member.size,))
            if found.ctypes.data % 16 == 0:
                return found.view(np.ndarray)
        # NumPy aligns what it allocates, whatever the elements turn out to be.
        found = np.empty(member.size, np.uint8)
        at = 0
        for piece in zip_reader.member_pieces(self.source, member):
            found[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
            at += len(piece)
        return found

    def _storage(self, node: Persistent) -> Any:
        storage = self.archive.find("a storage", node)
        if not storage.typed:
            made: Any = self.placed(wrap(self._memory(storage)), storage.device)
            return made.untyped_storage()
        size = storage.member.size // DTYPES[storage.dtype].itemsize
        view = torch_zip.View(storage, storage.dtype, 0, (size,), (1,))
        return self.placed(wrap(self._elements(view)), storage.device).storage()


def _given(call: Call) -> Any:
    """The pairs in the arguments of a dictionary's constructor."""
    arguments = call.arguments
    if arguments == ():
        return ()
    if type(arguments) is tuple and len(arguments) == 1:
        if type(arguments[0]) is Pairs:
            return arguments[0].pairs
        if type(arguments[0]) is Items:
            pairs = [v.items if type(v) is Items else v for v in arguments[0].items]
            if all(type(pair) in (tuple, list) and len(pair) == 2 for pair in pairs):
                return pairs
    raise FormatError("bad_tree", "torch: a dictionary of something else than pairs")


def _hashable(key: Any) -> Any:
    try:
        hash(key)
    except TypeError:
        raise FormatError("bad_tree", f"torch: {type(key).__name__} as a key") from None
    return key


def _named(name: str) -> Any:
    """A value that a checkpoint names instead of holding: a dtype or a layout."""
    module, _, last = name.rpartition(".")
    if module == "torch" and last in dtypes.ALL:
        return dtypes.ALL[last]
    raise UnknownGlobal(name)


def _encoded(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"encoding {encoding[:20]!r}")
    return text.encode(encoding)


def _layout(name: str) -> Any:
    if name != "torch.strided":
        raise ValueError(f"layout {name[:40]!r}")
    return layout.strided


_BUILDERS: Final[dict[str, Callable[..., Any]]] = {
    "torch.Size": Size,
    "torch.device": device,
    "torch.serialization._get_layout": _layout,
    "collections.Counter": Counter,
    "_codecs.encode": _encoded,
    **{
        f"{module}.{kind.__name__}": kind
        for module in _BUILTIN
        for kind in (set, frozenset, complex, bytearray)
    },
}
