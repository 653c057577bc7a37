"""torch.distributions.transforms: functions with inverses and Jacobians."""

from __future__ import annotations

from franken.distributions.transforms.base import ComposeTransform as ComposeTransform
from franken.distributions.transforms.base import IndependentTransform as IndependentTransform
from franken.distributions.transforms.base import ReshapeTransform as ReshapeTransform
from franken.distributions.transforms.base import Transform as Transform
from franken.distributions.transforms.base import _InverseTransform as _InverseTransform
from franken.distributions.transforms.base import identity_transform as identity_transform
from franken.distributions.transforms.elementwise import AbsTransform as AbsTransform
from franken.distributions.transforms.elementwise import AffineTransform as AffineTransform
from franken.distributions.transforms.elementwise import (
    CumulativeDistributionTransform as CumulativeDistributionTransform,
)
from franken.distributions.transforms.elementwise import ExpTransform as ExpTransform
from franken.distributions.transforms.elementwise import PowerTransform as PowerTransform
from franken.distributions.transforms.elementwise import SigmoidTransform as SigmoidTransform
from franken.distributions.transforms.elementwise import SoftplusTransform as SoftplusTransform
from franken.distributions.transforms.elementwise import TanhTransform as TanhTransform
from franken.distributions.transforms.elementwise import _clipped_sigmoid as _clipped_sigmoid
from franken.distributions.transforms.joined import CatTransform as CatTransform
from franken.distributions.transforms.joined import StackTransform as StackTransform
from franken.distributions.transforms.structured import (
    CorrCholeskyTransform as CorrCholeskyTransform,
)
from franken.distributions.transforms.structured import (
    LowerCholeskyTransform as LowerCholeskyTransform,
)
from franken.distributions.transforms.structured import (
    PositiveDefiniteTransform as PositiveDefiniteTransform,
)
from franken.distributions.transforms.structured import SoftmaxTransform as SoftmaxTransform
from franken.distributions.transforms.structured import (
    StickBreakingTransform as StickBreakingTransform,
)

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform",
    "CumulativeDistributionTransform", "ExpTransform", "IndependentTransform",
    "LowerCholeskyTransform", "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform",
    "SigmoidTransform", "SoftmaxTransform", "SoftplusTransform", "StackTransform",
    "StickBreakingTransform", "TanhTransform", "Transform", "identity_transform",
]  # fmt: skip
