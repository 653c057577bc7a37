"""torch.onnx: nothing is exported; what would raises."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["ONNXProgram", "OnnxExporterError", "export", "is_in_onnx_export"]


class OnnxExporterError(RuntimeError):
    """An export that failed."""


class ONNXProgram:
    """A program in ONNX' format: there are none."""


def is_in_onnx_export() -> bool:
    """False: nothing is exported."""
    return False


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: franken takes no graph of a program."""
    raise NotImplementedError("torch.onnx.export: franken takes no graph of a program")


dynamo_export = export


def register_custom_op_symbolic(symbolic_name: str, symbolic_fn: Any, opset_version: int) -> None:
    """Nothing: no op is exported."""


unregister_custom_op_symbolic = register_custom_op_symbolic
