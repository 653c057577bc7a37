"""Print what a launch costs the host, over the mock driver: microseconds, the best of many rounds.

    LD_LIBRARY_PATH=<folder of the mock> TRITON_LIBCUDA_PATH=<the same> \
        python -m tests.backends.mock_cuda.host_time
"""

from __future__ import annotations

import gc
import sys
import time

import triton

from franken.backends.cupy import triton_driver
from franken.backends.cupy.launch import FastLauncher
from franken.triton_kernels.launching import launch as kernel_launch
from tests.backends.mock_cuda import kernels
from tests.backends.mock_cuda.device import Array, Driver, FakeRuntime

FUSION = {"enable_fp_fusion": True}
TILES = {"M": 16, "N": 16, "K": 16}


def best(calls, runs=1000, rounds=60):
    """The shortest mean time of each call; the calls take turns, so that all meet the same load."""
    found = dict.fromkeys(calls, 1e9)
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in calls.items():
                start = time.perf_counter()
                for _ in range(runs):
                    call()
                found[name] = min(found[name], (time.perf_counter() - start) / runs * 1e6)
    finally:
        gc.enable()
    return found


def calls(launcher):
    """What is timed, by name."""
    x, y, out = (Array((4096,)) for _ in range(3))
    wrapped = [triton_driver.Argument(a) for a in (x, y, out)]
    numbers = (64, 64, 64, 64, 1, 64, 1, 64, 1)
    add, block = (x, y, out, 4000), {"BLOCK": 128}
    launcher.run(kernels.add_kernel, (8,), add, block, 4, 2, FUSION)
    launcher.run(kernels.matmul_kernel, (4, 4), (x, y, out, *numbers), TILES, 4, 2, FUSION)
    start = next(iter(launcher._entries.values())).start
    pointers = [x.data.ptr, y.data.ptr, out.data.ptr, 4000]
    return {
        "nothing (a call)": lambda: None,
        "add: start of a compiled variant": lambda: start(8, 1, 1, 0, pointers),
        "add: FastLauncher.run": lambda: launcher.run(
            kernels.add_kernel, (8,), add, block, 4, 2, FUSION
        ),
        "add: triton_kernels.launch.launch": lambda: kernel_launch.launch(
            kernels.add_kernel, (8,), *add, BLOCK=128
        ),
        "add: triton's kernel[grid]": lambda: kernels.add_kernel[(8,)](*wrapped, 4000, BLOCK=128),
        "matmul: FastLauncher.run": lambda: launcher.run(
            kernels.matmul_kernel, (4, 4), (x, y, out, *numbers), TILES, 4, 2, FUSION
        ),
        "matmul: triton's kernel[grid]": lambda: kernels.matmul_kernel[(4, 4)](
            *wrapped, *numbers, **TILES
        ),
    }


def main():
    """Print the table."""
    driver = Driver()
    launcher = FastLauncher(FakeRuntime())
    with kernel_launch.using(launcher):
        timed = calls(launcher)
        for call in timed.values():
            call()
        driver.quiet(True)
        print(f"Triton {triton.__version__}, Python {sys.version.split()[0]}")
        for name, microseconds in best(timed).items():
            print(f"{microseconds:8.2f}  {name}")


if __name__ == "__main__":
    main()
