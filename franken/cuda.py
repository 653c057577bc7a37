"""torch.cuda: the GPUs as CuPy sees them, under torch's names.

Importing this loads no GPU library; asking does. Guards put the device and stream back on exit
whatever happens. Errors without a GPU are `NoCudaError`, both an AssertionError (what torch's CPU
builds raise) and a RuntimeError (what its CUDA builds raise).
Source: https://docs.pytorch.org/docs/stable/cuda.html
"""

from __future__ import annotations

import contextlib
from typing import Any

from franken.backends import registry
from franken.core.device import device as _device
from franken.core.errors import OutOfMemoryError
from franken.ops.sampling.generator import Generator
from franken.ops.surface.legacy import type_names
from franken.ops.surface.typed_storage import storage_names

globals().update(type_names("torch.cuda"))
globals().update(storage_names("torch.cuda"))


def _index(device: Any = None) -> int:
    """The GPU's number meant by a `device` argument; the current one for None."""
    if device is None:
        return registry.current_cuda_index()
    if isinstance(device, int) and not isinstance(device, bool):
        return registry.current_cuda_index() if device < 0 else device
    named = _device(device)
    if named.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {named}")
    return registry.current_cuda_index() if named.index is None else named.index


# --- availability --------------------------------------------------------------------------------


def is_available() -> bool:
    """Whether a GPU can be used; never raises."""
    return registry.cuda_available()


def is_initialized() -> bool:
    """Whether a GPU is in use."""
    return registry.cuda_available()


def init() -> None:
    """Raise unless a GPU can be used."""
    registry.array_module()


def device_count() -> int:
    """The number of GPUs, 0 without a driver."""
    return registry.device_count()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the current GPU computes in bfloat16."""
    return is_available() and get_device_capability()[0] >= 8


# --- the current device --------------------------------------------------------------------------


def current_device() -> int:
    """The current GPU's number."""
    return registry.current_cuda_index()


def set_device(device: Any) -> None:
    """Make a GPU current."""
    index = _index(device)
    with registry.on(index):
        pass  # checks the number
    registry.array_module().cuda.runtime.setDevice(index)


class device:
    """Guard: another GPU is current inside the block.

    A negative number or None leaves the current one.
    """

    def __init__(self, device: Any) -> None:
        self._device = device
        self._guards: list[Any] = []

    def __enter__(self) -> device:
        guard = registry.on(_index(self._device))
        guard.__enter__()
        self._guards.append(guard)
        return self

    def __exit__(self, *exc: Any) -> Any:
        return self._guards.pop().__exit__(*exc)


class device_of(device):
    """Guard: the GPU of a tensor is current inside the block (nothing happens for CPU tensors)."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.device if obj.is_cuda else -1)
        self._on_gpu = obj.is_cuda

    def __enter__(self) -> device:
        return super().__enter__() if self._on_gpu else self

    def __exit__(self, *exc: Any) -> Any:
        return super().__exit__(*exc) if self._on_gpu else None


def synchronize(device: Any = None) -> None:
    """Wait until a GPU has done its work."""
    with registry.on(_index(device)) as xp:
        xp.cuda.runtime.deviceSynchronize()


# --- properties ----------------------------------------------------------------------------------


class _Properties:
    def __init__(self, raw: dict[str, Any]) -> None:
        name = raw["name"]
        self.name = name.decode() if isinstance(name, bytes) else name
        self.major, self.minor = raw["major"], raw["minor"]
        self.total_memory = raw["totalGlobalMem"]
        self.multi_processor_count = raw["multiProcessorCount"]
        self.warp_size = raw["warpSize"]
        self.max_threads_per_multi_processor = raw.get("maxThreadsPerMultiProcessor")

    def __repr__(self) -> str:
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory // 2**20}MB, "
            f"multi_processor_count={self.multi_processor_count})"
        )


def get_device_properties(device: Any = None) -> _Properties:
    """Name, capability, memory and multiprocessors of a GPU."""
    with registry.on(_index(device)) as xp:
        return _Properties(xp.cuda.runtime.getDeviceProperties(registry.current_cuda_index()))


def get_device_name(device: Any = None) -> str:
    """A GPU's name."""
    return get_device_properties(device).name  # type: ignore[no-any-return]


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """A GPU's (major, minor) compute capability."""
    found = get_device_properties(device)
    return found.major, found.minor


# --- memory --------------------------------------------------------------------------------------


def memory_allocated(device: Any = None) -> int:
    """Bytes in use by tensors; 0 without a GPU."""
    if not is_available():
        return 0
    with registry.on(_index(device)) as xp:
        return int(xp.get_default_memory_pool().used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes held from the driver; 0 without a GPU."""
    if not is_available():
        return 0
    with registry.on(_index(device)) as xp:
        return int(xp.get_default_memory_pool().total_bytes())


_peaks: dict[int, int] = {}


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes in use at any call of this module's memory functions; 0 without a GPU.

    CuPy's pool keeps no peak, so what lies between two calls is not seen.
    """
    if not is_available():
        return 0
    index = _index(device)
    _peaks[index] = max(_peaks.get(index, 0), memory_allocated(index))
    return _peaks[index]


def reset_peak_memory_stats(device: Any = None) -> None:
    """Forget the peak."""
    _peaks.pop(_index(device), None)


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, total) bytes of a GPU."""
    with registry.on(_index(device)) as xp:
        return tuple(xp.cuda.runtime.memGetInfo())  # type: ignore[return-value]


def empty_cache() -> None:
    """Give memory that no tensor uses back to the driver."""
    if is_available():
        registry.array_module().get_default_memory_pool().free_all_blocks()


# --- streams and events --------------------------------------------------------------------------


class Stream:
    """A queue of GPU work; `with stream(s):` sends work to it."""

    def __init__(self, device: Any = None, priority: int = 0, *, raw: Any = None) -> None:
        self.device_index = _index(device)
        with registry.on(self.device_index) as xp:
            self.raw = xp.cuda.Stream(non_blocking=True) if raw is None else raw

    @property
    def cuda_stream(self) -> int:
        """The driver's handle."""
        return int(self.raw.ptr)

    @property
    def device(self) -> _device:
        """The stream's GPU."""
        return _device("cuda", self.device_index)

    def synchronize(self) -> None:
        """Wait until the stream is empty."""
        self.raw.synchronize()

    def query(self) -> bool:
        """Whether the stream is empty."""
        return bool(self.raw.done)

    def wait_event(self, event: Event) -> None:
        """Let later work wait for an event."""
        self.raw.wait_event(event.made())

    def wait_stream(self, stream: Stream) -> None:
        """Let later work wait for what another stream has been given."""
        self.wait_event(stream.record_event())

    def record_event(self, event: Event | None = None) -> Event:
        """Mark the stream's present end."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.cuda_stream == self.cuda_stream

    def __hash__(self) -> int:
        return hash((self.device_index, self.cuda_stream))

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class Event:
    """A mark in a stream, for waiting and timing."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        registry.array_module()
        self._options = {"block": blocking, "disable_timing": not enable_timing}
        self._raw: Any = None

    def made(self) -> Any:
        """The library's event, made at first use on the then current GPU."""
        if self._raw is None:
            self._raw = registry.array_module().cuda.Event(**self._options)
        return self._raw

    def record(self, stream: Stream | None = None) -> None:
        """Put the mark at a stream's present end."""
        self.made().record((current_stream() if stream is None else stream).raw)

    def wait(self, stream: Stream | None = None) -> None:
        """Let a stream's later work wait for the mark."""
        (current_stream() if stream is None else stream).wait_event(self)

    def synchronize(self) -> None:
        """Wait for the mark."""
        self.made().synchronize()

    def query(self) -> bool:
        """Whether the mark was reached."""
        return bool(self.made().done)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds between two marks."""
        return float(registry.array_module().cuda.get_elapsed_time(self.made(), end_event.made()))


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to."""
    index = _index(device)
    with registry.on(index) as xp:
        return Stream(index, raw=xp.cuda.get_current_stream())


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to at first."""
    return Stream(_index(device), raw=registry.array_module().cuda.Stream.null)


class stream:
    """Guard: work goes to another stream inside the block (None: nothing changes)."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._guard: Any = None

    def __enter__(self) -> None:
        if self.stream is not None:
            with contextlib.ExitStack() as stack:  # undone at once if the second step fails
                stack.enter_context(registry.on(self.stream.device_index))
                stack.enter_context(self.stream.raw)
                self._guard = stack.pop_all()

    def __exit__(self, *exc: Any) -> None:
        if self.stream is not None:
            self._guard.__exit__(*exc)


StreamContext = stream


def set_stream(stream: Stream) -> None:
    """Send work to `stream` from now on."""
    stream.raw.use()


# --- random streams ------------------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Seed the current GPU's random stream (also if it is first used later)."""
    registry.seed_all(int(seed))


manual_seed_all = manual_seed


def seed() -> None:
    """Seed the GPUs' random streams from entropy."""
    if is_available():
        chosen = registry.new_generator(_device("cuda", current_device())).seed()
        registry.seed_all(chosen)


seed_all = seed


def _stream_of(device: Any) -> Generator:
    made = object.__new__(Generator)
    made.device = _device("cuda", _index(device))
    made.core = registry.default_generator(made.device)
    return made


def initial_seed() -> int:
    """The seed of the current GPU's stream."""
    return _stream_of(None).initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of a GPU's stream as a tensor of bytes."""
    return _stream_of(device).get_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Continue a GPU's stream from a state that `get_rng_state` gave."""
    _stream_of(device).set_state(new_state)


def get_rng_state_all() -> list[Any]:
    """The states of all GPUs' streams."""
    return [get_rng_state(i) for i in range(device_count())]


def set_rng_state_all(new_states: Any) -> None:
    """Continue all GPUs' streams."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


__all__ = ["Event", "OutOfMemoryError", "Stream", "StreamContext", "device", "device_of", "stream"]
