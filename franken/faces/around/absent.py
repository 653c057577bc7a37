"""What modules of devices that are not served have in common: they say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def fill(names: dict[str, Any], error: Callable[[str], Exception], quiet: str, loud: str) -> None:
    """Give a device's module the functions that tell the truth, and those that raise.

    Args:
        names: the module's namespace.
        error: makes the error of a function, from its name.
        quiet: functions that do nothing, for there is no device.
        loud: functions that raise.
    """
    names.update(
        is_available=_answers("is_available", False, "False: there is no such device here."),
        device_count=_answers("device_count", 0, "0: there is no such device here."),
    )
    for name in quiet.split():
        names[name] = _answers(name, None, "Nothing: there is no such device here.")
    for name in loud.split():
        names[name] = _raises(name, error)
    for name in ("is_available", "device_count", *quiet.split(), *loud.split()):
        names[name].__module__ = names["__name__"]


def _answers(name: str, value: Any, doc: str) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        return value

    answer.__name__ = answer.__qualname__ = name
    answer.__doc__ = doc
    return answer


def _raises(name: str, error: Callable[[str], Exception]) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise error(name)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises: there is no such device here."
    return refuse
