"""Trees of containers: flatten to leaves, rebuild, map; torch.utils._pytree's behaviour.

Knows the built-in containers and whatever is registered. None and unregistered types, subclasses
of containers among them, are leaves; dicts keep their insertion order.
Must not know arrays or Tensors.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from franken.core.geometry.size import Size

PyTree = Any
Context = Any
IsLeaf = Callable[[Any], bool] | None


class MappingKey(NamedTuple):
    """One step of a path: a mapping's key."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


class SequenceKey(NamedTuple):
    """One step of a path: a sequence's index."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


class GetAttrKey(NamedTuple):
    """One step of a path: an attribute's name."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


KeyPath = tuple[Any, ...]


class NodeDef(NamedTuple):
    """How one container type is taken apart and put together."""

    flatten: Callable[[Any], tuple[Iterable[Any], Context]]
    unflatten: Callable[[Iterable[Any], Context], Any]
    keys: Callable[[Any], Iterable[Any]] | None = None


class TreeSpec:
    """The shape of a tree without its leaves; prints, compares and hashes by structure.

    >>> tree_structure({"a": 1, "b": (2, 3)})
    TreeSpec(dict, ['a', 'b'], [*,
      TreeSpec(tuple, None, [*,
        *])])
    """

    __slots__ = ("type", "context", "_children", "num_leaves", "num_nodes")

    num_leaves: int
    num_nodes: int

    def __init__(self, type: Any, context: Context, children: Iterable[TreeSpec]) -> None:  # noqa: A002
        self.type, self.context, self._children = type, context, tuple(children)
        self.num_nodes = 1 + sum(child.num_nodes for child in self._children)
        self.num_leaves = 1 if type is None else sum(child.num_leaves for child in self._children)

    @property
    def num_children(self) -> int:
        """Count the direct children."""
        return len(self._children)

    def is_leaf(self) -> bool:
        """Tell whether this is a leaf."""
        return self.type is None

    def children(self) -> list[TreeSpec]:
        """Return the direct children."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """Return one direct child."""
        return self._children[index]

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """Build the tree around `leaves`; ValueError unless there are `num_leaves` of them."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec "
                f"refers to a pytree that holds {self.num_leaves} items ({self})."
            )
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> PyTree:
        if self.type is None:
            return next(leaves)
        children = [child._build(leaves) for child in self._children]
        return _NODES[self.type].unflatten(children, self.context)

    def flatten_up_to(self, tree: PyTree) -> list[Any]:
        """Return the subtrees of `tree` that stand where this spec has leaves.

        ValueError where `tree` does not have this structure above its leaves.
        """
        found: list[Any] = []
        self._match(tree, found)
        return found

    def _match(self, tree: PyTree, found: list[Any]) -> None:
        if self.type is None:
            found.append(tree)
            return
        children = self._matching_children(tree)
        for spec, child in zip(self._children, children, strict=True):
            spec._match(child, found)

    def _matching_children(self, tree: PyTree) -> list[Any]:
        node = _node_type(tree)
        if node is not self.type and not (self.type in _DICTS and node in _DICTS):
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        children, context = _NODES[node].flatten(tree)
        children = list(children)
        if len(children) != len(self._children):
            raise ValueError(
                f"Node arity mismatch; expected {len(self._children)}, but got {len(children)}."
            )
        if self.type in _DICTS:
            return self._children_by_key(tree)
        # A deque's maximal length is no part of its structure.
        if context != self.context and self.type is not deque:
            raise ValueError(
                f"Node context mismatch for node type {self.type!r}: "
                f"expected {self.context!r}, but got {context!r}."
            )
        return children

    def _children_by_key(self, tree: dict[Any, Any]) -> list[Any]:
        keys = self.context[1] if self.type is defaultdict else self.context
        missing, extra = set(keys) - set(tree), set(tree) - set(keys)
        if missing or extra:
            parts = [f"missing key(s): {missing}"] if missing else []
            parts += [f"extra key(s): {extra}"] if extra else []
            raise ValueError(f"Node keys mismatch; {'; '.join(parts)}.")
        return [tree[key] for key in keys]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        mine, theirs = (self.type, self.context), (other.type, other.context)
        return self is other or (mine == theirs and self._children == other._children)

    def __hash__(self) -> int:
        context = tuple(self.context) if self.type in _DICTS else None
        if self.type is defaultdict:
            context = (self.context[0], *self.context[1])
        return hash((self.type, context, self._children))

    def __repr__(self) -> str:
        return self._text(0)

    def _text(self, indent: int) -> str:
        if self.type is None:
            return "*"
        inner = f",\n{' ' * (indent + 2)}".join(c._text(indent + 2) for c in self._children)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inner}])"


# -- container types ----------------------------------------------------------------------------


def namedtuple() -> None:
    """Stand for every namedtuple type in a TreeSpec, whose context holds the very type."""


def _flatten_mapping(tree: dict[Any, Any]) -> tuple[Iterable[Any], Context]:
    return tree.values(), list(tree)


def _flatten_defaultdict(tree: defaultdict[Any, Any]) -> tuple[Iterable[Any], Context]:
    return tree.values(), [tree.default_factory, list(tree)]


def _unflatten_defaultdict(children: Iterable[Any], context: Context) -> defaultdict[Any, Any]:
    factory, keys = context
    return defaultdict(factory, zip(keys, children, strict=True))


def _mapping_keys(tree: dict[Any, Any]) -> Iterable[Any]:
    return map(MappingKey, tree)


def _sequence_keys(tree: Any) -> Iterable[Any]:
    return map(SequenceKey, range(len(tree)))


def _sequence_def(cls: Callable[[Iterable[Any]], Any]) -> NodeDef:
    return NodeDef(lambda tree: (tree, None), lambda kids, _: cls(kids), _sequence_keys)


def _mapping_def(cls: Callable[[Iterable[Any]], Any]) -> NodeDef:
    return NodeDef(
        _flatten_mapping, lambda kids, keys: cls(zip(keys, kids, strict=True)), _mapping_keys
    )


_NODES: Final[dict[Any, NodeDef]] = {
    tuple: _sequence_def(tuple),
    list: _sequence_def(list),
    Size: _sequence_def(Size),
    dict: _mapping_def(dict),
    OrderedDict: _mapping_def(OrderedDict),
    defaultdict: NodeDef(_flatten_defaultdict, _unflatten_defaultdict, _mapping_keys),
    deque: NodeDef(
        lambda tree: (tree, tree.maxlen), lambda kids, maxlen: deque(kids, maxlen), _sequence_keys
    ),
    namedtuple: NodeDef(
        lambda tree: (tree, type(tree)),
        lambda kids, cls: cls(*kids),
        lambda tree: map(GetAttrKey, tree._fields),
    ),
}
_DICTS: Final = (dict, OrderedDict, defaultdict)
_LEAF: Final = TreeSpec(None, None, ())


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[Iterable[Any], Context]],
    unflatten_fn: Callable[[Iterable[Any], Context], Any],
    *,
    flatten_with_keys_fn: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Context]] | None = None,
) -> None:
    """Make `cls` a container: flatten gives (children, context), unflatten takes them back.

    ValueError if `cls` is registered already.
    """
    if cls in _NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    keys = None
    if flatten_with_keys_fn is not None:
        with_keys = flatten_with_keys_fn
        keys = lambda tree: (key for key, _ in with_keys(tree)[0])  # noqa: E731
    _NODES[cls] = NodeDef(flatten_fn, unflatten_fn, keys)


def _node_type(tree: Any) -> Any:
    """Return the registered type `tree` is taken apart as, or None for a leaf."""
    cls = type(tree)
    if cls in _NODES:
        return cls
    is_named = issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)
    return namedtuple if is_named and hasattr(cls, "_make") else None


# -- the functions ------------------------------------------------------------------------------


def tree_flatten(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """Return the leaves, left to right, and the structure around them.

    >>> tree_flatten([1, {"a": None}])[0]
    [1, None]
    """
    leaves: list[Any] = []
    return leaves, _flatten_into(leaves, tree, is_leaf)


def _flatten_into(leaves: list[Any], tree: PyTree, is_leaf: IsLeaf) -> TreeSpec:
    node = None if is_leaf is not None and is_leaf(tree) else _node_type(tree)
    if node is None:
        leaves.append(tree)
        return _LEAF
    children, context = _NODES[node].flatten(tree)
    return TreeSpec(node, context, [_flatten_into(leaves, child, is_leaf) for child in children])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """Build the tree of structure `treespec` around `leaves`.

    >>> tree_unflatten([1, 2], tree_structure(("a", ["b"])))
    (1, [2])
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec "
            f"but got item of type {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree: PyTree, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """Iterate over the leaves, left to right."""
    node = None if is_leaf is not None and is_leaf(tree) else _node_type(tree)
    if node is None:
        yield tree
        return
    for child in _NODES[node].flatten(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree: PyTree, is_leaf: IsLeaf = None) -> list[Any]:
    """Return the leaves, left to right.

    >>> tree_leaves({"b": 1, "a": (2, 3)})
    [1, 2, 3]
    """
    return list(tree_iter(tree, is_leaf))


def tree_structure(tree: PyTree, is_leaf: IsLeaf = None) -> TreeSpec:
    """Return the structure alone."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """Apply `func` to the leaves of `tree` and the subtrees of `rests` in the same places.

    >>> tree_map(lambda x, y: x + y, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *(spec.flatten_up_to(rest) for rest in rests)]
    return spec.unflatten(map(func, *columns))


def tree_map_(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """Call `func` on the leaves for its effects; return `tree` itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(
    types: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """Apply `func` to the leaves that are instances of `types` (or for which `types` is true).

    >>> tree_map_only(int, str, [1, 2.0])
    ['1', 2.0]
    """
    if isinstance(types, type | tuple):
        return tree_map(lambda x: func(x) if isinstance(x, types) else x, tree, is_leaf=is_leaf)
    return tree_map(lambda x: func(x) if types(x) else x, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Tell whether `pred` holds for every leaf."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Tell whether `pred` holds for some leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def broadcast_to_and_flatten(
    tree: PyTree, treespec: TreeSpec, is_leaf: IsLeaf = None
) -> list[Any] | None:
    """Repeat the leaves of a prefix tree to the leaves of `treespec`; None if it is no prefix.

    >>> broadcast_to_and_flatten((0, None), tree_structure((1, [2, 3])))
    [0, None, None]
    """
    if (is_leaf is not None and is_leaf(tree)) or _node_type(tree) is None:
        return [tree] * treespec.num_leaves
    try:
        children = treespec._matching_children(tree)
    except ValueError:
        return None
    found: list[Any] = []
    for child, spec in zip(children, treespec.children(), strict=True):
        part = broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        found += part
    return found


# -- paths --------------------------------------------------------------------------------------


def tree_flatten_with_path(
    tree: PyTree, is_leaf: IsLeaf = None
) -> tuple[list[tuple[KeyPath, Any]], TreeSpec]:
    """Return (path, leaf) pairs and the structure; ValueError for a type without keys.

    >>> [keystr(path) for path, _ in tree_flatten_with_path({"a": [1, 2]})[0]]
    ["['a'][0]", "['a'][1]"]
    """
    return list(_walk_with_path((), tree, is_leaf)), tree_structure(tree, is_leaf)


def _walk_with_path(path: KeyPath, tree: PyTree, is_leaf: IsLeaf) -> Iterator[tuple[KeyPath, Any]]:
    node = None if is_leaf is not None and is_leaf(tree) else _node_type(tree)
    if node is None:
        yield path, tree
        return
    definition = _NODES[node]
    if definition.keys is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {node}. Please pass a "
            "flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, child in zip(definition.keys(tree), definition.flatten(tree)[0], strict=True):
        yield from _walk_with_path((*path, key), child, is_leaf)


def tree_map_with_path(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """Apply `func(path, leaf, ...)` to the leaves, as `tree_map`."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [*zip(*pairs, strict=True)] if pairs else [(), ()]
    return spec.unflatten(map(func, *columns, *(spec.flatten_up_to(rest) for rest in rests)))


def keystr(path: KeyPath) -> str:
    """Spell a path as the Python that follows it."""
    return "".join(map(str, path))
