"""Learning rate schedules under torch.optim.lr_scheduler's names."""

from __future__ import annotations

from franken.optim.lr_scheduler.base import LRScheduler as LRScheduler
from franken.optim.lr_scheduler.base import _LRScheduler as _LRScheduler
from franken.optim.lr_scheduler.combined import ChainedScheduler as ChainedScheduler
from franken.optim.lr_scheduler.combined import SequentialLR as SequentialLR
from franken.optim.lr_scheduler.cycles import (
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,  # noqa: E501
)
from franken.optim.lr_scheduler.cycles import CyclicLR as CyclicLR
from franken.optim.lr_scheduler.cycles import OneCycleLR as OneCycleLR
from franken.optim.lr_scheduler.decay import ConstantLR as ConstantLR
from franken.optim.lr_scheduler.decay import CosineAnnealingLR as CosineAnnealingLR
from franken.optim.lr_scheduler.decay import ExponentialLR as ExponentialLR
from franken.optim.lr_scheduler.decay import LambdaLR as LambdaLR
from franken.optim.lr_scheduler.decay import LinearLR as LinearLR
from franken.optim.lr_scheduler.decay import MultiplicativeLR as MultiplicativeLR
from franken.optim.lr_scheduler.decay import MultiStepLR as MultiStepLR
from franken.optim.lr_scheduler.decay import PolynomialLR as PolynomialLR
from franken.optim.lr_scheduler.decay import StepLR as StepLR
from franken.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
