"""`__torch_function__` of foreign objects, subclasses and modes, compared with torch."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from typing import Any

import pytest
import torch

import franken
from franken.core.overriding.arming import ARMOURY

BOTH = (torch, franken)


class Diagonal:
    """A foreign object that says what it is asked."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func.__name__, [t.__name__ for t in types], len(args), sorted(kwargs or {})


class Silent:
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return NotImplemented


def said(m: Any, call: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call(m, m.ones(2))
        except (TypeError, RuntimeError) as error:
            return f"{type(error).__name__}: {error}".replace("franken.core.tensor.", "torch.")


FOREIGN = {
    "first": lambda m, t, o: m.matmul(o, t),
    "second": lambda m, t, o: m.matmul(t, o),
    "t + o": lambda m, t, o: t + o,
    "o + t": lambda m, t, o: o + t,
    "t - o": lambda m, t, o: t - o,
    "t / o": lambda m, t, o: t / o,
    "t // o": lambda m, t, o: t // o,
    "t ** o": lambda m, t, o: t**o,
    "t < o": lambda m, t, o: t < o,
    "t @ o": lambda m, t, o: t @ o,
    "o @ t": lambda m, t, o: o @ t,
    "relu": lambda m, t, o: m.nn.functional.relu(o),
    "cat": lambda m, t, o: m.cat([o, t]),
    "stack": lambda m, t, o: m.stack([t, o]),
    "keyword": lambda m, t, o: m.add(t, other=o),
    "out": lambda m, t, o: m.add(t, t, out=o),
    "alpha": lambda m, t, o: m.add(t, t, alpha=o),
    "method": lambda m, t, o: t.add(o),
    "matmul method": lambda m, t, o: t.matmul(o),
    "changed": lambda m, t, o: t.mul_(o),
    "fill": lambda m, t, o: t.fill_(o),
    "index": lambda m, t, o: t[o],
    "linear": lambda m, t, o: m.nn.functional.linear(t, o),
    "bias": lambda m, t, o: m.nn.functional.linear(t, t, o),
    "loss": lambda m, t, o: m.nn.functional.cross_entropy(o, t),
    "where": lambda m, t, o: m.where(o, t, t),
    "einsum": lambda m, t, o: m.einsum("i,i", t, o),
    "reduction": lambda m, t, o: m.sum(o, dim=0),
    "sum dim": lambda m, t, o: t.sum(o),
    "broadcast": lambda m, t, o: m.broadcast_tensors(t, o),
    "allclose": lambda m, t, o: m.allclose(t, o),
    "full_like": lambda m, t, o: m.full_like(o, 1),
    "two": lambda m, t, o: m.add(o, Silent()),
    "two back": lambda m, t, o: m.add(Silent(), o),
    "is_tensor": lambda m, t, o: m.is_tensor(o),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_objects_answer(name: str) -> None:
    want, got = (said(m, lambda m, t: FOREIGN[name](m, t, Diagonal())) for m in BOTH)
    assert got == want


@pytest.mark.parametrize("name", [n for n in FOREIGN if not n.startswith("two")])
def test_nobody_answers(name: str) -> None:
    want, got = (said(m, lambda m, t: FOREIGN[name](m, t, Silent())) for m in BOTH)
    assert got == want


def test_a_handler_s_own_error_and_assignment() -> None:
    class Failing:
        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            raise KeyError(func.__name__)

    for m in BOTH:
        with pytest.raises(KeyError, match="relu"):
            m.relu(Failing())
        with pytest.raises(KeyError, match="__setitem__"):
            m.ones(2)[0] = Failing()
        with pytest.raises(TypeError, match="must be Tensor, not object"):
            m.relu(object())


# --- subclasses ----------------------------------------------------------------------------------


def classes(m: Any) -> Any:
    class Sub(m.Tensor):  # type: ignore[misc]
        pass

    class Subsub(Sub):
        pass

    class Other(m.Tensor):  # type: ignore[misc]
        pass

    return Sub, Subsub, Other


SUBCLASSED = {
    "s + 1": lambda m, x, s, s2, o: s + 1,
    "1 - s": lambda m, x, s, s2, o: 1 - s,
    "x + s": lambda m, x, s, s2, o: x + s,
    "s + s2": lambda m, x, s, s2, o: s + s2,
    "s2 + s": lambda m, x, s, s2, o: s2 + s,
    "s + o": lambda m, x, s, s2, o: s + o,
    "add(o, s)": lambda m, x, s, s2, o: m.add(o, s),
    "function": lambda m, x, s, s2, o: m.add(x, s),
    "functional": lambda m, x, s, s2, o: m.nn.functional.relu(s),
    "linear": lambda m, x, s, s2, o: m.nn.functional.linear(x, s.view(1, 2)),
    "s[0]": lambda m, x, s, s2, o: s[0],
    "s[mask]": lambda m, x, s, s2, o: s[s > 0],
    "shape": lambda m, x, s, s2, o: s.shape,
    "grad": lambda m, x, s, s2, o: s.grad,
    "mT": lambda m, x, s, s2, o: s.view(1, 2).mT,
    "data": lambda m, x, s, s2, o: s.data,
    "split": lambda m, x, s, s2, o: m.split(s, 1),
    "pair": lambda m, x, s, s2, o: s.max(0),
    "list": lambda m, x, s, s2, o: list(s)[0],
    "stack": lambda m, x, s, s2, o: m.stack([x, s]),
    "zeros_like": lambda m, x, s, s2, o: m.zeros_like(s),
    "add_": lambda m, x, s, s2, o: s.add_(1),
    "x.add_": lambda m, x, s, s2, o: x.add_(s),
    "detach": lambda m, x, s, s2, o: s.detach(),
    "copy": lambda m, x, s, s2, o: copy.copy(s),
    "deepcopy": lambda m, x, s, s2, o: copy.deepcopy(s),
    "pickle": lambda m, x, s, s2, o: m.nn.Parameter(s),
    "tolist": lambda m, x, s, s2, o: s.tolist(),
    "repr": lambda m, x, s, s2, o: repr(s),
    "format": lambda m, x, s, s2, o: f"{s[0]:.2f}",
    "new": lambda m, x, s, s2, o: s.new_zeros(2),
    "same": lambda m, x, s, s2, o: s.to(s.dtype) is s,
    "unique": lambda m, x, s, s2, o: m.unique(s),
    "node": lambda m, x, s, s2, o: (s.clone().requires_grad_() + 1).grad_fn.name(),
    "base": lambda m, x, s, s2, o: s.view(1, 2)._base,
    "view": lambda m, x, s, s2, o: s._is_view(),
    "bool": lambda m, x, s, s2, o: bool(s[0]),
    "numpy": lambda m, x, s, s2, o: s.numpy().tolist(),
    "unbind": lambda m, x, s, s2, o: s.unbind(),
    "legacy": lambda m, x, s, s2, o: type(s)([1.0]),
}


def kind(value: Any) -> Any:
    if isinstance(value, (tuple, list)) and not isinstance(value, str):
        return type(value).__name__, [kind(v) for v in value]
    return type(value).__name__, value if isinstance(value, (str, bool, int, float)) else None


@pytest.mark.parametrize("name", SUBCLASSED)
def test_results_keep_the_subclass(name: str) -> None:
    found = []
    for m in BOTH:
        made = [m.ones(2).as_subclass(cls) for cls in classes(m)]
        found.append(kind(said(m, lambda m, x, made=made: SUBCLASSED[name](m, x, *made))))
    want, got = found
    assert repr(got).replace("<locals>.", "") == repr(want).replace("<locals>.", "")


def test_gradients_of_subclasses_are_plain() -> None:
    for m in BOTH:
        sub = classes(m)[0]
        s = m.ones(2).as_subclass(sub).requires_grad_()
        (s * s).sum().backward()
        assert type(s.grad) is m.Tensor and s.grad.tolist() == [2.0, 2.0]
        s.grad = None
        assert s.grad is None
        p = m.nn.Parameter(s)
        assert type(p) is sub and isinstance(p, m.nn.Parameter) and p.is_leaf
        assert not isinstance(s, m.nn.Parameter)


def logged(m: Any) -> Any:
    class Log(m.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.seen.append((func.__name__, [t.__name__ for t in types]))
            return func(*args, **(kwargs or {}))

    return Log()


MODES = {
    "operators": lambda m, x: (x + x, 1 + x, x - 1, 1 - x, x * 2, x / x, 1 / x, x // 2, 1 // x,
                               x % 2, x**2, 2**x, x @ x, -x, +x, abs(x)),
    "comparisons": lambda m, x: (x == x, x != x, x < 1, x <= x, x > x, x >= x),
    "bits": lambda m, x: [(b & b, b | b, b ^ b, 1 & b, ~b, b << 1, b >> 1) for b in (x.long(),)],
    "reading": lambda m, x: (x[0], len(x), list(x), 1 in x, repr(x), bool(x[0]), int(x[0])),
    "properties": lambda m, x: (x.shape, x.dtype, x.grad, x.requires_grad, x.data, x.ndim, x.real),
    "factories": lambda m, x: (m.zeros(2), m.tensor(1), m.arange(2), m.rand(2), m.as_tensor(x)),
    "functions": lambda m, x: (m.add(x, x), m.nn.functional.relu(x), m.relu(x), m.stack([x]),
                               m.split(x, 1), m.nn.functional.softmax(x, 0), m.einsum("i,i", x, x)),
    "methods": lambda m, x: (x.sum(), x.size(), x.dim(), x.numpy(), x.detach(), x.add_(1),
                             x.new_zeros(2), x.is_shared(), x.element_size()),
    "nothing": lambda m, x: (m.is_tensor(x), m.is_grad_enabled(), m.get_default_dtype(), hash(x),
                             m.nn.Parameter(x), x.as_subclass(m.Tensor), m.Tensor([1])),
}  # fmt: skip


@pytest.mark.parametrize("name", MODES)
def test_a_mode_sees_what_torch_s_does(name: str) -> None:
    found = []
    for m in BOTH:
        x = m.tensor([1.0, 2.0])
        with logged(m) as log:
            MODES[name](m, x)
        found.append(log.seen)
        x + x
        assert log.seen == found[-1]
    want, got = found
    assert got == want


def changes(m: Any, x: Any) -> None:
    b = x.long()
    x += 1
    x -= 1
    x *= 2
    x /= 2
    x **= 1
    b //= 1
    b &= 1
    b <<= 1
    x[0] = 1
    x.grad = None
    x.requires_grad = True
    x.foo = 1


def test_a_mode_sees_changes() -> None:
    found = []
    for m in BOTH:
        x = m.tensor([1.0, 2.0])
        with logged(m) as log:
            changes(m, x)
        found.append(log.seen)
    assert found[1] == found[0]


def test_modes_nest_and_leave_no_trace() -> None:
    before = ARMOURY.wanted
    for m in BOTH:
        x = m.ones(2)
        outer, inner = logged(m), logged(m)
        with outer, inner:
            assert m.overrides._get_current_function_mode() is inner
            assert m.overrides._get_current_function_mode_stack() == [outer, inner]
            m.relu(x)
            with m._C.DisableTorchFunction():
                m.relu(x)
            with m._C.DisableTorchFunctionSubclass():
                m.exp(x)
        names = [n for n, _ in inner.seen]
        assert names == [n for n, _ in outer.seen] == ["relu", "exp"]
        assert m.overrides._get_current_function_mode() is None
    assert before == ARMOURY.wanted


def test_functions_keep_their_identity_while_armed() -> None:
    add, shape, function = franken.Tensor.add, franken.Tensor.shape, franken.add
    codes = add.__code__, function.__code__
    with logged(franken) as log:
        assert franken.Tensor.add is add and franken.Tensor.shape is shape
        assert inspect.signature(add) == inspect.signature(add)
        add(franken.ones(2), 1)
        function(franken.ones(2), 1)
    assert [n for n, _ in log.seen] == ["ones", "add", "ones", "add"]
    if not ARMOURY.wanted:
        assert (add.__code__, function.__code__) == codes


def test_frames_of_armed_functions_can_be_read() -> None:
    class Failing:
        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            raise KeyError

    with logged(franken), pytest.raises(KeyError) as caught:
        franken.nn.functional.relu(Failing())
    frames = [entry.frame for entry in caught.traceback]
    assert len([f.f_locals for f in frames]) > 2
    assert any("free0" in f.code.raw.co_freevars for f in frames)


def test_a_mode_refuses_and_is_refused() -> None:
    for m in BOTH:

        class No(m.overrides.TorchFunctionMode):  # type: ignore[misc]
            def __torch_function__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                return NotImplemented

            def __repr__(self) -> str:
                return "No()"

        x = m.ones(1)
        with No(), pytest.raises(TypeError, match=r"(?s)'torch.relu'.*mode object No\(\)"):
            m.relu(x)
        with m.overrides.BaseTorchFunctionMode():
            assert m.relu(m.ones(1)).tolist() == [1.0]
        with m.overrides.TorchFunctionMode(), pytest.raises(NotImplementedError):
            m.relu(x)


# --- torch.overrides -----------------------------------------------------------------------------


def test_questions() -> None:
    for m in BOTH:
        o = m.overrides
        x, d = m.ones(2), Diagonal()
        assert o.has_torch_function((x, d)) and not o.has_torch_function((x, 3))
        assert not o.has_torch_function((m.nn.Parameter(x),))
        assert o.is_tensor_like(d) and o.is_tensor_like(x) and not o.is_tensor_like(3)
        assert o.is_tensor_method_or_property(m.Tensor.add)
        assert o.is_tensor_method_or_property(m.Tensor.shape.__get__)
        assert not o.is_tensor_method_or_property(m.add)
        names = (m.add, m.Tensor.add, m.Tensor.shape.__get__, m.nn.functional.relu, len)
        assert [o.resolve_name(f) for f in names] == [
            "torch.add", "torch.Tensor.add", "torch.Tensor.shape.__get__",
            "torch.nn.functional.relu", None,
        ]  # fmt: skip
        assert o.__all__ == torch.overrides.__all__
        assert m.zeros in o.get_ignored_functions()
        assert m.add not in o.get_ignored_functions()


def test_a_user_s_function_is_wrapped() -> None:
    for m in BOTH:

        @m.overrides.wrap_torch_function(lambda a, b=None: (a, b))
        def mine(a: Any, b: Any = None) -> str:
            return "mine"

        assert mine(m.ones(1)) == "mine"
        assert mine(Diagonal(), b=1) == ("mine", ["Diagonal"], 1, ["b"])
        with pytest.raises(TypeError, match="no implementation found for '.*mine' on types that"):
            mine(Silent())


def _arguments(function: Any, value: Any) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    kwargs = {}
    for p in inspect.signature(function).parameters.values():
        if p.default is not p.empty or p.kind is p.VAR_KEYWORD:
            continue
        if p.kind is p.KEYWORD_ONLY:
            kwargs[p.name] = 1
        elif p.kind is p.VAR_POSITIONAL:
            args += [value] if not args else [1]
        elif p.name in ("tensors", "matrices", "operands", "arrays"):
            args.append([value])
        else:
            args.append(value if not args else 1)
    return args or [value], kwargs


@pytest.mark.parametrize("space", ["", "nn.functional", "linalg", "fft", "special"])
def test_every_public_function_asks_its_first_argument(space: str) -> None:
    module: Any = franken
    for part in space.split(".") if space else ():
        module = getattr(module, part)
    missed = []
    functions = franken.overrides.get_overridable_functions()[module]
    for function in functions:
        args, kwargs = _arguments(function, Diagonal())
        if function.__name__ == "einsum":
            args = ["i", Diagonal()]
        try:
            out = function(*args, **kwargs)
        except (TypeError, ValueError, AttributeError, RuntimeError) as error:
            out = error
        if not (isinstance(out, tuple) and out[0] == function.__name__):
            missed.append(function.__name__)
    assert len(functions) > 10 and missed == []


def test_testing_overrides_have_the_signatures() -> None:
    found = franken.overrides.get_testing_overrides()
    assert len(found) > 1100
    assert found[franken.add](1, 2) == -1
    assert list(inspect.signature(found[franken.Tensor.mul]).parameters)[0] == "self"
    with pytest.raises(TypeError):
        found[franken.relu](1, 2, 3)


def test_pickles_of_subclasses() -> None:
    t = franken.ones(2).as_subclass(Kept)
    assert type(pickle.loads(pickle.dumps(t))) is Kept


class Kept(franken.Tensor):
    pass
