"""torch.amp: gradients are scaled; ops are not run in lower precision.

`autocast` that is off, or that torch would switch off (no GPU), is a block like any other. One that
would be at work raises when it is entered: results in another precision are not to be passed off.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

from franken.backends import registry
from franken.core import dtypes as dt
from franken.core.device import device as _device
from franken.core.op import namespace
from franken.core.tensor import Tensor

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
_AVAILABLE: Final = ("cpu", "cuda", "mps", "xpu", "hpu", "mtia", "xla", "ipu", "maia")
_SETTINGS: Final[dict[str, Any]] = {"cache": True, "nesting": 0}
_DTYPES: Final[dict[str, Any]] = {"cpu": dt.bfloat16}


# --- settings ------------------------------------------------------------------------------------


def is_autocast_available(device_type: str) -> bool:
    """Whether torch has autocast for a kind of device."""
    return _kind(device_type) in _AVAILABLE


def _kind(device_type: str) -> str:
    return device_type if device_type in _AVAILABLE else _device(device_type).type


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: ops are not run in lower precision."""
    if device_type is not None:
        get_autocast_dtype(device_type)
    return False


def is_autocast_cpu_enabled() -> bool:
    """False: ops are not run in lower precision."""
    return False


def is_autocast_cache_enabled() -> bool:
    """What `set_autocast_cache_enabled` was last given."""
    return bool(_SETTINGS["cache"])


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Remember the wish."""
    _SETTINGS["cache"] = enabled


def clear_autocast_cache() -> None:
    """Nothing is cached."""


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """NotImplementedError if it is to be on."""
    if device_type if enabled is None else enabled:
        _refuse("cuda" if enabled is None else device_type)


def get_autocast_dtype(device_type: str) -> dt.dtype:
    """In which precision ops of a kind of device would run."""
    if not is_autocast_available(device_type):
        raise RuntimeError("unsupported scalarType")
    return _DTYPES.get(device_type, dt.float16)  # type: ignore[no-any-return]


def set_autocast_dtype(device_type: str, dtype: dt.dtype) -> None:
    """Remember the wish."""
    _DTYPES[device_type] = dtype


def get_autocast_gpu_dtype() -> dt.dtype:
    """In which precision ops on a GPU would run."""
    return get_autocast_dtype("cuda")


def get_autocast_cpu_dtype() -> dt.dtype:
    """In which precision ops on the CPU would run."""
    return get_autocast_dtype("cpu")


def autocast_increment_nesting() -> int:
    """How many blocks there are, with one more."""
    _SETTINGS["nesting"] += 1
    return int(_SETTINGS["nesting"])


def autocast_decrement_nesting() -> int:
    """How many blocks there are, with one less."""
    _SETTINGS["nesting"] -= 1
    return int(_SETTINGS["nesting"])


# --- the block -----------------------------------------------------------------------------------


class autocast:
    """A block, or a decorator, whose ops torch would run in lower precision.

    NotImplementedError when it is entered and at work; see the module.
    """

    def __init__(
        self, device_type: str, dtype: dt.dtype | None = None, enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = _kind(device_type)
        self.fast_dtype = dtype or get_autocast_dtype(device_type)
        self._enabled = enabled and self._is_possible()

    def _is_possible(self) -> bool:
        if self.device == "cuda" and not registry.cuda_available():
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=3
            )
            return False
        if self.device == "cpu" and self.fast_dtype not in (dt.bfloat16, dt.float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=3,
            )
            return False
        return self.device in ("cpu", "cuda")

    def __enter__(self) -> autocast:
        if self._enabled:
            _refuse(self.device)
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """A function that runs in such a block."""

        @functools.wraps(func)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return run


def _refuse(device: str) -> None:
    raise NotImplementedError(
        f"torch.autocast({device!r}): franken does not run ops in lower precision by itself; "
        "use enabled=False, or convert the model and its inputs"
    )


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """Mark a Function's forward: it runs as ever, since autocast is never on."""
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    return fwd


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Mark a Function's backward: it runs as ever, since autocast is never on."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd


# --- scaling -------------------------------------------------------------------------------------


class GradScaler:
    """Scales a loss up, so that small gradients do not vanish, and gradients down again.

    A step is left out if a gradient is infinite or NaN; the scale then shrinks by
    `backoff_factor`, and grows by `growth_factor` after `growth_interval` good steps.

    >>> import franken as torch
    >>> x = torch.ones(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([x], lr=0.5)
    >>> scaler = GradScaler("cpu", init_scale=4.0)
    >>> scaler.scale(x.sum()).backward()
    >>> _ = scaler.step(optimizer)
    >>> x, scaler.get_scale()
    (tensor([0.5000], requires_grad=True), 4.0)
    """

    def __init__(
        self, device: str = "cuda", init_scale: float = 65536.0, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        self._device, self._enabled = device, enabled
        if enabled and device == "cuda" and not registry.cuda_available():
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                stacklevel=2,
            )
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._scale, self._good, self._used = float(init_scale), 0, False
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._unscaled: dict[int, bool] = {}  # optimizer -> whether a gradient was not finite
        self._stepped: set[int] = set()

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def scale(self, outputs: Any) -> Any:
        """A tensor, or a nest of lists and tuples of them, times the scale."""
        if not self._enabled:
            return outputs
        self._used = True
        if isinstance(outputs, Tensor):
            return outputs * self._scale  # type: ignore[operator]
        if isinstance(outputs, (list, tuple)):
            scaled = [self.scale(each) for each in outputs]
            return type(outputs)(*scaled) if hasattr(outputs, "_fields") else type(outputs)(scaled)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Scale an optimizer's gradients down, once before its step."""
        if not self._enabled:
            return
        self._check("unscale_")
        key = id(optimizer)
        if key in self._stepped:
            raise RuntimeError("unscale_() is being called after step().")
        if key in self._unscaled:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        found = False
        for grad in _gradients(optimizer):
            grad.mul_(1.0 / self._scale)
            found = found or not bool(namespace("torch")["isfinite"](grad).all())
        self._unscaled[key] = found

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's step, or None if a gradient is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if id(optimizer) not in self._unscaled:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return None if self._unscaled[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Set the scale for the next round: by what happened, or to `new_scale`."""
        if not self._enabled:
            return
        self._check("update")
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._unscaled:
            raise AssertionError("No inf checks were recorded prior to update.")
        elif any(self._unscaled.values()):
            self._scale, self._good = self._scale * self._backoff_factor, 0
        else:
            self._good += 1
            if self._good == self._growth_interval:
                self._scale, self._good = self._scale * self._growth_factor, 0
        self._unscaled, self._stepped = {}, set()

    def _check(self, name: str) -> None:
        if not self._used:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )

    def get_scale(self) -> float:
        """The scale; 1.0 if nothing is scaled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """By what the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set by what it grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By what it shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set by what it shrinks."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many good steps it grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many good steps it grows."""
        self._growth_interval = new_interval

    def state_dict(self) -> dict[str, Any]:
        """The scale and its settings; empty if nothing is scaled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale, "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor, "growth_interval": self._growth_interval,
            "_growth_tracker": self._good,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._scale, self._good = state_dict["scale"], state_dict["_growth_tracker"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]


def _gradients(optimizer: Any) -> Iterator[Any]:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                yield parameter.grad
