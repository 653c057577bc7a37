"""`import torch` answered by franken: what `franken run` and `franken.install()` switch on.

Every module of torch's is a facade (`facade.py`): a module object of its own that shows the names
of the franken module behind it and hands on what is assigned to it. Aliases, one module object of
two names, would not do: a module has one `__name__`, `franken.core` would be `torch.core`, and
`franken.ops` and `franken.functional`, rooms of the inside, stand where torch has other modules.

Classes and functions are the same objects on both sides; while the hook is in, their `__module__`
is torch's (`identity.py`), by the table that files are read and written with (`faces/names.py`).
"""

from __future__ import annotations

import sys

from franken.faces.hook import children, identity
from franken.faces.hook.finder import Finder

__all__ = ["install", "installed", "uninstall"]


def installed() -> Finder | None:
    """The finder that answers for torch in this process, None without one."""
    return next((f for f in sys.meta_path if isinstance(f, Finder)), None)


def install() -> None:
    """Let `import torch`, in this process and in those it starts, give franken.

    Safe to call twice. Call it before anything imports torch: in the first line of a program, or
    of a `conftest.py`.

    Raises RuntimeError if the real torch is loaded already.

        import franken

        franken.install()
        import torch  # torch.Tensor is franken.Tensor, and prints as <class 'torch.Tensor'>
    """
    if installed() is not None:
        return
    if "torch" in sys.modules:
        raise RuntimeError(
            "franken.install(): torch is imported already, from "
            f"{getattr(sys.modules['torch'], '__file__', '?')}; call install() before that"
        )
    sys.meta_path.insert(0, Finder())
    children.pass_on()
    identity.begin()


def uninstall() -> None:
    """Undo `install`: torch means again what it meant, and classes have franken's names."""
    finder = installed()
    if finder is None:
        return
    sys.meta_path.remove(finder)
    for name in [n for n in sys.modules if n == "torch" or n.startswith("torch.")]:
        del sys.modules[name]
    children.stop()
    identity.end()
