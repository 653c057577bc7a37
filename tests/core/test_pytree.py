"""Trees against torch.utils._pytree: structure, order, printing, errors."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from franken.core import pytree
from franken.core.geometry.size import Size

torch = pytest.importorskip("torch")
oracle = torch.utils._pytree

Point = namedtuple("Point", "x y")


class ListKind(list):
    """A subclass of a container, which is a leaf."""


leaves = st.one_of(st.none(), st.integers(), st.text(max_size=2), st.just(ListKind([1])))
keys = st.one_of(st.integers(0, 9), st.text("abc", max_size=2))


def containers(children):
    mapping = st.dictionaries(keys, children, max_size=3)
    listed = st.lists(children, max_size=3)
    return st.one_of(
        listed,
        listed.map(tuple),
        listed.map(lambda kids: deque(kids, maxlen=7)),
        mapping,
        mapping.map(OrderedDict),
        mapping.map(lambda kids: defaultdict(int, kids)),
        st.builds(Point, children, children),
    )


trees = st.recursive(leaves, containers, max_leaves=12)


def outcome(call):
    try:
        return call()
    except (ValueError, TypeError) as error:
        return type(error).__name__, str(error)


@settings(max_examples=200)
@given(trees)
def test_flatten_and_unflatten(tree):
    ours, spec = pytree.tree_flatten(tree)
    theirs, their_spec = oracle.tree_flatten(tree)
    assert ours == theirs
    assert repr(spec) == repr(their_spec)
    counts = (spec.num_leaves, spec.num_nodes, spec.num_children)
    assert counts == (their_spec.num_leaves, their_spec.num_nodes, their_spec.num_children)
    rebuilt = pytree.tree_unflatten(ours, spec)
    assert repr(rebuilt) == repr(oracle.tree_unflatten(theirs, their_spec)) == repr(tree)


@settings(max_examples=200)
@given(trees)
def test_map_leaves_and_paths(tree):
    mapped = pytree.tree_map(lambda x: [x], tree)
    assert repr(mapped) == repr(oracle.tree_map(lambda x: [x], tree))
    assert pytree.tree_leaves(tree) == oracle.tree_leaves(tree)
    ours = [(pytree.keystr(path), leaf) for path, leaf in pytree.tree_flatten_with_path(tree)[0]]
    theirs = [(oracle.keystr(path), leaf) for path, leaf in oracle.tree_flatten_with_path(tree)[0]]
    assert ours == theirs
    named = pytree.tree_map_with_path(lambda path, leaf: pytree.keystr(path), tree)
    assert pytree.tree_leaves(named) == [path for path, _ in ours]


@settings(max_examples=300)
@given(trees, trees)
def test_map_of_two_trees_and_equality(a, b):
    ours = outcome(lambda: repr(pytree.tree_map(lambda x, y: (x, y), a, b)))
    theirs = outcome(lambda: repr(oracle.tree_map(lambda x, y: (x, y), a, b)))
    if isinstance(theirs, tuple):
        # Sets of missing keys have no fixed order; compare the words before them.
        assert ours[0] == theirs[0] and ours[1].split(";")[0] == theirs[1].split(";")[0]
    else:
        assert ours == theirs
    same = oracle.tree_structure(a) == oracle.tree_structure(b)
    assert (pytree.tree_structure(a) == pytree.tree_structure(b)) == same
    broadcast = oracle._broadcast_to_and_flatten(a, oracle.tree_structure(b))
    assert pytree.broadcast_to_and_flatten(a, pytree.tree_structure(b)) == broadcast


@given(trees)
def test_equal_specs_hash_alike(tree):
    one, two = pytree.tree_structure(tree), pytree.tree_structure(tree)
    assert one == two and hash(one) == hash(two)


def test_mappings_match_by_key_and_keep_their_order():
    joined = pytree.tree_map(lambda x, y: x + y, {"b": 1, "a": 2}, {"a": 20, "b": 10})
    assert list(joined.items()) == [("b", 11), ("a", 22)]


def test_is_leaf_size_and_namedtuple():
    found = pytree.tree_leaves([1, (2, 3)], is_leaf=lambda x: isinstance(x, tuple))
    assert found == [1, (2, 3)]
    doubled = pytree.tree_map(lambda x: 2 * x, Size([1, 2]))
    assert doubled == (2, 4) and type(doubled) is Size
    assert pytree.tree_map(lambda x: -x, Point(1, 2)) == Point(-1, -2)
    assert pytree.tree_structure(Point(1, 2)) != pytree.tree_structure((1, 2))


def test_the_smaller_functions():
    tree = [1, "a", {"b": 2.0}]
    assert pytree.tree_map_only(int, lambda x: -x, tree) == [-1, "a", {"b": 2.0}]
    assert pytree.tree_map_only(lambda x: x == "a", str.upper, tree) == [1, "A", {"b": 2.0}]
    assert pytree.tree_any(lambda x: x == "a", tree) and not pytree.tree_all(bool, [1, 0])
    seen = []
    assert pytree.tree_map_(seen.append, tree) is tree
    assert seen == [1, "a", 2.0] == list(pytree.tree_iter(tree))
    spec = pytree.tree_structure(tree)
    assert [child.is_leaf() for child in spec.children()] == [True, True, False]
    assert spec.child(2).type is dict and spec.child(2).context == ["b"]


@pytest.mark.parametrize("count", [1, 3])
def test_unflatten_counts_the_leaves(count):
    ours = outcome(lambda: pytree.tree_unflatten([0] * count, pytree.tree_structure([1, 2])))
    theirs = outcome(lambda: oracle.tree_unflatten([0] * count, oracle.tree_structure([1, 2])))
    assert ours == theirs


def test_unflatten_wants_a_treespec():
    with pytest.raises(TypeError, match="Expected `treespec` to be instance of TreeSpec"):
        pytree.tree_unflatten([1], [1])


class Pair:
    """A container that only registration makes one."""

    def __init__(self, left, right):
        self.left, self.right = left, right


def test_registration():
    assert len(pytree.tree_leaves(Pair(1, 2))) == 1
    pytree.register_pytree_node(
        Pair, lambda pair: ((pair.left, pair.right), "ctx"), lambda kids, _: Pair(*kids)
    )
    assert pytree.tree_leaves([Pair(1, [2]), 3]) == [1, 2, 3]
    expected = "TreeSpec(list, None, [TreeSpec(Pair, ctx, [*,\n    *]),\n  *])"
    assert repr(pytree.tree_structure([Pair(1, 2), 3])) == expected
    assert pytree.tree_map(lambda x: -x, Pair(1, 2)).right == -2
    with pytest.raises(ValueError, match="already registered as pytree node"):
        pytree.register_pytree_node(Pair, tuple, tuple)
    with pytest.raises(ValueError, match="Did not find a flatten_with_keys_fn for type"):
        pytree.tree_flatten_with_path(Pair(1, 2))
