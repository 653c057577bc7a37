"""LBFGS: limited-memory BFGS, with an optional strong Wolfe line search.

Sources: Nocedal and Wright, Numerical Optimization, chapters 3 and 7;
https://docs.pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import franken
from franken.optim.line_search import strong_wolfe
from franken.optim.optimizer import Optimizer, check_hyper, rate
from franken.optim.stepwise import value_of


class LBFGS(Optimizer):
    """Quasi-Newton steps; `step` needs a closure that re-evaluates the loss. One group only."""

    added = {}
    counts = ()

    def __init__(
        self, params: Any, lr: Any = 1, max_iter: int = 20, max_eval: int | None = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_hyper(rate(lr))
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        })  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _gradient(self) -> Any:
        parts = []
        for p in self._params:
            g = p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1)
            parts.append(franken.view_as_real(g).reshape(-1) if g.is_complex() else g)
        return franken.cat(parts)

    def _move(self, step: float, direction: Any) -> None:
        at = 0
        for p in self._params:
            flat = franken.view_as_real(p) if p.is_complex() else p
            n = flat.numel()
            flat.add_(direction[at : at + n].view_as(flat), alpha=step)
            at += n

    def _probe(self, closure: Callable[[], Any], start: list[Any], t: float, d: Any) -> Any:
        """Loss and gradient at `t` along `d`; the parameters end where they started."""
        self._move(t, d)
        loss = float(closure())
        gradient = self._gradient()
        for p, value in zip(self._params, start, strict=True):
            p.copy_(value)
        return loss, gradient

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Run up to max_iter iterations; returns the loss at the start."""
        with franken.no_grad():
            return self._optimize(lambda: _with_grad(closure))

    def _optimize(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        original = closure()
        run = _Run(float(original), self._gradient(), 1)
        state["func_evals"] += 1
        if run.gradient.abs().max() <= group["tolerance_grad"]:
            return original
        run.restore(state)
        for count in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._direction(run, state, group)
            run.t = value_of(group["lr"])
            size = float(run.gradient.abs().sum())
            if state["n_iter"] == 1 and size > 1.0:
                run.t *= 1.0 / size
            slope = run.gradient.dot(run.d)
            if slope > -group["tolerance_change"]:
                break
            evals = self._advance(run, closure, group, slope, count)
            run.evals += evals
            state["func_evals"] += evals
            if self._finished(run, group, count):
                break
        run.keep(state)
        return original

    def _direction(self, run: _Run, state: Any, group: Any) -> None:
        """The quasi-Newton direction from the pairs (s, y) of steps and gradient changes."""
        if state["n_iter"] == 1:
            run.d, run.old_dirs, run.old_stps, run.ro, run.H_diag = (
                run.gradient.neg(),
                [],
                [],
                [],
                1,
            )
        else:
            y, s = run.gradient.sub(run.prev_flat_grad), run.d.mul(run.t)
            ys = y.dot(s)
            if ys > 1e-10:
                if len(run.old_dirs) == group["history_size"]:
                    for history in (run.old_dirs, run.old_stps, run.ro):
                        history.pop(0)
                run.old_dirs.append(y)
                run.old_stps.append(s)
                run.ro.append(1.0 / ys)
                run.H_diag = ys / y.dot(y)
            factors = state.setdefault("al", [None] * group["history_size"])
            run.d = _two_loops(run, factors)
        run.prev_flat_grad = run.gradient.clone()
        run.prev_loss = run.loss

    def _advance(self, run: _Run, closure: Any, group: Any, slope: Any, count: int) -> int:
        """Move along the direction; how many times the closure was called."""
        if group["line_search_fn"] is not None:
            if group["line_search_fn"] != "strong_wolfe":
                raise RuntimeError("only 'strong_wolfe' is supported")
            start = [p.clone() for p in self._params]
            run.loss, run.gradient, run.t, evals = strong_wolfe(
                lambda t, d: self._probe(closure, start, t, d), run.t, run.d, run.loss,
                run.gradient, slope,
            )  # fmt: skip
            self._move(run.t, run.d)
            return evals
        self._move(run.t, run.d)
        if count == group["max_iter"]:  # nobody would use another evaluation
            return 0
        run.loss = float(closure())
        run.gradient = self._gradient()
        return 1

    def _finished(self, run: _Run, group: Any, count: int) -> bool:
        change = group["tolerance_change"]
        return bool(
            count == group["max_iter"]
            or run.evals >= group["max_eval"]
            or run.gradient.abs().max() <= group["tolerance_grad"]
            or run.d.mul(run.t).abs().max() <= change
            or abs(run.loss - run.prev_loss) < change
        )


class _Run:
    """The quantities of one call of step; the names in `kept` are saved in the state."""

    kept = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")

    def __init__(self, loss: float, gradient: Any, evals: int) -> None:
        self.loss, self.gradient, self.evals = loss, gradient, evals
        self.d: Any = None
        self.t: Any = None
        self.old_dirs: list[Any] = []
        self.old_stps: list[Any] = []
        self.ro: list[Any] = []
        self.H_diag: Any = None
        self.prev_flat_grad: Any = None
        self.prev_loss: Any = None

    def restore(self, state: Any) -> None:
        """Go on where the last call stopped."""
        for name in self.kept:
            if name in state:
                setattr(self, name, state[name])

    def keep(self, state: Any) -> None:
        """Note everything for the next call."""
        state.update({name: getattr(self, name) for name in self.kept})


def _with_grad(closure: Callable[[], Any]) -> Any:
    with franken.enable_grad():
        return closure()


def _two_loops(run: _Run, factors: list[Any]) -> Any:
    """The inverse Hessian's approximation times the negative gradient."""
    q = run.gradient.neg()
    for i in range(len(run.old_dirs) - 1, -1, -1):
        factors[i] = run.old_stps[i].dot(q) * run.ro[i]
        q.add_(run.old_dirs[i] * -factors[i])
    r = q * run.H_diag
    for i, y in enumerate(run.old_dirs):
        r.add_(run.old_stps[i] * (factors[i] - y.dot(r) * run.ro[i]))
    return r
