"""Copies of the project: each worker measures and plants in one of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from pathlib import Path


class Trees:
    """A copy for each thread that asks, of what git knows: no caches, and not the user's files.

    Used by `with`, which removes them all.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._local = root, threading.local()
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Trees:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def mine(self) -> Path:
        """The calling thread's copy."""
        if not hasattr(self._local, "tree"):
            self._local.tree = Path(tempfile.mkdtemp(dir=self._folder.name))
            self._fill(self._local.tree)
        return self._local.tree

    def _fill(self, folder: Path) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=self._root, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (self._root / name).is_file():
                shutil.copy2(self._root / name, target)
