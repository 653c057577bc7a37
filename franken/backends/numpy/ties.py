"""The order that torch leaves equal values in: introsort, introselect, heaps and quickselect.

torch's unstable selections are the C++ library's, deterministic but not stable; which of several
equal values comes first is seen in indices and in gradients. The algorithms are those of Musser,
"Introspective Sorting and Selection Algorithms" (1997), with the median of three and the thresholds
that the oracle's answers show (rows up to 16 come out stable), and of "Numerical Recipes" (select).

Works on one row of ranks: integers that order as the values do, equal for equal values. Must not
know Tensor or autograd. A row is a Python list here, since most of its segments are short; long
segments are divided by NumPy.
"""

from __future__ import annotations

import numpy as np

SHORT = 16  # segments that insertion sort finishes
_LONG = 400  # segments that NumPy divides faster than a loop
Row = np.ndarray


def _median_to_front(key: Row, at: Row, first: int, last: int) -> None:
    """Swap the median of the second, middle and last element into the first place."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    x, y, z = key[a], key[b], key[c]
    if x < y:
        chosen = b if y < z else c if x < z else a
    else:
        chosen = a if x < z else c if y < z else b
    _swap(key, at, first, chosen)


def _swap(key: Row, at: Row, i: int, j: int) -> None:
    key[i], key[j] = key[j], key[i]
    at[i], at[j] = at[j], at[i]


def _divide(key: Row, at: Row, first: int, last: int) -> int:
    """Partition a segment around the median of three; where the upper part begins.

    From both ends towards the middle, elements not below the pivot change places with elements not
    above it; equal ones too. Found by NumPy: the j-th of the one from the left with the j-th of the
    other from the right, while they have not met.
    """
    _median_to_front(key, at, first, last)
    pivot = key[first]
    part = key[first + 1 : last]
    if last - first < _LONG:
        return _divide_short(key, at, first, last, part.tolist(), int(pivot))
    left = np.flatnonzero(part >= pivot) + (first + 1)
    right = np.flatnonzero(part <= pivot)[::-1] + (first + 1)
    n = min(len(left), len(right))
    met = int((left[:n] < right[:n]).sum())
    i, j = left[:met], right[:met]
    for row in (key, at):
        row[i], row[j] = row[j], row[i]
    stops = [int(left[met])] if met < len(left) else []
    return min([*stops, int(right[met - 1])] if met else stops)


def _divide_short(
    key: Row, at: Row, first: int, last: int, part: list[int], pivot: int
) -> int:  # fmt: skip
    i, j = 0, len(part)
    start = first + 1
    while True:
        while part[i] < pivot:
            i += 1
        j -= 1
        while pivot < part[j]:
            j -= 1
        if i >= j:
            return start + i
        part[i], part[j] = part[j], part[i]
        _swap(key, at, start + i, start + j)
        i += 1


def insertion_sort(rows: np.ndarray) -> np.ndarray:
    """The order of up to `SHORT` rows, compared element by element.

    NaN is neither below nor above anything, so it divides the rows, and they are not in any order
    across it; which one results is the algorithm's.

    >>> insertion_sort(np.array([[2.0], [np.nan], [1.0], [0.0]])).tolist()
    [3, 2, 0, 1]
    """

    def below(a: int, b: int) -> bool:
        differs = np.flatnonzero((rows[a] < rows[b]) | (rows[a] > rows[b]))
        return bool(len(differs)) and bool(rows[a, differs[0]] < rows[b, differs[0]])

    order: list[int] = []
    for row in range(len(rows)):
        place = len(order)
        if order and below(row, order[0]):
            place = 0
        else:
            while place and below(row, order[place - 1]):
                place -= 1
        order.insert(place, row)
    return np.array(order, np.int64)


def introsort(rank: Row) -> Row:
    """The permutation that std::sort makes of a row of ranks."""
    key, at = rank.copy(), np.arange(len(rank))
    waiting = [(0, len(key), 2 * (len(key).bit_length() - 1))]
    while waiting:
        first, last, depth = waiting.pop()
        while last - first > SHORT:
            if not depth:
                _heap_sorted(key, at, first, last, last)
                break
            depth -= 1
            cut = _divide(key, at, first, last)
            waiting.append((cut, last, depth))
            last = cut
    return at[np.argsort(key, kind="stable")]  # insertion sort is stable


def introselect(rank: Row, nth: int) -> Row:
    """The permutation that std::nth_element makes: what is before `nth` is not above it."""
    key, at = rank.copy(), np.arange(len(rank))
    first, last = 0, len(key)
    depth = 2 * (len(key).bit_length() - 1)
    while last - first > 3:
        if not depth:
            _heap_select(key, at, first, nth + 1, last)
            _swap(key, at, first, nth)
            return at
        depth -= 1
        cut = _divide(key, at, first, last)
        if cut <= nth:
            first = cut
        else:
            last = cut
    at[first:last] = at[first:last][np.argsort(key[first:last], kind="stable")]
    return at


# --- heaps: of at most `middle - first` elements, the largest first ------------------------------


def _sift(key: list[int], at: list[int], hole: int, size: int, value: int, place: int) -> None:
    """Move the hole down to a leaf along the larger children, then the value up from there."""
    top, child = hole, hole
    while child < (size - 1) // 2:
        child = 2 * (child + 1)
        if key[child] < key[child - 1]:
            child -= 1
        key[hole], at[hole] = key[child], at[child]
        hole = child
    if not size % 2 and child == (size - 2) // 2:
        child = 2 * child + 1
        key[hole], at[hole] = key[child], at[child]
        hole = child
    parent = (hole - 1) // 2
    while hole > top and key[parent] < value:
        key[hole], at[hole] = key[parent], at[parent]
        hole, parent = parent, (parent - 1) // 2
    key[hole], at[hole] = value, place


def _heap_select(key: Row, at: Row, first: int, middle: int, last: int) -> None:
    """Let a heap of the smallest elements stand before `middle`."""
    k, where = key[first:middle].tolist(), at[first:middle].tolist()
    size = len(k)
    for parent in range((size - 2) // 2, -1, -1):
        _sift(k, where, parent, size, k[parent], where[parent])
    i = middle
    while i < last:
        later = np.flatnonzero(key[i:last] < k[0])
        if not len(later):
            break
        i += int(later[0])
        value, place = int(key[i]), int(at[i])
        key[i], at[i] = k[0], where[0]
        _sift(k, where, 0, size, value, place)
        i += 1
    key[first:middle], at[first:middle] = k, where


def _heap_sorted(key: Row, at: Row, first: int, middle: int, last: int) -> None:
    """The smallest elements before `middle`, in order."""
    _heap_select(key, at, first, middle, last)
    k, where = key[first:middle].tolist(), at[first:middle].tolist()
    for end in range(len(k) - 1, 0, -1):
        value, place = k[end], where[end]
        k[end], where[end] = k[0], where[0]
        _sift(k, where, 0, end, value, place)
    key[first:middle], at[first:middle] = k, where


def partial_sort(rank: Row, k: int) -> Row:
    """The permutation that std::partial_sort of the first k makes."""
    key, at = rank.copy(), np.arange(len(rank))
    _heap_sorted(key, at, 0, k, len(key))
    return at


# --- quickselect ---------------------------------------------------------------------------------


def quickselect(rank: Row, k: int) -> int:
    """Which element stands at place k after the select of Numerical Recipes."""
    key, at = rank.tolist(), list(range(len(rank)))

    def swap(i: int, j: int) -> None:
        key[i], key[j] = key[j], key[i]
        at[i], at[j] = at[j], at[i]

    low, high = 0, len(key) - 1
    while high > low:
        if high == low + 1:
            if key[low] > key[high]:
                swap(low, high)
            break
        swap((low + high) // 2, low + 1)
        for i, j in ((low + 1, high), (low, high), (low + 1, low)):
            if key[i] > key[j]:
                swap(i, j)
        i, j, pivot = low + 1, high, key[low]
        while True:
            i += 1
            while key[i] < pivot:
                i += 1
            j -= 1
            while key[j] > pivot:
                j -= 1
            if j < i:
                break
            swap(i, j)
        swap(low, j)
        if j <= k:
            low = i
        if j >= k:
            high = j - 1
    return at[k]


# --- rows of values ------------------------------------------------------------------------------

# Calls on more elements keep equal values in their order: what they cost in Python would show.
LIMIT = 1 << 14


def ranks(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Ranks of rows whose stable order is known: equal values, NaN too, have the same."""
    values = np.take_along_axis(rows, order, axis=1)
    new = np.zeros(values.shape, np.int64)
    new[:, 1:] = values[:, 1:] != values[:, :-1]
    if rows.dtype.kind == "f":
        new[:, 1:] &= ~(np.isnan(values[:, 1:]) & np.isnan(values[:, :-1]))
    found = np.empty(values.shape, np.int64)
    np.put_along_axis(found, order, np.cumsum(new, axis=1), axis=1)
    return found


def sorted_rows(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """What std::sort makes of rows, given their stable order (ascending or descending)."""
    n = rows.shape[1]
    if n <= SHORT or rows.size > LIMIT:
        return order
    rank = ranks(rows, order)
    order = order.copy()
    for i in np.flatnonzero(rank.max(1) < n - 1):  # rows without equal values are as they are
        order[i] = introsort(rank[i])
    return order


def top_rows(rows: np.ndarray, order: np.ndarray, k: int, in_order: bool) -> np.ndarray:
    """The first k of the rows' order as torch selects them: by a heap if they are few."""
    m, n = rows.shape
    if rows.size > LIMIT or not k:
        return order[:, :k]
    rank = ranks(rows, order)
    found = order[:, :k].copy()
    heap = 64 * k <= n
    for i in range(m):
        if (in_order or heap) and rank[i].max() == n - 1:
            continue
        found[i] = _top(rank[i], k, heap, in_order)
    return found


def _top(rank: Row, k: int, heap: bool, in_order: bool) -> Row:
    if heap:
        return partial_sort(rank, k)[:k]
    at = introselect(rank, k - 1)[:k]
    if in_order:
        at[:-1] = at[:-1][introsort(rank[at[:-1]])]
    return at
