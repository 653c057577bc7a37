"""A card without a GPU: NumPy memory, a clock that the test sets, no torch."""

from __future__ import annotations

import contextlib

import numpy as np


class NumpyCard:
    """Answers what the GPU checks ask of a card; `starter` is the runner of kernels."""

    name, arch, versions = "NumPy 1 (test)", 90, {"cupy": "none"}

    def __init__(self, starter=None, milliseconds=1.0, torch=None):
        self.starter, self.milliseconds, self.has_torch = starter, milliseconds, torch
        self.log = []

    def upload(self, a):
        return a.copy()

    def download(self, x):
        return np.asarray(x)

    def runner(self, tf32):
        self.log.append(("runner", tf32))
        return self.starter

    def streams(self, count):
        self.log.append(("streams", count))
        return [contextlib.nullcontext() for _ in range(count)]

    def wait(self):
        self.log.append("wait")

    def release(self):
        self.log.append("release")

    def plain_memory(self):
        self.log.append("plain memory")

    def time(self, call):
        call()
        return self.milliseconds() if callable(self.milliseconds) else self.milliseconds

    def copy(self, nbytes):
        self.log.append(("copy", nbytes))
        return lambda: None

    def matmul(self, a, b):
        return lambda: None

    def torch(self):
        return self.has_torch
