"""torch.torch_version: the version of torch that franken is a drop-in for, and how it compares."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["TorchVersion"]

VERSION: Final = "2.13.0"
_FORM: Final = re.compile(
    r"\s*v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>\d*))?"
    r"(?:(?P<post>-(?P<post_1>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_2>\d*)))?"
    r"(?:(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d*)))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*",
    re.IGNORECASE,
)
_KINDS: Final = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


class TorchVersion(str):
    """A version: a string that compares with strings and with tuples by their numbers.

    >>> TorchVersion("2.13.0") > "2.9", TorchVersion("2.13.0") >= (2, 13)
    (True, True)
    """

    __slots__ = ()

    def _compare(self, other: Any, method: str) -> Any:
        if not isinstance(other, Iterable):
            return NotImplemented
        theirs = other if isinstance(other, str) else ".".join(str(part) for part in other)
        mine, key = _key(self), _key(theirs)
        if mine is None or key is None:
            return getattr(str, method)(self, other)
        return getattr(tuple, method)(mine, key)

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, "__lt__")

    def __le__(self, other: Any) -> Any:
        return self._compare(other, "__le__")

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, "__gt__")

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, "__ge__")

    def __eq__(self, other: Any) -> Any:
        return self._compare(other, "__eq__")

    __hash__ = str.__hash__


def _key(text: str) -> tuple[Any, ...] | None:
    """What versions are ordered by (PEP 440); None for a text that is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    release = [int(n) for n in found["release"].split(".")]
    while len(release) > 1 and not release[-1]:
        release.pop()
    pre, post, dev = found["pre"], found["post"], found["dev"]
    before: tuple[Any, ...] = (3,)  # a release comes after its candidates
    if pre:
        kind = pre.lower()
        before = (2, _KINDS.get(kind, kind), int(found["pre_n"] or 0))
    elif dev and not post:
        before = (1,)
    return (
        int(found["epoch"] or 0), tuple(release), before,
        int(found["post_1"] or found["post_2"] or 0) if post else -1,
        (0, int(found["dev_n"] or 0)) if dev else (1,), _local(found["local"]),
    )  # fmt: skip


def _local(text: str | None) -> tuple[Any, ...]:
    parts = re.split(r"[-_.]", text.lower()) if text else ()
    return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts)
