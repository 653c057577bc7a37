"""torch.compile, torch.compiler and torch._dynamo: programs run eagerly, op by op."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "config", "cudagraph_mark_step_begin",
    "disable", "get_default_backend", "is_compiling", "is_dynamo_compiling", "is_exporting",
    "list_backends", "nested_compile_region", "reset", "set_default_backend", "set_stance",
    "substitute_in_graph", "wrap_numpy",
]  # fmt: skip
_default: list[Any] = ["inductor"]
_said: list[bool] = []


class _Config:
    """Settings of a compiler: remembered, without effect."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    @contextlib.contextmanager
    def patch(self, *args: Any, **kwargs: Any) -> Any:
        """A block or a decorated function, as it is."""
        yield


config = _Config()


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None,
    backend: Any = None, mode: str | None = None, options: Any = None, name: str | None = None,
    disable: bool = False, recompile_limit: int | None = None, isolate_recompiles: bool = False,
    shapes_spec: Any = None,
) -> Any:  # fmt: skip
    """The model or function itself, which runs eagerly; the first call says so.

    A `backend` that is a function is not called: there is no graph to give it.
    """
    if model is None:
        return functools.partial(compile, mode=mode, options=options)
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    _say_once()
    return model


def _say_once() -> None:
    if not _said:
        _said.append(True)
        logging.getLogger("franken").warning("torch.compile: franken runs the program eagerly")


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function, also as `@disable()`."""
    return _same if fn is None else fn


def _same(fn: Any) -> Any:
    return fn


def allow_in_graph(fn: Any) -> Any:
    """The function or the list of functions."""
    return fn


assume_constant_result = wrap_numpy = disallow_in_graph = forbid_in_graph = allow_in_graph


def substitute_in_graph(original_fn: Callable[..., Any], **settings: Any) -> Any:
    """A decorator that gives back the function it is given."""
    return _same


def nested_compile_region(fn: Any = None, **settings: Any) -> Any:
    """The function, also as `@nested_compile_region()`."""
    return _same if fn is None else fn


def optimize(*args: Any, **kwargs: Any) -> Any:
    """A decorator that gives back the function it is given."""
    return compile


def is_compiling() -> bool:
    """False: nothing is compiled."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Nothing is kept that could be forgotten."""


graph_break = cudagraph_mark_step_begin = reset


def mark_dynamic(t: Any, index: Any, **kwargs: Any) -> None:
    """Shapes may always vary."""


mark_static = maybe_mark_dynamic = mark_dynamic


def mark_static_address(t: Any, guard: bool = True) -> None:
    """Addresses may always vary."""


@contextlib.contextmanager
def set_stance(stance: str = "default", **settings: Any) -> Any:
    """A block, or a decorated function, as it is."""
    yield


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """None: programs run eagerly."""
    return []


def set_default_backend(backend: Any) -> None:
    """Remember a back end, which is not used."""
    _default[0] = backend or "inductor"


def get_default_backend() -> Any:
    """What `set_default_backend` was last given."""
    return _default[0]


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: there is no graph to give away."""
    raise NotImplementedError("torch._dynamo.export: franken compiles nothing")


explain = export
