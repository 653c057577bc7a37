"""Parameters of primitives as plain data, and back. Fails closed on whatever it does not know.

Plain data is what `serialization.native` stores; anything else becomes a tagged pair
("tag", payload), so tuples themselves are tagged too. Knows primitives, dtypes, devices and
generators.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from franken.backends.numpy.random.twister import Generator
from franken.core import dtypes as dt
from franken.core.device import device
from franken.core.errors import NotProven
from franken.core.geometry import layout
from franken.core.primitive import PRIMITIVES, Primitive

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def encode(value: Any) -> Any:
    """A parameter as plain data; NotProven for a type without a spelling.

    >>> encode((1, dt.float32))
    ['tuple', [1, ['dtype', 'float32']]]
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, tuple):
        return ["tuple", [encode(v) for v in value]]
    if kind is list:
        return ["list", [encode(v) for v in value]]
    if kind is dict:
        return ["dict", [[encode(k), encode(v)] for k, v in value.items()]]
    if kind is slice:
        return ["slice", [encode(v) for v in (value.start, value.stop, value.step)]]
    if isinstance(value, np.ndarray):
        return ["array", np.array(value)]
    if isinstance(value, np.generic):
        return ["scalar", np.array(value)]
    return _encode_named(value)


def _encode_named(value: Any) -> Any:
    if isinstance(value, dt.dtype):
        return ["dtype", value.name]
    if isinstance(value, np.dtype):
        return ["np.dtype", value.name]
    if isinstance(value, device):
        return ["device", str(value)]
    if isinstance(value, Primitive):
        return ["primitive", value.name]
    if isinstance(value, (layout.layout, layout.memory_format)):
        return ["constant", value.name]
    if isinstance(value, Generator):
        return ["generator", np.array(value.get_state())]
    name, module = getattr(value, "__qualname__", "<"), getattr(value, "__module__", None) or ""
    if callable(value) and "<" not in name and module.split(".")[0] in ("franken", "numpy"):
        return ["function", [module, name]]
    raise NotProven(
        f"record: a parameter of type {type(value).__name__} cannot be stored, so the step could "
        "not be replayed"
    )


def decode(value: Any, dev: device | None = None) -> Any:
    """The parameter that `encode` was given; with `dev`, devices become that one."""
    if type(value) in _PLAIN:
        return value
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)):
        raise NotProven(f"replay: unknown parameter {value!r}")
    tag, payload = value
    if tag in ("tuple", "list"):
        items = [decode(v, dev) for v in payload]
        return tuple(items) if tag == "tuple" else items
    if tag == "dict":
        return {decode(k, dev): decode(v, dev) for k, v in payload}
    if tag == "slice":
        return slice(*[decode(v, dev) for v in payload])
    if tag == "array":
        return np.array(payload)
    if tag == "scalar":
        return np.array(payload)[()]
    return _decode_named(tag, payload, dev)


def _decode_named(tag: str, payload: Any, dev: device | None) -> Any:
    if tag == "dtype" and payload in dt.ALL:
        return dt.ALL[payload]
    if tag == "np.dtype":
        return np.dtype(payload)
    if tag == "device":
        return device(payload) if dev is None else dev
    if tag == "primitive" and payload in PRIMITIVES:
        return PRIMITIVES[payload]
    if tag == "constant" and isinstance(
        getattr(layout, payload, None), (layout.layout, layout.memory_format)
    ):
        return getattr(layout, payload)
    if tag == "generator":
        return Generator().set_state(np.array(payload, np.uint8))
    if tag == "function":
        return _function(*payload)
    raise NotProven(f"replay: unknown parameter [{tag!r}, {payload!r}]")


def _function(module: str, name: str) -> Any:
    if module.split(".")[0] not in ("franken", "numpy"):
        raise NotProven(f"replay: a function of module {module!r} is not run")
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value
