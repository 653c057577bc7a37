"""In-place changes, views, versions, leaves, detach, and inference mode, as in torch."""

from __future__ import annotations

import threading

import pytest

import franken


def leaf(lib, *values):
    return lib.tensor(list(values), requires_grad=True)


def history(lib):
    x = leaf(lib, 1.0, 2.0)
    m = x * 1
    m.mul_(x)
    m.add_(1.0)
    (m * m).sum().backward()
    return x.grad, m.detach(), m._version


def view_changed(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    m = x * 1
    v = m[1:]
    v.mul_(x[:2])
    (m * m).sum().backward()
    return x.grad, m.detach(), v.detach(), v._version


def base_changed(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    m = x * 1
    v = m[1:]
    m.mul_(2)
    (v * v).sum().backward()
    return x.grad, v.detach()


def view_of_view(lib):
    x = leaf(lib, *map(float, range(6)))
    m = x.reshape(2, 3) * 1
    w = m.t()[1]
    w.mul_(5.0)
    (m * m).sum().backward()
    return x.grad, m.detach()


def detached_shares(lib):
    x = leaf(lib, 1.0, 2.0)
    m = x * 1
    d = m.detach()
    d.zero_()
    return m.detach(), d.requires_grad, m._version


def stale(lib):
    x = leaf(lib, 1.0, 2.0)
    m = x * 1
    y = m * m
    m.add_(1)
    y.sum().backward()


def stale_output(lib):
    y = leaf(lib, 1.0, 2.0).exp()
    z = y * 1
    y.mul_(2)
    z.sum().backward()


def stale_by_detached(lib):
    x = leaf(lib, 1.0, 2.0)
    m = x * 1
    y = (m * m).sum()
    m.detach().add_(1)
    y.backward()


def fresh_by_data(lib):
    x = leaf(lib, 1.0, 2.0)
    m = x * 1
    y = (m * m).sum()
    m.data.add_(1)
    y.backward()
    return x.grad


def leaf_changed(lib):
    leaf(lib, 1.0).add_(1)


def leaf_view_changed(lib):
    leaf(lib, 1.0, 2.0)[:1].add_(1)


def leaf_under_no_grad(lib):
    x = leaf(lib, 1.0)
    with lib.no_grad():
        x.add_(1)
    return x.detach(), x.requires_grad, x._version


def view_made_in_no_grad(lib):
    m = leaf(lib, 1.0, 2.0) * 1
    with lib.no_grad():
        v = m[:1]
    v.add_(1)


def several_views(lib):
    a, b = (leaf(lib, 1.0, 2.0) * 1).unbind()
    a.add_(1)


def detach_in_place(lib):
    m = leaf(lib, 1.0) * 2
    m.detach_()
    return m.requires_grad, m.is_leaf


def detach_view_in_place(lib):
    (leaf(lib, 1.0, 2.0) * 2)[:1].detach_()


def plain_base_gets_history(lib):
    x = leaf(lib, 1.0, 2.0)
    z = lib.zeros(3)
    v = z[1:]
    v.copy_(x)
    (z * z).sum().backward()
    return z.requires_grad, x.grad


def set_items(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    z = x * 1
    z[0] = 5.0
    z[1:] = z[1:] * x[:2]
    z.sum().backward()
    return x.grad, z.detach()


def retain_then_change(lib):
    x = leaf(lib, 2.0)
    m = x * 3
    m.requires_grad_()
    n = m.detach().requires_grad_()
    (n * n).backward()
    return m.is_leaf, n.grad, x.grad


def data_assignment(lib):
    x = leaf(lib, 1.0, 2.0)
    x.data = lib.tensor([5.0, 6.0])
    (x * x).sum().backward()
    return x.detach(), x.grad


# --- inference mode ------------------------------------------------------------------------------


def inference_flags(lib):
    x = leaf(lib, 1.0)
    with lib.inference_mode():
        made, view, result = lib.ones(2), x.view(1), x + 1
        flags = [t.is_inference() for t in (made, view, result, made.view(2), x)]
        made.add_(1)
        inside = lib.is_inference_mode_enabled(), lib.is_grad_enabled()
        with lib.inference_mode(False):
            outside = lib.is_inference_mode_enabled(), lib.is_grad_enabled(), (x * 2).requires_grad
    after = [made.view(2).is_inference(), (made + 1).is_inference(), made.detach().is_inference()]
    return flags, inside, outside, after, made, (made + x).requires_grad


def inference_tensor(lib):
    with lib.inference_mode():
        return lib.ones(2)


def inference_saved(lib):
    inference_tensor(lib) * leaf(lib, 1.0, 2.0)


def inference_changed(lib):
    inference_tensor(lib).add_(1)


def inference_view_changed(lib):
    inference_tensor(lib).view(2).add_(1)


def inference_requires_grad(lib):
    inference_tensor(lib).requires_grad_()


def inference_version(lib):
    inference_tensor(lib)._version  # noqa: B018


def inference_decorator(lib):
    @lib.inference_mode()
    def f(x):
        return x * 2

    @lib.inference_mode
    def g(x):
        return x * 2

    x = leaf(lib, 1.0)
    return f(x).is_inference(), g(x).is_inference(), (x * 2).is_inference()


def clone_is_normal(lib):
    t = inference_tensor(lib).clone()
    x = leaf(lib, 1.0, 2.0)
    (t * x).sum().backward()
    return x.grad, t.is_inference()


# --- grad modes ----------------------------------------------------------------------------------


def grad_modes(lib):
    x = leaf(lib, 1.0)
    seen = []

    @lib.no_grad()
    def f():
        seen.append(lib.is_grad_enabled())
        return x * 2

    @lib.no_grad
    def g():
        return x * 2

    @lib.enable_grad()
    def h():
        return x * 2

    with lib.no_grad():
        seen.append((x * 2).requires_grad)
        seen.append(h().requires_grad)
        with lib.set_grad_enabled(True):
            seen.append((x * 2).requires_grad)
        seen.append(lib.is_grad_enabled())
    lib.set_grad_enabled(False)
    seen.append(lib.is_grad_enabled())
    lib.set_grad_enabled(True)
    return seen, f().requires_grad, g().requires_grad, f.__name__


def generator_mode(lib):
    @lib.no_grad()
    def numbers():
        while True:
            got = yield lib.is_grad_enabled()
            if got == "stop":
                return

    n = numbers()
    seen = [next(n), lib.is_grad_enabled(), n.send(1), lib.is_grad_enabled()]
    n.close()
    return seen, lib.is_grad_enabled()


def mode_after_error(lib):
    try:
        with lib.no_grad():
            raise ValueError
    except ValueError:
        pass
    return lib.is_grad_enabled()


PROGRAMS = [
    history, view_changed, base_changed, view_of_view, detached_shares, stale, stale_output,
    stale_by_detached, fresh_by_data, leaf_changed, leaf_view_changed, leaf_under_no_grad,
    view_made_in_no_grad, several_views, detach_in_place,
    detach_view_in_place, plain_base_gets_history, set_items, retain_then_change, data_assignment,
    inference_flags, inference_saved, inference_changed, inference_view_changed,
    inference_requires_grad, inference_version, inference_decorator, clone_is_normal, grad_modes,
    generator_mode, mode_after_error,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_torch(program, agree):
    agree(program, words=12)


def test_stale_error_names_both_lines():
    x = leaf(franken, 1.0, 2.0)
    m = x * 1
    y = m * m
    m.add_(1)
    with pytest.raises(RuntimeError, match=r"saved at test_inplace.py:\d+ .* modified at test_inp"):
        y.sum().backward()


def test_inference_mode_is_per_thread():
    seen = []
    with franken.inference_mode():
        thread = threading.Thread(target=lambda: seen.append(franken.ones(1).is_inference()))
        thread.start()
        thread.join()
    assert seen == [False]
