"""The meta path finder: answers `import torch...` with facades, and for torch's version."""

from __future__ import annotations

import importlib
import importlib.machinery
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from franken.faces.around.torch_version import VERSION
from franken.faces.hook import children, facade, lacking, places


class Finder:
    """Finds and loads every module of torch's; no other finder is asked for one.

    Without the base classes of `importlib.abc`, which take 0.03 s to import.
    """

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """The spec of a module of torch's; None for others, which the next finder finds."""
        if fullname == children.SPAWN:
            return children.spec()
        if fullname != "torch" and not fullname.startswith("torch."):
            return None
        if places.serves(fullname):
            return self._spec(fullname, places.behind(fullname))
        if lacking.may_pretend(fullname):
            return self._spec(fullname, None)
        return None

    def _spec(self, name: str, where: str | None) -> importlib.machinery.ModuleSpec:
        # All are packages: what torch has below a module that is one file here is asked of us too.
        file = importlib.import_module(where).__file__ if where is not None else None
        loader: Any = self
        spec = importlib.machinery.ModuleSpec(name, loader, origin=file, is_package=True)
        spec.has_location = file is not None
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """A facade, or what stands for a module that franken lacks."""
        if places.serves(spec.name):
            return facade.make(spec.name)
        return lacking.LackingModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Finish a facade, which is in `sys.modules` now."""
        if isinstance(module, facade.Facade):
            facade.fill(module)

    def find_distributions(self, context: Any = None) -> Iterator[Any]:
        """The answer to `importlib.metadata.version("torch")`."""
        if getattr(context, "name", None) == "torch":
            yield _distribution()


def _distribution() -> Any:
    from importlib.metadata import Distribution

    class Torch(Distribution):
        """torch as this process has it."""

        def read_text(self, filename: str) -> str | None:
            said = f"Metadata-Version: 2.1\nName: torch\nVersion: {VERSION}\n"
            return said if filename == "METADATA" else None

        def locate_file(self, path: Any) -> Any:
            import pathlib

            return pathlib.Path(path)

    return Torch()
