"""Finding the kernel library: by text where triton may be missing, by import elsewhere."""

from __future__ import annotations

import importlib
from pathlib import Path

KERNELS = Path(__file__).resolve().parents[1] / "triton_kernels" / "kernels"


def _modules() -> dict[str, str]:
    """The library's modules below `kernels/` by their own names, which are those of families."""
    below = KERNELS.parent
    return {
        p.stem: ".".join(["franken.triton_kernels", *p.relative_to(below).with_suffix("").parts])
        for p in sorted(KERNELS.glob("*/*.py"))
        if p.stem != "__init__"
    }


def families() -> list[str]:
    """Names of the modules that declare ops; read as text, since importing them needs triton."""
    known = {p.stem: p for p in KERNELS.glob("*/*.py")}
    return sorted(name for name, p in known.items() if "\n@op(" in p.read_text(encoding="utf-8"))


def load(family: str | None = None) -> list[str]:
    """Import the kernel modules (or one); return the names of their ops."""
    from franken.triton_kernels.checks.cases import OPS

    modules = _modules()
    for name in [family] if family else modules:
        importlib.import_module(modules[name])
    return sorted(OPS)
