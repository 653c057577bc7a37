"""torch.distributions.kl: how far one distribution is from another."""

from __future__ import annotations

from franken.distributions.kl import alike as alike
from franken.distributions.kl import crossed as crossed
from franken.distributions.kl import vectors as vectors
from franken.distributions.kl.alike import _kl_expfamily_expfamily as _kl_expfamily_expfamily
from franken.distributions.kl.alike import _kl_normal_normal as _kl_normal_normal
from franken.distributions.kl.registry import _KL_MEMOIZE as _KL_MEMOIZE
from franken.distributions.kl.registry import _KL_REGISTRY as _KL_REGISTRY
from franken.distributions.kl.registry import _dispatch_kl as _dispatch_kl
from franken.distributions.kl.registry import kl_divergence as kl_divergence
from franken.distributions.kl.registry import register_kl as register_kl

__all__ = ["kl_divergence", "register_kl"]
