"""Strides against torch's, where NumPy's own would be others."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import franken  # noqa: E402


def _axis_of_one(m: Any) -> Any:
    return m.arange(4.0, dtype=m.float64).reshape(4, 1).T  # strides (1, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: _axis_of_one(m).unsqueeze(1),
        lambda m: m.arange(6.0)[::2].unsqueeze(-1),
        lambda m: m.zeros(0).unsqueeze(0),
        lambda m: m.zeros(1).expand(5).unsqueeze(1),
        lambda m: m.zeros(3, 1, 1).permute(2, 0, 1).squeeze(0),
        lambda m: m.atleast_3d(m.arange(6.0)[::2]),
        lambda m: _axis_of_one(m).float(),
        lambda m: m.zeros_like(_axis_of_one(m)),
        lambda m: m.addcmul(_axis_of_one(m), m.ones(4, dtype=m.float64), _axis_of_one(m)),
        lambda m: m.fft.fft2(m.zeros(3, 4, dtype=m.complex128).T),
        lambda m: m.fft.fft(m.zeros(2, 3, 4, 5).to(memory_format=m.channels_last)),
        lambda m: m.fft.rfftn(m.zeros(2, 3, 4, 5).permute(3, 2, 1, 0), dim=(0, 1)),
        lambda m: m.fft.irfft2(m.zeros(2, 3, 4, 5, dtype=m.complex64).permute(1, 0, 2, 3)),
        lambda m: m.fft.ihfftn(m.zeros(3, 4)),
        lambda m: m.fft.fftn(m.zeros(4, 3).T, out=m.empty(0, dtype=m.complex64)),
        lambda m: m.linalg.tensorinv(m.eye(6).reshape(2, 3, 6).contiguous(), out=m.empty(0)),
        lambda m: m.cholesky_solve(m.ones(3, 2), m.eye(3), out=m.empty(0)),
        lambda m: m.zeros(4, 3).T.put(m.tensor([0]), m.ones(1)),
        lambda m: m.view_as_complex(m.zeros(21).as_strided((1, 4, 2), (3, 2, 1))),
        lambda m: m.bernoulli(m.zeros(4, 3).T, 0.5),
        lambda m: m.bernoulli(m.zeros(4, 3).T),
        lambda m: m.histogram(m.ones(6), m.arange(8.0)[::2])[1],
        lambda m: m.quantile(m.ones(1, 4), m.tensor([0.1, 0.5]), 1, keepdim=True),
        lambda m: m.quantile(m.ones(3, 4), m.tensor([0.1, 0.5]), keepdim=True),
        lambda m: m.quantile(m.ones(3, 4), m.tensor([0.1, 0.5]), 1, True, out=m.empty(0)),
        lambda m: m.conj_physical(m.ones(40).as_strided((3, 4), (1, 5)), out=m.empty(0)),
        lambda m: m.kron(m.ones(3, 2).T, m.ones(2, 3).T, out=m.empty(0)),
        lambda m: m.stack(
            [m.zeros(2, 3, 4, 5).to(memory_format=m.channels_last)] * 2, out=m.empty(0)
        ),
        lambda m: m.slice_scatter(m.ones(4, 3).T, m.ones(1, 4), 0, 0, 1, out=m.empty(0)),
        lambda m: m.view_copy(m.ones(4, 3).T, (2, 6)),
    ],
)
def test_strides_are_torchs(call: Any) -> None:
    """Also along axes that hold one element or none, and of results that are not row-major."""
    assert call(franken).stride() == call(torch).stride()


_GAPS = {
    "select_scatter": lambda m, x: m.select_scatter(x, m.zeros(3), 1, 0),
    "slice_scatter": lambda m, x: m.slice_scatter(x, m.zeros(1, 2), 0, 0, 1),
    "diagonal_scatter": lambda m, x: m.diagonal_scatter(x, m.zeros(2)),
    "as_strided_scatter": lambda m, x: m.as_strided_scatter(x, m.zeros(2), (2,), (1,), 1),
}
_PLACED = {
    "gaps": lambda m: m.arange(12.0).reshape(3, 4)[:, 1:3],
    "transposed": lambda m: m.arange(12.0).reshape(2, 6).T[2:5],
    "repeated": lambda m: m.arange(4.0)[1:3].expand(3, 2),
    "empty": lambda m: m.zeros(3, 9)[:, :0],
}


@pytest.mark.parametrize("place", _PLACED)
@pytest.mark.parametrize("name", _GAPS)
def test_a_region_is_replaced_in_a_copy_of_all_the_storage(name: str, place: str) -> None:
    found = []
    for m in (torch, franken):
        x = _PLACED[place](m)
        try:
            y = _GAPS[name](m, x)
        except (RuntimeError, IndexError) as error:
            found.append(type(error))
            continue
        found.append((y.tolist(), y.stride(), y.storage_offset(), y.untyped_storage().nbytes()))
        assert x.tolist() == _PLACED[place](m).tolist()
    assert found[1] == found[0]


def test_a_list_of_targets_is_not_given_back() -> None:
    for call in (
        lambda m, out: m.unbind_copy(m.ones(2, 3), out=out),
        lambda m, out: m.split_with_sizes_copy(m.ones(2, 3), [1, 1], out=out),
    ):
        for m in (torch, franken):
            targets = [m.empty(0), m.empty(0)]
            assert call(m, targets) is None and targets[0].numel() == 3
        words = []
        for m in (torch, franken):
            with pytest.raises(RuntimeError) as refused:
                call(m, [m.empty(0)])
            words.append(str(refused.value))
        assert words[1] == words[0]


def test_what_holds_nothing_is_not_looked_into() -> None:
    for m in (torch, franken):
        assert m.index_add(m.zeros(3, 0), 1, m.tensor([7]), m.zeros(3, 1)).shape == (3, 0)
        counts = m.bincount(m.zeros(0, dtype=m.int64), m.zeros(5), minlength=2)
        assert counts.dtype is m.int64 and counts.tolist() == [0, 0]
        assert m.linalg.cond(m.zeros(2, 0, 3)).tolist() == [0.0, 0.0]
        assert not m.zeros(0).is_set_to(m.zeros(0))
        x = m.zeros(0)
        assert x.is_set_to(x.view(0))


def test_index_put_adds_in_repeated_memory_with_a_warning() -> None:
    for m in (torch, franken):
        x = m.zeros(3, 1).expand(3, 4)
        with pytest.warns(UserWarning, match="index_put_ on expanded tensors is deprecated"):
            x.index_put_((m.tensor([0, 1, 1]),), m.ones(3, 4), accumulate=True)
        assert x[:, 0].tolist() == [4.0, 8.0, 0.0]


def test_gradient_of_as_strided_scatter_is_that_of_the_replaced_elements() -> None:
    for m in (torch, franken):
        x, src = m.arange(6.0).requires_grad_(), m.ones(2, 2).requires_grad_()
        y = m.as_strided_scatter(x, src, (2, 2), (1, 2), 1)
        (y * m.arange(1.0, 7.0)).sum().backward()
        assert x.grad.tolist() == [0, 2, 3, 4, 5, 0] and src.grad.tolist() == [[2, 4], [3, 5]]


@pytest.mark.parametrize("beta", [0, 1, 2])
@pytest.mark.parametrize("shape", [(3, 0), (0, 4)])
def test_addmv_of_an_empty_matrix_keeps_the_shape_of_what_it_scales(
    shape: tuple[int, int], beta: int
) -> None:
    found = []
    for m in (torch, franken):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            y = m.addmv(m.tensor(2.0), m.ones(shape), m.ones(shape[1]), beta=beta)
        found.append(
            (y.tolist(), tuple(y.shape), [str(w.message).split(" (Trig")[0] for w in told])
        )
    assert found[1] == found[0]


_IMAGES = {
    "one channel": lambda m: m.ones(2, 1, 4, 5).to(memory_format=m.channels_last),
    "one pixel": lambda m: m.ones(2, 3, 1, 1).to(memory_format=m.channels_last),
    "one row": lambda m: m.ones(4, 1).T,
    "one column": lambda m: m.ones(40).as_strided((3, 1), (1, 5)),
    "no column": lambda m: m.ones(40).as_strided((3, 0), (1, 3)),
}
_WITH_NUMBERS = {
    "x * 2": lambda m, x: x * 2,
    "1 - x": lambda m, x: 1 - x,
    "x > 0": lambda m, x: x > 0,
    "x ** 2": lambda m, x: x**2,
    "0-d * x": lambda m, x: m.tensor(2.0) * x,
    "x * 0-d": lambda m, x: x * m.tensor(2.0),
    "long / 2": lambda m, x: x.long() / 2,
    "lerp": lambda m, x: m.lerp(x, x, 0.5),
    "exp": lambda m, x: x.exp(),
    "x + x": lambda m, x: x + x,
    "hardtanh": lambda m, x: m.nn.functional.hardtanh(x),
    "nan_to_num": lambda m, x: m.nan_to_num(x),
    "deg2rad": lambda m, x: m.deg2rad(x),
    "double": lambda m, x: x.double(),
}


@pytest.mark.parametrize("image", _IMAGES)
@pytest.mark.parametrize("name", _WITH_NUMBERS)
def test_a_number_counts_as_a_tensor_without_axes(name: str, image: str) -> None:
    """Torch's fast way of laying out is for tensors of one shape: a number is of another."""
    strides = [_WITH_NUMBERS[name](m, _IMAGES[image](m)).stride() for m in (torch, franken)]
    assert strides[1] == strides[0]


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.ones(1, 2).T.reshape(2, 1, 1),
        lambda m: m.ones(4, 1).T.reshape(4, 1),
        lambda m: m.ones(2, 1, 4, 5).to(memory_format=m.channels_last),
        lambda m: m.ones(2, 1, 4, 5).to(memory_format=m.channels_last).to(m.float64),
        lambda m: m.einsum("ij,jk->ik", m.ones(1, 2).T, m.ones(4, 1).T),
        lambda m: m.gradient(m.ones(2, 3, 4, 5).to(memory_format=m.channels_last), dim=1)[0],
        lambda m: m.linalg.lstsq(m.eye(4)[:, :2], m.ones(4, 3)).solution,
        lambda m: m.linalg.lstsq(m.eye(3).expand(2, 3, 3), m.ones(2, 3, 2)).solution,
        lambda m: m.ormqr(m.eye(4)[:, :2], m.ones(2), m.ones(3, 4), left=False),
        lambda m: m.ormqr(m.zeros(4, 0), m.ones(0), m.ones(4, 3)),
        lambda m: m.stack([m.zeros(0, 4)] * 2, 0),
        lambda m: m.linalg.cholesky(m.eye(3).expand(2, 3, 3), upper=True),
        lambda m: m.special.ndtr(m.ones(4, 3).T, out=m.empty(0)),
        lambda m: m.fft.fftn(
            m.ones(2, 3, 4, 5).to(memory_format=m.channels_last), s=(4, 8), dim=(0, -1)
        ),
        lambda m: m.nn.functional.adaptive_avg_pool1d(m.ones(1, 2).T, 3),
    ],
)
def test_strides_of_axes_of_one_element_go_on(call: Any) -> None:
    assert call(franken).stride() == call(torch).stride()


@pytest.mark.parametrize("upper", [False, True])
def test_a_factor_is_no_view(upper: bool) -> None:
    for m in (torch, franken):
        assert not m.linalg.cholesky(m.eye(3), upper=upper)._is_view()
