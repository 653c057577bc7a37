"""torch.utils._pytree: trees of containers, taken apart and put together."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

from franken.core.pytree import (
    _LEAF,
    Context,
    GetAttrKey,
    KeyPath,
    MappingKey,
    NodeDef,
    PyTree,
    SequenceKey,
    TreeSpec,
    _node_type,
    keystr,
    tree_all,
    tree_any,
    tree_flatten,
    tree_flatten_with_path,
    tree_iter,
    tree_leaves,
    tree_map,
    tree_map_,
    tree_map_only,
    tree_map_with_path,
    tree_structure,
    tree_unflatten,
)
from franken.core.pytree import _NODES as SUPPORTED_NODES
from franken.core.pytree import broadcast_to_and_flatten as _broadcast_to_and_flatten
from franken.core.pytree import register_pytree_node as _register

__all__ = [
    "Context", "KeyPath", "LeafSpec", "MappingKey", "NodeDef", "PyTree", "PyTreeSpec",
    "SUPPORTED_NODES", "SequenceKey", "TreeSpec", "_broadcast_to_and_flatten",
    "arg_tree_leaves", "is_namedtuple", "is_namedtuple_class", "is_namedtuple_instance",
    "key_get", "keystr", "map_only", "register_constant", "register_dataclass",
    "register_pytree_node", "tree_all", "tree_all_only", "tree_any", "tree_any_only",
    "tree_flatten", "tree_flatten_with_path", "tree_is_leaf", "tree_iter", "tree_leaves",
    "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_",
    "tree_map_with_path", "tree_structure", "tree_unflatten", "treespec_leaf", "treespec_pprint",
]  # fmt: skip
PyTreeSpec = TreeSpec
_IsLeaf = Callable[[Any], bool] | None


class _Leaves(type):
    """Leaves are specs without a type."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TreeSpec) and instance.is_leaf()

    def __call__(cls) -> Any:
        return _LEAF


class LeafSpec(metaclass=_Leaves):
    """The spec of one leaf.

    >>> isinstance(tree_structure(1), LeafSpec), LeafSpec()
    (True, *)
    """


def treespec_leaf() -> TreeSpec:
    """The spec of one leaf."""
    return _LEAF


def treespec_pprint(treespec: TreeSpec) -> str:
    """A spec as text: the tree with `*` where leaves are."""
    return repr(treespec.unflatten([_Star()] * treespec.num_leaves))


class _Star:
    def __repr__(self) -> str:
        return "*"


def register_pytree_node(
    cls: type, flatten_fn: Callable[[Any], Any], unflatten_fn: Callable[..., Any],
    to_str_fn: Any = None, maybe_from_str_fn: Any = None, *,
    serialized_type_name: str | None = None, to_dumpable_context: Any = None,
    from_dumpable_context: Any = None, flatten_with_keys_fn: Any = None,
) -> None:  # fmt: skip
    """Make a class a container: flatten gives (children, context), unflatten takes them back.

    ValueError if it is one already. What is said for dumping specs is not used.
    """
    _register(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn=flatten_with_keys_fn)


_register_pytree_node = register_pytree_node


def register_dataclass(
    cls: type, *, field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None, serialized_type_name: str | None = None,
) -> None:  # fmt: skip
    """Make a dataclass a container of its fields, but for those to drop."""
    names = field_names or [f.name for f in dataclasses.fields(cls) if f.init]
    names = [name for name in names if name not in (drop_field_names or ())]

    def flatten(obj: Any) -> tuple[list[Any], list[str]]:
        return [getattr(obj, name) for name in names], names

    def with_keys(obj: Any) -> tuple[list[tuple[Any, Any]], list[str]]:
        return [(GetAttrKey(name), getattr(obj, name)) for name in names], names

    _register(
        cls, flatten, lambda kids, found: cls(**dict(zip(found, kids, strict=True))),
        flatten_with_keys_fn=with_keys,
    )  # fmt: skip


def register_constant(cls: type) -> None:
    """Make a class a container of nothing: its objects are part of the structure."""
    _register(cls, lambda obj: ([], obj), lambda kids, obj: obj)


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class is a named tuple's."""
    fields = getattr(cls, "_fields", None)
    is_tuple = isinstance(cls, type) and issubclass(cls, tuple) and isinstance(fields, tuple)
    return is_tuple and all(isinstance(name, str) for name in fields or ())


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether a value is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: Any) -> bool:
    """Whether a value or a class is a named tuple's."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def tree_is_leaf(tree: PyTree, is_leaf: _IsLeaf = None) -> bool:
    """Whether a value is a leaf: no container, or one that `is_leaf` says is none."""
    return (is_leaf is not None and is_leaf(tree)) or _node_type(tree) is None


_is_leaf, _get_node_type, _is_namedtuple_instance = tree_is_leaf, _node_type, is_namedtuple_instance


def tree_leaves_with_path(tree: PyTree, is_leaf: _IsLeaf = None) -> list[tuple[KeyPath, Any]]:
    """The leaves, each with its path."""
    return tree_flatten_with_path(tree, is_leaf)[0]


def arg_tree_leaves(*args: PyTree, **kwargs: PyTree) -> list[Any]:
    """The leaves of the arguments of a call."""
    return [leaf for tree in (*args, *kwargs.values()) for leaf in tree_leaves(tree)]


def _matches(kinds: Any, /) -> Callable[[Any], bool]:
    if callable(kinds) and not isinstance(kinds, type):
        return kinds  # type: ignore[no-any-return]
    return lambda leaf: isinstance(leaf, kinds)


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Any]:
    """A decorator: the function, called for leaves of a type only; others stay as they are."""
    matches = _matches(type_or_types_or_pred)

    def decorate(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(func)
        def run(leaf: Any) -> Any:
            return func(leaf) if matches(leaf) else leaf

        return run

    return decorate


def tree_map_only_(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: PyTree,
    is_leaf: _IsLeaf = None,
) -> PyTree:  # fmt: skip
    """Call a function with the leaves of a type; the tree comes back."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all_only(
    type_or_types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: _IsLeaf = None
) -> bool:
    """Whether a predicate holds for all leaves of a type."""
    return all(pred(leaf) for leaf in _only(type_or_types, tree, is_leaf))


def tree_any_only(
    type_or_types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: _IsLeaf = None
) -> bool:
    """Whether a predicate holds for some leaf of a type."""
    return any(pred(leaf) for leaf in _only(type_or_types, tree, is_leaf))


def _only(kinds: Any, tree: PyTree, is_leaf: _IsLeaf) -> Iterable[Any]:
    return filter(_matches(kinds), tree_iter(tree, is_leaf))


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What a path leads to."""
    for key in kp:
        if isinstance(key, GetAttrKey):
            obj = getattr(obj, key.name)
        else:
            obj = obj[key.key if isinstance(key, MappingKey) else key.idx]
    return obj
