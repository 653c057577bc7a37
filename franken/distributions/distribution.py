"""Distribution: what every distribution has, and how its arguments and values are checked."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.utils import EMPTY, lazy_property


def _unsaid(self: Any) -> Any:
    raise NotImplementedError


class Distribution:
    """A distribution over events of `event_shape`, one for each place of `batch_shape`.

    A subclass says in `_expandable` which of its attributes have the batch's shape, and how many
    dimensions of an event follow it there; `expand` needs no more.

    Args:
        validate_args: check the parameters now and the values later; the default is that of
            `set_default_validate_args`, which is true unless Python runs with -O.

    >>> import franken as torch
    >>> torch.distributions.Normal(torch.zeros(2), 1.0).expand((3, 2)).batch_shape
    torch.Size([3, 2])
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args = __debug__
    _expandable: ClassVar[dict[str, int]] = {}
    arg_constraints: Any = property(_unsaid, doc="Parameters' names with their constraints.")
    support: Any = property(_unsaid, doc="The constraint that values keep.")

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions made from now on check their arguments."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Any = EMPTY, event_shape: Any = EMPTY, validate_args: Any = None
    ) -> None:
        self._batch_shape, self._event_shape = batch_shape, event_shape
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()

    def _check_parameters(self) -> None:
        try:
            regions = self.arg_constraints
        except NotImplementedError:
            regions = {}
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints "
                "= {}` or initialize the distribution with `validate_args=False` to turn off "
                "validation.",
                stacklevel=3,
            )
        for name, region in regions.items():
            if constraints.is_dependent(region) or self._not_made_yet(name):
                continue
            value = getattr(self, name)
            if not franken._is_all_true(region.check(value)):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape "
                    f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                    f"{region!r}, but found invalid values:\n{value}"
                )

    def _not_made_yet(self, name: str) -> bool:
        lazy = isinstance(getattr(type(self), name, None), lazy_property)
        return lazy and name not in self.__dict__

    def _get_checked_instance(self, cls: Any, _instance: Any = None) -> Any:
        """The instance to expand into; subclasses with an `__init__` of their own must give one."""
        if _instance is not None:
            return _instance
        if type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom "
                "__init__ method must also define a custom .expand() method."
            )
        return self.__new__(type(self))  # type: ignore[call-overload]

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution over a larger batch, its parameters expanded without a copy."""
        kinds: Any = type(self).__mro__
        owner = next((c for c in kinds if vars(c).get("_expandable")), None)
        if owner is None:
            raise NotImplementedError
        new = self._get_checked_instance(owner, _instance)
        batch_shape = Size(batch_shape)
        for name, dims in owner._expandable.items():
            if name in self.__dict__:
                value = self.__dict__[name]
                tail = value.shape[value.dim() - dims :]
                setattr(new, name, value.expand(batch_shape + tail))
        return self._expanded(new, batch_shape)

    def _expanded(self, new: Any, batch_shape: Any, event_shape: Any = None) -> Any:
        """`new`, whose parameters are there, as a distribution over `batch_shape`."""
        shape = self.event_shape if event_shape is None else event_shape
        Distribution.__init__(new, batch_shape, shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def batch_shape(self) -> Any:
        """The shape of independent parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """The shape of one sample of one place of the batch."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The expectation."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """Where the density or the probability is greatest."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        """Values of shape sample_shape + batch_shape + event_shape, without gradients."""
        with franken.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        """Values as `sample` gives, as functions of the parameters and of numbers drawn apart."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """`n` values; use `sample((n,))`."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
            stacklevel=2,
        )
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density or probability at `value`: (*, batch, event) -> (*, batch)."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of what is at most `value`."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """Where the distribution function is `value`."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, (cardinality, batch, event); with `expand=False` the batch is of ones."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy in nats, of shape batch_shape."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """The exponential of the entropy."""
        return franken.exp(self.entropy())

    def _extended_shape(self, sample_shape: Any = EMPTY) -> Any:
        if not isinstance(sample_shape, Size):
            sample_shape = Size(sample_shape)
        return Size(sample_shape + self._batch_shape + self._event_shape)

    def _validate_sample(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        self._check_shape(value)
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not franken._is_all_true(support.check(value)):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"to be within the support ({support!r}) of the distribution {self!r}, but found "
                f"invalid values:\n{value}"
            )

    def _check_shape(self, value: Tensor) -> None:
        actual, event = value.size(), self._event_shape
        if actual[len(actual) - len(event) :] != event:
            raise ValueError(
                f"The right-most size of value must match event_shape: {actual} vs {event}."
            )
        expected = self._batch_shape + event
        for i, j in zip(reversed(actual), reversed(expected), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{actual} vs {expected}."
                )

    def __repr__(self) -> str:
        made = {n: self.__dict__[n] for n in self.arg_constraints if n in self.__dict__}
        shown = [f"{n}: {v if v.numel() == 1 else v.size()}" for n, v in made.items()]
        return f"{self.__class__.__name__}({', '.join(shown)})"


__all__ = ["Distribution"]
