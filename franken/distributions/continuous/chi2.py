"""Chi2: sums of squares of normal numbers."""

from __future__ import annotations

from typing import Any, ClassVar

from franken import Tensor
from franken.distributions import constraints
from franken.distributions.continuous.gamma import Gamma


class Chi2(Gamma):
    """The chi-squared distribution.

    Args:
        df: the degrees of freedom, which is the mean.

    >>> import franken as torch
    >>> torch.distributions.Chi2(3.0).mean
    tensor(3.)
    """

    arg_constraints: Any = {"df": constraints.positive}
    _expandable: ClassVar[dict[str, int]] = dict(Gamma._expandable)

    def __init__(self, df: Any, validate_args: Any = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2


__all__ = ["Chi2"]
