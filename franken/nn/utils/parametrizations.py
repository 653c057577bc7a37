"""Ready-made parametrizations: weight_norm, spectral_norm, orthogonal.

Sources: Salimans and Kingma 2016; Miyato et al. 2018; Lezcano-Casado 2019;
https://docs.pytorch.org/docs/stable/nn.html#parametrizations-implemented-using-the-new-parametrization-functionality-in-torch-nn-utils-parameterize-register-parametrization
"""

from __future__ import annotations

from typing import Any

import franken
from franken import Tensor
from franken.nn import functional as F
from franken.nn.modules.module import Module
from franken.nn.utils.parametrize import register_parametrization
from franken.nn.utils.spectral_norm import as_matrix
from franken.nn.utils.weight_norm import norm_except_dim


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Length g, direction v -> weight."""
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Weight -> length and direction."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train a weight's length (original0) and direction (original1) apart."""
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def old_names(state_dict: Any, prefix: str, *rest: Any) -> None:
        for i, suffix in enumerate(("_g", "_v")):
            old = f"{prefix}{name}{suffix}"
            if old in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(old)

    module._register_load_state_dict_pre_hook(old_names)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got "
                f"{dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps = dim % ndim, eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            rows, columns = matrix.size()
            u = F.normalize(matrix.new_empty(rows).normal_(0, 1), dim=0, eps=eps)
            v = F.normalize(matrix.new_empty(columns).normal_(0, 1), dim=0, eps=eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._power_method(matrix, 15)

    def _power_method(self, matrix: Tensor, n_power_iterations: int) -> None:
        with franken.no_grad():
            for _ in range(n_power_iterations):
                u = F.normalize(franken.mv(matrix, self._v), dim=0, eps=self.eps)
                self._u.copy_(u)
                self._v.copy_(F.normalize(franken.mv(matrix.H, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """Weight -> weight / largest singular value."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / franken.vdot(u, franken.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself: a normalised weight stays as it is."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Module:  # fmt: skip
    """Divide a module's weight by its largest singular value."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    made = _SpectralNorm(weight.detach(), n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)


class _Orthogonal(Module):
    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
            raise ValueError(
                'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: '
                f"{orthogonal_map}"
            )
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape, self.orthogonal_map = weight.shape, orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, original: Tensor) -> Tensor:
        """Any matrix -> one with orthonormal rows or columns."""
        wide = original.size(-2) < original.size(-1)
        x = original.mT if wide else original
        q = self._reflected(x) if self.orthogonal_map == "householder" else self._turned(x)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def _reflected(self, x: Tensor) -> Tensor:
        """Reflections at the columns below the diagonal, which holds the columns' signs."""
        below = x.tril(-1)
        tau = 2.0 / (1.0 + (below * below).sum(dim=-2))
        signs = x.diagonal(dim1=-2, dim2=-1).int()  # as constants, without a gradient
        return franken.linalg.householder_product(below, tau) * signs.unsqueeze(-2)

    def _turned(self, x: Tensor) -> Tensor:
        """The first columns of a rotation whose logarithm (or Cayley preimage) is skew."""
        rows, columns = x.size(-2), x.size(-1)
        lower = x.tril()
        if rows != columns:
            pad = lower.new_zeros(*lower.shape[:-2], rows, rows - columns)
            lower = franken.cat([lower, pad], dim=-1)
        skew = lower - lower.mH
        if self.orthogonal_map == "matrix_exp":
            q = franken.matrix_exp(skew)
        else:
            eye = franken.eye(rows, dtype=skew.dtype, device=skew.device)
            q = franken.linalg.solve(eye - 0.5 * skew, eye + 0.5 * skew)
        return q[..., :columns]

    def right_inverse(self, value: Tensor) -> Tensor:
        """The original whose map is `value`, or the orthogonal factor of a `value` that is not."""
        if value.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {value.shape}."
            )
        wide = value.size(-2) < value.size(-1)
        tall = value.mT if wide else value
        if hasattr(self, "base"):
            return self._to_base(tall, value)
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        found = _reflections(tall)
        return found.mT if wide else found

    def _to_base(self, tall: Tensor, value: Tensor) -> Tensor:
        """Keep the value, completed to a square, as the base; minus the identity maps to one."""
        with franken.no_grad():
            rows, columns = tall.size(-2), tall.size(-1)
            if rows != columns:
                noise = franken.randn(
                    *tall.shape[:-2], rows, rows - columns, dtype=tall.dtype, device=tall.device
                )
                self.base = _orthogonal_factor(franken.cat([tall, noise], dim=-1))
            else:
                self.base = tall.clone() if _is_orthogonal(tall) else _orthogonal_factor(tall)
            zero = franken.zeros_like(value)
            zero.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return zero


def _is_orthogonal(q: Tensor) -> bool:
    eps = 10 * q.size(-2) * franken.finfo(q.dtype).eps
    eye = franken.eye(q.size(-1), dtype=q.dtype, device=q.device)
    return bool(franken.allclose(q.mH @ q, eye, atol=eps))


def _orthogonal_factor(a: Tensor) -> Tensor:
    """Q of A = QR, the diagonal of R being real and positive."""
    packed, tau = franken.geqrf(a)
    signs = packed.diagonal(dim1=-2, dim2=-1).sgn()  # of R, whose diagonal lies there
    return franken.linalg.householder_product(packed, tau) * signs.unsqueeze(-2)


def _reflections(a: Tensor) -> Tensor:
    """Reflectors below a diagonal of signs, whose product is the orthogonal factor of `a`."""
    with franken.no_grad():
        packed, tau = franken.geqrf(a)
        diagonal = packed.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[tau == 0.0] *= -1  # no reflection there: the sign that the others would bring
    return packed


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *,
    use_trivialization: bool = True,
) -> Module:  # fmt: skip
    """Keep a weight's rows or columns orthonormal.

    `orthogonal_map` is "matrix_exp" or "cayley" (maps of a skew matrix) or "householder"
    (reflections; the default of real matrices that are not square). Without
    `use_trivialization` only the last can be assigned to.

    >>> import franken as torch
    >>> layer = orthogonal(torch.nn.Linear(3, 5))
    >>> torch.allclose(layer.weight.mT @ layer.weight, torch.eye(3), atol=1e-5)
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    plain = weight.size(-2) == weight.size(-1) or weight.is_complex()
    chosen = orthogonal_map or ("matrix_exp" if plain else "householder")
    return register_parametrization(
        module, name, _Orthogonal(weight, chosen, use_trivialization), unsafe=True
    )
