"""Checkpoints that prove and repair themselves: a sidecar of digests and RaptorQ repair symbols.

For any file, and for sets of files. Knows bytes and byte ranges of tensors; imports no Tensor.
"""

from __future__ import annotations

from .assess import Assessment, assess, open_source, recover
from .errors import (
    BadInput,
    Busy,
    CoderMissing,
    Damaged,
    DurabilityError,
    FileChanged,
    NotProven,
    SidecarError,
    SidecarMismatch,
    SidecarVersion,
    Unrepairable,
    WriteFailed,
)
from .proof import Proof, prove, verify_proof
from .protect import ProtectReport, protect
from .repair import repair
from .report import BlockState, MemberState, RepairReport, TensorState, VerifyReport
from .rotation import Checkpoints
from .verify import verify

__all__ = [
    "Assessment",
    "BadInput",
    "BlockState",
    "Busy",
    "Checkpoints",
    "CoderMissing",
    "Damaged",
    "DurabilityError",
    "FileChanged",
    "MemberState",
    "NotProven",
    "Proof",
    "ProtectReport",
    "RepairReport",
    "SidecarError",
    "SidecarMismatch",
    "SidecarVersion",
    "TensorState",
    "Unrepairable",
    "VerifyReport",
    "WriteFailed",
    "assess",
    "open_source",
    "protect",
    "prove",
    "recover",
    "repair",
    "verify",
    "verify_proof",
]
