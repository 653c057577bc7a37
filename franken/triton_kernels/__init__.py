"""Let a checkout import the top-level ``triton_kernels`` folder as ``franken.triton_kernels``.

A wheel does not hold this file: there the folder itself is installed in its place. The top-level
name is never imported, because Triton's own distribution uses it too.
"""

from __future__ import annotations

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "triton_kernels")]
