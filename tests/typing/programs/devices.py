"""Devices, dtypes, generators and numpy."""

from typing import assert_type

import numpy as np

import franken as torch
from franken import Tensor


def pick() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def main() -> None:
    device = pick()
    g = torch.Generator(device="cpu").manual_seed(0)
    x = torch.rand(2, 3, generator=g, device=device, dtype=torch.float32)
    assert_type(x.to("cpu"), Tensor)
    assert_type(x.to(torch.float16).to(device, torch.bfloat16, non_blocking=True), Tensor)
    assert_type(x.half().float().double().long().bool(), Tensor)
    assert_type(x.type(torch.int32), Tensor)
    assert_type(x.type(), str)
    assert_type(x.is_cuda, bool)
    assert_type(device.type, str)
    assert_type(torch.get_default_dtype(), torch.dtype)
    assert_type(torch.from_numpy(np.zeros(3)), Tensor)
    assert_type(torch.as_tensor(np.float32(1)), Tensor)
    assert_type(torch.promote_types(torch.int32, torch.float16), torch.dtype)
    assert_type(torch.is_tensor(x), bool)
    assert_type(torch.allclose(x, x, atol=1e-6), bool)
    torch.set_default_dtype(torch.float64)
    torch.testing.assert_close(x, x, rtol=0.0, atol=0.0)
    torch.use_deterministic_algorithms(True)
    with torch.device("cpu"):
        torch.zeros(2)
    print(torch.__version__, torch.version.cuda, torch.random.initial_seed())


def typos(x: Tensor) -> None:
    torch.device("cpu").typ  # typo
    x.too("cpu")  # typo
    torch.float23  # typo
    torch.cuda.is_avialable()  # typo
    torch.manual_sed(0)  # typo
