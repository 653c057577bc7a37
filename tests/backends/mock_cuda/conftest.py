"""These files run inside a process that test_triton_launch.py starts on the mock driver."""

from __future__ import annotations

import os

if "MOCK_CUDA" not in os.environ:
    collect_ignore_glob = ["*.py"]
