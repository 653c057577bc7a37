"""torch.hub: entry points of a folder's `hubconf.py`, and files that are already here.

Nothing is fetched: what would need the network raises when it is used.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import urlparse

__all__ = [
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url",
    "set_dir",
]  # fmt: skip
_folder: builtins.list[str] = []


class _Silent:
    """A bar of progress that shows nothing: tqdm is not installed."""

    def __init__(self, iterable: Any = None, *args: Any, **kwargs: Any) -> None:
        self._iterable = iterable

    def __iter__(self) -> Any:
        return iter(self._iterable)

    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def update(self, n: int = 1) -> None:
        """Nothing is shown."""

    close = update


def __getattr__(name: str) -> Any:
    if name != "tqdm":
        raise AttributeError(f"module 'torch.hub' has no attribute '{name}'", name=name)
    if importlib.util.find_spec("tqdm") is None:
        return _Silent
    return importlib.import_module("tqdm").tqdm


def get_dir() -> str:
    """Where files are looked for: set_dir's, $TORCH_HOME/hub, or ~/.cache/torch/hub."""
    return _folder[-1] if _folder else os.path.join(_get_torch_home(), "hub")


def _get_torch_home() -> str:
    cache = os.path.join(os.getenv("XDG_CACHE_HOME", "~/.cache"), "torch")
    return os.path.expanduser(os.getenv("TORCH_HOME", cache))


def set_dir(d: Any) -> None:
    """Set where files are looked for."""
    _folder[:] = [os.path.expanduser(d)]


def _no_network(what: str) -> NoReturn:
    raise NotImplementedError(f"torch.hub: franken fetches nothing; {what}")


def _entries(folder: Any, source: str) -> ModuleType:
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        _no_network(f"get {folder} yourself and say source='local'")
    path = os.path.join(folder, "hubconf.py")
    spec = importlib.util.spec_from_file_location("hubconf.py", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    sys.path.insert(0, os.fspath(folder))
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(os.fspath(folder))
    return module


def _entry(folder: Any, source: str, name: str) -> Any:
    module = _entries(folder, source)
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def load(
    repo_or_dir: Any, model: str, *args: Any, source: str = "github",
    trust_repo: Any = "check", force_reload: bool = False, verbose: bool = True,
    skip_validation: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """What an entry point of a folder's `hubconf.py` returns (`source="local"`)."""
    return _entry(repo_or_dir, source, model)(*args, **kwargs)


def list(
    github: Any, force_reload: bool = False, skip_validation: bool = False,
    trust_repo: Any = "check", verbose: bool = True, source: str = "github",
) -> builtins.list[str]:  # fmt: skip
    """The entry points of a folder's `hubconf.py`."""
    module = _entries(github, source)
    return [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]


def help(
    github: Any, model: str, force_reload: bool = False, skip_validation: bool = False,
    trust_repo: Any = "check", source: str = "github",
) -> str | None:  # fmt: skip
    """The docstring of an entry point."""
    return _entry(github, source, model).__doc__  # type: ignore[no-any-return]


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> NoReturn:
    """NotImplementedError: nothing is fetched."""
    _no_network(f"put {url} at {dst} yourself")


def load_state_dict_from_url(
    url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True,
    check_hash: bool = False, file_name: str | None = None, weights_only: bool = False,
) -> Any:  # fmt: skip
    """What is in the file of a URL's name, which must be here already."""
    folder = model_dir or os.path.join(get_dir(), "checkpoints")
    path = os.path.join(folder, file_name or os.path.basename(urlparse(url).path))
    if not os.path.exists(path):
        _no_network(f"put {url} at {path} yourself")
    from franken.faces.checkpoints import load as read

    return read(path, map_location=map_location, weights_only=weights_only)
