"""einsum: contraction of any number of tensors, two at a time, from left to right.

Each pair is brought to one batched matrix product. Knows labels and shapes; computes by ops.
"""

from __future__ import annotations

from typing import Any

from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.linalg.product import matmul_

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Labels:
    """A parsed equation: one list of labels an operand, and the labels of the result.

    Ellipsis dimensions get labels of their own, ("...", k) counted from the right.
    """

    def __init__(self, equation: str, ranks: list[int]) -> None:
        self.equation = equation
        left, arrow, right = equation.replace(" ", "").partition("->")
        terms = left.split(",")
        if len(terms) < len(ranks):
            raise RuntimeError(
                "einsum(): more operands were provided than specified in the equation"
            )
        if len(terms) > len(ranks):
            raise RuntimeError(
                "einsum(): fewer operands were provided than specified in the equation"
            )
        pairs = enumerate(zip(terms, ranks, strict=True))
        self.inputs = [self._term(t, n, i) for i, (t, n) in pairs]
        self.output = self._result(right) if arrow else self._implicit()

    def _term(self, term: str, rank: int, i: int) -> list[Any]:
        _check_letters(term, f"operand {i}", self.equation, 0)
        head, dots, tail = term.partition("...")
        named = len(head) + len(tail)
        if (not dots and named != rank) or named > rank:
            what = "does not match" if not dots else "is more than"
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) {what} the number "
                f"of dimensions ({rank}) for operand {i}"
                + ("" if dots else " and no ellipsis was given")
            )
        hidden = [("...", k) for k in range(rank - named - 1, -1, -1)] if dots else []
        return [*head, *hidden, *tail]

    def _all(self) -> list[Any]:
        seen: dict[Any, int] = {}
        for term in self.inputs:
            for label in term:
                seen[label] = seen.get(label, 0) + 1
        self.counts = seen
        return list(seen)

    def _hidden(self) -> list[Any]:
        hidden = {label for label in self._all() if isinstance(label, tuple)}
        return sorted(hidden, key=lambda label: -label[1])

    def _implicit(self) -> list[Any]:
        hidden = self._hidden()
        once = [x for x, n in self.counts.items() if n == 1 and isinstance(x, str)]
        return hidden + sorted(once, key=_LETTERS.index)

    def _result(self, term: str) -> list[Any]:
        _check_letters(term, "output", self.equation, self.equation.index("->") + 2)
        known = self._all()
        head, dots, tail = term.partition("...")
        out = [*head, *(self._hidden() if dots else []), *tail]
        for label in out:
            if out.count(label) > 1:
                raise RuntimeError(
                    f"einsum(): output subscript {label} appears more than once in the output"
                )
            if label not in known:
                raise RuntimeError(
                    f"einsum(): output subscript {label} does not appear in the equation for any "
                    "input operand"
                )
        return out


def _check_letters(term: str, where: str, equation: str, start: int) -> None:
    if term.count("...") > 1:
        raise RuntimeError(
            f"einsum(): found '.' for {where} for which an ellipsis was already found"
        )
    rest = term.replace("...", "")
    if "." in rest:
        hint = " (...)" if where == "output" else ""
        raise RuntimeError(
            f"einsum(): found '.' for {where} that is not part of any ellipsis{hint}"
        )
    for c in rest:
        if c not in _LETTERS:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {equation.index(c, start)} in the "
                "equation string, subscripts must be in [a-zA-Z]"
            )


def _diagonals(t: Tensor, labels: list[Any], i: int) -> tuple[Tensor, list[Any]]:
    """Take diagonals where a label is repeated within one operand."""
    k = 0
    while k < len(labels):
        first = labels.index(labels[k])
        if first < k:
            if t.shape[first] != t.shape[k]:
                raise RuntimeError(
                    f"einsum(): subscript {labels[k]} is repeated for operand {i} but the sizes "
                    f"don't match, {t.shape[k]} != {t.shape[first]}"
                )
            t = t.diagonal(0, first, k).movedim(-1, first)
            labels = labels[:k] + labels[k + 1 :]
        else:
            k += 1
    return t, labels


def _check_sizes(tensors: list[Tensor], terms: list[list[Any]]) -> None:
    sizes: dict[Any, int] = {}
    for i, (t, labels) in enumerate(zip(tensors, terms, strict=True)):
        for label, n in zip(labels, t.shape, strict=True):
            old = sizes.setdefault(label, n)
            if old == 1:
                sizes[label] = n
            elif n not in (1, old):
                raise RuntimeError(
                    f"einsum(): subscript {label} has size {n} for operand {i} which does not "
                    f"broadcast with previously seen size {old}"
                )


def _align(t: Tensor, have: list[Any], want: list[Any]) -> Tensor:
    """Dimensions in the order `want`, with size 1 for labels the operand does not have."""
    order = [have.index(x) for x in want if x in have]
    t = t.permute(*order)
    shape = iter(t.shape)
    return t.reshape([next(shape) if x in have else 1 for x in want])


def _contract(
    a: Tensor, la: list[Any], b: Tensor, lb: list[Any], keep: set[Any]
) -> tuple[Tensor, list[Any]]:
    """Contract two operands over the labels that nobody needs any more."""
    for label in [x for x in la if x not in lb and x not in keep]:
        a, la = a.sum(la.index(label)), [x for x in la if x != label]
    for label in [x for x in lb if x not in la and x not in keep]:
        b, lb = b.sum(lb.index(label)), [x for x in lb if x != label]
    shared = [x for x in la if x in lb]
    batch = [x for x in shared if x in keep]
    gone = [x for x in shared if x not in keep]
    fa = [x for x in la if x not in lb]
    fb = [x for x in lb if x not in la]
    out_labels = batch + fa + fb
    if all(a.shape[la.index(x)] == b.shape[lb.index(x)] == 1 for x in gone):
        out = _align(a, la, out_labels + gone) * _align(b, lb, out_labels + gone)
        for _ in gone:  # nothing to sum over
            out = out.squeeze(-1)
        return out, out_labels
    for label in gone:  # a size-1 dimension stands for a repeated one
        i, j = la.index(label), lb.index(label)
        if a.shape[i] == 1 != b.shape[j]:
            b = b.sum(j, keepdim=True)
        elif b.shape[j] == 1 != a.shape[i]:
            a = a.sum(i, keepdim=True)
    left = _align(a, la, batch + fa + gone)
    right = _align(b, lb, batch + gone + fb)
    n, k = len(batch), len(gone)
    rows, cols = left.shape[n : n + len(fa)], right.shape[n + k :]
    x = left.reshape(*left.shape[:n], _prod(rows), _prod(left.shape[n + len(fa) :]))
    y = right.reshape(*right.shape[:n], _prod(right.shape[n : n + k]), _prod(cols))
    out = matmul_(x, y)
    return out.reshape(*out.shape[:n], *rows, *cols), out_labels


def _prod(sizes: Any) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total


def _from_sublists(operands: tuple[Any, ...]) -> tuple[str, list[Tensor]]:
    """einsum(x, [0, 1], y, [1, 2], [0, 2]) in letters."""

    def letters(items: Any) -> str:
        for i in items:
            if i is not Ellipsis and not 0 <= i < len(_LETTERS):
                raise ValueError(
                    "einsum(): subscript in subscript list is not within the valid range [0, 52)"
                )
        return "".join("..." if i is Ellipsis else _LETTERS[i] for i in items)

    tensors = list(operands[0 : len(operands) // 2 * 2 : 2])
    equation = ",".join(letters(s) for s in operands[1 : len(operands) // 2 * 2 : 2])
    if len(operands) % 2:
        equation += "->" + letters(operands[-1])
    return equation, tensors


def _check_dtypes(tensors: list[Tensor]) -> None:
    first = tensors[0].dtype
    for t in tensors[1:]:
        if t.dtype is not first:
            raise RuntimeError(
                f"expected scalar type {first.scalar_name} but found {t.dtype.scalar_name}"
            )
    if first.scalar_name == "Bool":
        raise NotImplementedError("\"bmm\" not implemented for 'Bool'")


@op(
    method=False,
    samples=lambda t: [
        S("ij,jk->ik", t(2, 3), t(3, 4)),
        S("bij,bjk", t(2, 3, 2), t(2, 2, 3)),
        S("ii->i", t(3, 3)),
        S("...i,...i->...", t(2, 3), t(3)),
        S("ij->", t(2, 0)),
    ],
)
def einsum(*args: Any) -> Tensor:
    """Sum products of the operands over the labels that the result does not have."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if isinstance(args[0], Tensor):
        equation, tensors = _from_sublists(args)
    else:
        equation, rest = args[0], args[1:]
        nested = len(rest) == 1 and isinstance(rest[0], (list, tuple))
        tensors = list(rest[0] if nested else rest)
    if len(tensors) > 1:
        _check_dtypes(tensors)
    labels = Labels(equation, [t.ndim for t in tensors])
    operands = []
    for i, (t, term) in enumerate(zip(tensors, labels.inputs, strict=True)):
        operands.append(_diagonals(t, term, i))
    _check_sizes([t for t, _ in operands], [term for _, term in operands])
    out, have = operands[0]
    for i, (t, term) in enumerate(operands[1:], 1):
        keep = set(labels.output).union(*(x for _, x in operands[i + 1 :]))
        out, have = _contract(out, have, t, term, keep)
    for label in [x for x in have if x not in labels.output]:
        out, have = out.sum(have.index(label)), [x for x in have if x != label]
    return out.permute(*[have.index(x) for x in labels.output]) if have else out
