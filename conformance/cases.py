"""Cases: an op's name, its samples frozen for both sides, and where they come from.

Two sources: the samples that declarations bring, and torch's own OpInfo database. Knows no check.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance import oracle
from conformance.values import Unusual, freeze, tensors

SEED = 20240607
POOL = 16  # samples that OpInfo generates at most before some are drawn
PARTS = 4  # a sampled run checks the ops of one of so many parts
# Always the same ones, of every family: for the test suite and a glance.
QUICK = (
    "add", "argmax", "cat", "clamp", "cumsum", "div.no_rounding_mode", "einsum", "exp", "flip",
    "gather", "index_select", "logsumexp", "matmul", "max.reduction_with_dim", "mean", "mul",
    "nn.functional.conv2d", "nn.functional.gelu", "nn.functional.layer_norm", "pow", "sigmoid",
    "softmax", "sort", "sum", "transpose", "unfold", "var", "where",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One call: frozen arguments, and what turns its result into what is compared.

    `pre` brings the arguments into the op's domain; the gradient of one that is not `exact` is by
    definition not the derivative of its value.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    post: Any = None
    error: tuple[type, ...] = ()
    pre: Any = None
    exact: bool = True

    def wants_grad(self) -> bool:
        """Tell whether some argument is differentiable."""
        return any(t.grad for t in tensors([self.args, self.kwargs]))


@dataclass(frozen=True)
class Case:
    """One op from one source."""

    name: str
    source: str
    what: Any = field(repr=False, compare=False)

    def functions(self, ours: Any, theirs: Any) -> tuple[Any, Any]:
        """(franken's function, torch's); None for one that does not exist."""
        return self._function(ours), self._function(theirs) if theirs else None

    def _function(self, side: Any) -> Any:
        try:
            if self.source == "opinfo":
                return oracle.resolve(self.what, side.module)
            if side.name == "franken":
                return self.what.function if self.what.at else self.what.fn
            if not self.what.at:
                return getattr(side.Tensor, self.what.name, None)
            return oracle.public(self.what.name, side.module)
        except oracle.Missing:
            return None

    def samples(self, dtype: str, count: int, ours: Any, theirs: Any) -> list[Sample]:
        """Samples of a dtype; none if the op does not take it. Declared ones are few: all."""
        if self.source == "opinfo":
            return _opinfo_samples(self.what, dtype, count, theirs)
        return list(_declared_samples(self.what, dtype, ours))

    def error_samples(self, theirs: Any) -> list[Sample]:
        """Calls that must raise, with the types that torch's suite expects."""
        if self.source != "opinfo" or self.what.error_inputs_func is None:
            return []
        found = []
        for e in itertools.islice(self.what.error_inputs("cpu"), 24):
            try:
                sample = _frozen(e.sample_input, theirs, False)
            except Unusual:
                continue
            kinds = e.error_type if isinstance(e.error_type, tuple) else (e.error_type,)
            found.append(Sample(sample.args, sample.kwargs, None, kinds))
        return found


def collect(
    only: str | None = None, quick: bool = False, source: str = "both", part: int | None = None
) -> list[Case]:
    """All cases of a source whose name matches; declarations first. `part`: one in PARTS."""
    from franken.core.op import OPS

    cases = [Case(name, "declared", op) for name, op in OPS.items() if has_samples(op)]
    if source == "opinfo":
        cases = []
    if source != "declared":  # the database takes seconds to import
        cases += [Case(name, "opinfo", info) for name, info in oracle.opinfos()]
    if quick:
        cases = [c for c in cases if c.name in QUICK]
    if part is not None:
        cases = [c for c in cases if zlib.crc32(c.name.encode()) % PARTS == part % PARTS]
    return [c for c in cases if not only or re.search(only, c.name)]


def has_samples(op: Any) -> bool:
    """Tell whether a declaration brings samples, and not only a reason for having none."""
    return callable(op.samples)


def _declared_samples(op: Any, dtype: str, side: Any) -> Iterator[Sample]:
    from franken.ops.declaring.samples import Call, Maker

    torch = side.module
    for call in op.samples(Maker(torch, getattr(torch, dtype))):
        args, kwargs, post, pre, exact = Call(*call)
        memo: dict[int, Any] = {}
        frozen = freeze(tuple(args), side, memo), freeze(dict(kwargs), side, memo)
        yield Sample(*frozen, post, (), pre, exact)


def _frozen(sample: Any, side: Any, strides: bool) -> Sample:
    memo: dict[int, Any] = {}
    args = tuple(freeze(a, side, memo, strides) for a in (sample.input, *sample.args))
    kwargs = freeze(sample.kwargs, side, memo, strides)
    return Sample(args, kwargs, sample.output_process_fn_grad)


def _opinfo_samples(info: Any, dtype: str, count: int, theirs: Any) -> list[Sample]:
    torch = theirs.module
    wanted = getattr(torch, dtype)
    if wanted not in info.supported_dtypes("cpu"):
        return []
    grad = info.supports_autograd and wanted in info.supported_backward_dtypes("cpu")
    theirs.seed(SEED)
    found: list[Sample] = []
    generated = info.sample_inputs("cpu", wanted, requires_grad=grad)
    for sample in itertools.islice(generated, POOL):
        try:
            found.append(_frozen(sample, theirs, info.name.startswith("as_strided")))
        except Unusual:
            continue
    step = max(1, len(found) // count)  # spread over the pool, the same ones on every run
    return found[::step][:count]
