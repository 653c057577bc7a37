"""Indexing, gather, scatter, index_* and masks against torch: values, derivatives, vmap, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from movement_forms import (  # noqa: E402
    check_gradients,
    check_tangent,
    check_value,
    check_vmap,
    mask,
    normal,
    outcome,
    places,
)

import franken  # noqa: E402


def assigned(key: Any) -> Any:
    """y[key] = v on a copy of x."""

    def fn(t: Any, x: Any, v: Any) -> Any:
        y = x * 1
        y[key] = v
        return y

    return fn


def assigned_rows(t: Any, x: Any, i: Any, v: Any) -> Any:
    """y[i] = v on a copy of x."""
    y = x * 1
    y[i] = v
    return y


def assigned_columns(t: Any, x: Any, i: Any, v: Any) -> Any:
    """y[:, i] = v on a copy of x."""
    y = x * 1
    y[:, i] = v
    return y


CASES: dict[str, Any] = {
    "index0": (lambda t, x, i: x[i], (normal(3, 4), places(3, 5),)),
    "index1": (lambda t, x, i: x[:, i], (normal(3, 4), places(4, 2, 3),)),
    "index2": (lambda t, x, i, j: x[i, j], (normal(3, 4), places(3, 5), places(4, 5),)),
    "index3": (lambda t, x, i, j: x[i, :, j], (normal(3, 2, 4), places(3, 5), places(4, 5),)),
    "index4": (lambda t, x, i, j: x[:, i, j], (normal(3, 2, 4), places(2, 5), places(4, 5),)),
    "index5": (lambda t, x, i, j: x[:, i, j], (normal(3, 2, 4), places(2, 5, 1), places(4, 2),)),
    "index6": (lambda t, x, i: x[..., i, None], (normal(3, 4), places(4, 5),)),
    "index7": (lambda t, x, i: x[1, i], (normal(3, 4), places(4, 5),)),
    "index0d": (lambda t, x, i: x[i], (normal(3, 4), places(3),)),
    "gather": (lambda t, x, i: x.gather(1, i), (normal(3, 4), places(4, 3, 6),)),
    "gather0": (lambda t, x, i: x.gather(0, i), (normal(3, 4), places(3, 5, 2),)),
    "index_select": (lambda t, x, i: x.index_select(1, i), (normal(3, 4), places(4, 6),)),
    "take": (lambda t, x, i: x.take(i), (normal(3, 4), places(12, 2, 3),)),
    "tad": (lambda t, x, i: t.take_along_dim(x, i, 1), (normal(3, 4), places(4, 3, 2),)),
    "scatter": (lambda t, x, i, s: x.scatter(1, i, s),
        (normal(3, 4), np.array([[0, 1], [2, 3], [1, 0]]), normal(3, 2),)),
    "scatter_v": (lambda t, x, i: x.scatter(1, i, 2.0), (normal(3, 4), places(4, 3, 2),)),
    "scatter_add": (lambda t, x, i, s: x.scatter_add(1, i, s),
        (normal(3, 4), places(4, 3, 6), normal(3, 6),)),
    "index_add": (lambda t, x, i, s: x.index_add(1, i, s, alpha=2),
        (normal(3, 4), places(4, 6), normal(3, 6),)),
    "index_copy": (lambda t, x, i, s: x.index_copy(0, i, s),
        (normal(3, 4), np.array([2, 0]), normal(2, 4),)),
    "index_fill": (lambda t, x, i: x.index_fill(1, i, 3.0), (normal(3, 4), places(4, 2),)),
    "index_fillt": (lambda t, x, i, v: x.index_fill(1, i, v),
        (normal(3, 4), places(4, 2), normal(),)),
    "index_put": (lambda t, x, i, v: x.index_put((i,), v),
        (normal(3, 4), np.array([2, 0]), normal(2, 4),)),
    "index_put_acc": (lambda t, x, i, v: x.index_put((i,), v, accumulate=True),
        (normal(3, 4), places(3, 5), normal(5, 4),)),
    "index_put2": (lambda t, x, i, j, v: x.index_put((i, j), v, accumulate=True),
        (normal(3, 4), places(3, 5), places(4, 5), normal(5),)),
    "index_putb": (lambda t, x, i, v: x.index_put((i,), v, accumulate=True),
        (normal(3, 4), places(3, 5), normal(4),)),
    "put": (lambda t, x, i, v: x.put(i, v, accumulate=True),
        (normal(3, 4), places(12, 5), normal(5),)),
    "masked_fill": (lambda t, x, m: x.masked_fill(m, 2.0), (normal(3, 4), mask(3, 4),)),
    "masked_fillt": (lambda t, x, m, v: x.masked_fill(m, v), (normal(3, 4), mask(3, 4), normal(),)),
    "masked_scatter": (lambda t, x, m, s: x.masked_scatter(m, s),
        (normal(3, 4), mask(3, 4), normal(12),)),
    "masked_select": (lambda t, x, m: x.masked_select(m), (normal(3, 4), mask(3, 4),)),
    "set0": (assigned(1), (normal(3, 4), normal(4),)),
    "set1": (assigned((slice(None), slice(0, 2))), (normal(3, 4), normal(3, 2),)),
    "set2": (assigned((Ellipsis, -1)), (normal(3, 4), normal(3),)),
    "setidx": (assigned_rows, (normal(3, 4), np.array([2, 0]), normal(2, 4),)),
    "setidx1": (assigned_columns, (normal(3, 4), np.array([2, 0]), normal(3, 2),)),
}  # fmt: skip
for _kind in ("sum", "prod", "mean", "amax", "amin"):
    for _self in (True, False):
        CASES[f"scatter_reduce_{_kind}_{_self}"] = (
            lambda t, x, i, s, r=_kind, c=_self: x.scatter_reduce(1, i, s, r, include_self=c),
            (normal(3, 4), places(4, 3, 6), normal(3, 6)),
        )
        if _kind != "sum":
            CASES[f"index_reduce_{_kind}_{_self}"] = (
                lambda t, x, i, s, r=_kind, c=_self: x.index_reduce(1, i, s, r, include_self=c),
                (normal(3, 4), places(4, 6), normal(3, 6)),
            )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    if name.startswith("index_reduce") and name.endswith("False"):
        # torch has no index_reduce of complex numbers and bools without include_self
        check_value(CASES[name], ("float64", "int64", "bfloat16"))
    else:
        check_value(CASES[name])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str) -> None:
    check_gradients(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_tangent(name: str) -> None:
    check_tangent(CASES[name])


@pytest.mark.parametrize("name", [n for n in CASES if n != "masked_select"])
def test_vmap(name: str) -> None:
    check_vmap(CASES[name], changes_first=name.startswith("set"))


PROGRAMS = """
x[5]
x[0,5]
x[0,0,0]
x[torch.tensor([0]),torch.tensor([0]),torch.tensor([0])]
x[1.5]
x["a"]
x[torch.tensor([0.5])]
x[torch.tensor([True,False])]
x[torch.ones(3,5,dtype=torch.bool)]
x[torch.tensor(1)]
x[torch.tensor(True)]
x[True].shape
x[False].shape
x[[True,False,True]].shape
x[[0,1]].shape
x[[[0,1],[1,2]]].shape
x[[[0,1],[1,2]],].shape
x[::-1]
x[..., ...]
x[torch.tensor([[0],[1]]), torch.tensor([0,1,2])].shape
x[torch.tensor([0,1]), torch.tensor([0,1,2])]
torch.gather(x,0,torch.tensor([[5]]))
torch.gather(x,0,torch.tensor([[-1]]))
torch.gather(x,0,torch.tensor([0]))
torch.gather(x,2,torch.tensor([[0]]))
torch.gather(x,0,torch.tensor([[0.]]))
torch.gather(x,0,torch.zeros(1,9,dtype=torch.long))
x.index_select(0,torch.tensor([-1]))
x.index_select(0,torch.tensor([[0]]))
x.index_select(0,torch.tensor([0.]))
x.index_select(0,torch.tensor(1)).shape
x.scatter(0,torch.tensor([[5]]),1.)
x.scatter(0,torch.tensor([[0]]),torch.ones(1,1,dtype=torch.double))
x.scatter(0,torch.zeros(2,2,dtype=torch.long),torch.ones(1,1))
x.scatter(0,torch.tensor([0]),torch.ones(1))
x.scatter_add(0,torch.tensor([[5]]),torch.ones(1,1))
x.index_add(0,torch.tensor([0]),torch.ones(2,4))
x.index_add(0,torch.tensor([0,1]),torch.ones(2,3))
x.index_add(0,torch.tensor([0,1]),torch.ones(2,4).double())
x.index_add(0,torch.tensor([-1]),torch.ones(1,4))
x.index_fill(0,torch.tensor([-1]),1.)
x.index_copy(0,torch.tensor([-1]),torch.ones(1,4))
x.index_put((torch.tensor([0]),),torch.tensor(1.).double())
x.index_put((torch.tensor([0]),),torch.ones(3))
x.take(torch.tensor([12]))
x.take(torch.tensor([-12]))
x.put(torch.tensor([12]),torch.tensor([1.]))
torch.take_along_dim(x,torch.tensor([[7]]),0)
torch.take_along_dim(x,torch.tensor([[-1]]),1).shape
x.masked_fill(torch.tensor([1]),0.)
x.masked_fill(x>3,torch.ones(2))
x.masked_select(torch.ones(3,5)>0)
x.masked_scatter(x>3,torch.ones(2))
x.long().masked_fill(x>3,1.5)
x.long().masked_fill(x>3,torch.tensor(1.5))
x.double().index_add(0,torch.tensor([0]),torch.ones(1,4))
iter(torch.tensor(1.))
len(torch.tensor(1.))
3 in x
"a" in x
torch.cat([torch.tensor(1.)])
x.scatter_add(0,torch.zeros(1,9,dtype=torch.long),torch.ones(1,9))
torch.tensor(1.).scatter(0,torch.tensor(0),torch.tensor(3.))
torch.tensor(1.).scatter(0,torch.tensor([0]),torch.tensor([3.]))
x.scatter_reduce(0,torch.zeros(0,dtype=torch.long),torch.ones(0),"sum").shape
x.scatter(0,torch.zeros(0,dtype=torch.long),1.).shape
x.index_reduce(0,torch.tensor([0,0]),torch.ones(2,4),"mean")
x.index_reduce(0,torch.tensor([0,0]),torch.ones(2,4),"sum")
x.index_reduce(0,torch.tensor([0,5]),torch.ones(2,4),"prod")
x.index_reduce(0,torch.tensor([0,0]),torch.ones(1,4),"prod")
x.index_reduce(0,torch.tensor([0,0]),torch.ones(2,4).double(),"prod")
x.index_reduce(0,torch.tensor([0.,0]),torch.ones(2,4),"prod")
x.long().index_reduce(0,torch.tensor([0,0]),torch.ones(2,4).long(),"mean")
x.index_reduce(0,torch.tensor([0,0]),torch.ones(2,3),"prod")
x.index_reduce(0,torch.tensor([[0,0]]),torch.ones(2,4),"prod")
x.index_add(0,torch.tensor([[0]]),torch.ones(1,4))
x.index_add(0,torch.tensor([0.]),torch.ones(1,4))
x.index_add(0,torch.tensor(0),torch.ones(4))
x.index_add(0,torch.tensor([0]),torch.ones(4))
x.index_add(0,torch.tensor(0),torch.ones(1,4)).shape
torch.tensor(1.).index_add(0,torch.tensor(0),torch.tensor(2.))
torch.tensor(1.).index_add(0,torch.tensor([0]),torch.tensor([2.]))
x.index_add(0,torch.tensor([0]),torch.ones(1,4),alpha=2)
x.long().index_add(0,torch.tensor([0]),torch.ones(1,4).long(),alpha=2.5)
x.index_copy(0,torch.tensor([[0]]),torch.ones(1,4))
x.index_copy(0,torch.tensor([0],dtype=torch.int),torch.ones(1,4))
x.index_copy(0,torch.tensor([0]),torch.ones(2,4))
x.index_copy(0,torch.tensor([0]),torch.ones(1,3))
x.index_copy(0,torch.tensor([0]),torch.ones(4))
x.index_copy(0,torch.tensor(0),torch.ones(4))
x.index_copy(0,torch.tensor([0]),torch.ones(1,4).double())
x.index_copy(0,torch.tensor([0,1]),torch.tensor(1.))
x.index_copy(0,torch.tensor([0]),torch.tensor(1.))
torch.tensor(1.).index_copy(0,torch.tensor([0]),torch.tensor(3.))
x.index_fill(0,torch.tensor([[0]]),1)
x.index_fill(0,torch.tensor([0.]),1)
x.index_fill(0,torch.tensor([0],dtype=torch.int),1)
x.index_fill(0,torch.tensor([0]),torch.ones(1))
x.index_fill(0,torch.tensor([0]),torch.tensor(1.).double())
x.long().index_fill(0,torch.tensor([0]),1.5)
x.index_fill(0,torch.tensor([0]),1j)
x.put(torch.tensor([0]),torch.tensor([1.,2]))
x.put(torch.tensor([0,0]),torch.tensor([1.,2]),accumulate=True)
x.put(torch.tensor([0.]),torch.tensor([1.]))
x.put(torch.tensor([0]),torch.tensor([1.]).double())
x.put(torch.tensor([[0]],dtype=torch.int),torch.tensor([1.]))
x.take(torch.tensor([0],dtype=torch.int))
x.take(torch.tensor([0.]))
torch.ones(0).take(torch.tensor([0]))
torch.take_along_dim(x,torch.tensor([[0.]]),0)
torch.take_along_dim(x,torch.tensor([0]),0)
torch.take_along_dim(x,torch.tensor([0]))
torch.take_along_dim(x,torch.tensor([[0]],dtype=torch.int),0)
torch.gather(x,0,torch.zeros(0,dtype=torch.long)).shape
torch.gather(torch.tensor(2.),0,torch.tensor([0,0]))
torch.gather(torch.tensor([2.,3]),0,torch.tensor(1))
torch.gather(x,0,torch.zeros(0,2,3,dtype=torch.long)).shape
torch.gather(torch.ones(0,3),0,torch.zeros(1,1,dtype=torch.long))
x.index_put((torch.tensor([0,0]),),torch.ones(2,4),accumulate=True)
x.index_put((None,torch.tensor([0,0])),torch.ones(3,2))
x.index_put((x>3,),torch.tensor(5.))
x.index_put([torch.tensor([0]),],torch.ones(1,1,4))
x.index_put(torch.tensor([0]),torch.ones(1))
x.scatter(0,torch.zeros(3,4,dtype=torch.long),torch.arange(12.).view(3,4))[0]
x.index_put((torch.zeros(3,dtype=torch.long),),torch.arange(12.).view(3,4))[0]
x.masked_fill(x>3,1j)
x.long().masked_fill(x>3,1j)
x.masked_fill(torch.ones(5,1,1).bool(),0.).shape
x.masked_fill(torch.ones(3,5).bool(),0.)
x.masked_fill((x>3).byte(),0.)
x.masked_select((x>3).byte())
x.masked_select((x>3).long())
x.masked_scatter((x>3).byte(),x)
x.masked_scatter(x>3,x.double())
x.masked_scatter(torch.ones(5,1,1).bool(),torch.ones(60)).shape
x.to(torch.int8).masked_fill(x>3, 300)
x.masked_fill(x>3,torch.tensor(1j))
x.masked_fill(x>3, True)
x.nonzero(as_tuple=True)
torch.tensor(3.).nonzero(as_tuple=True)
torch.tensor(3.).nonzero().shape
torch.tensor(0.).nonzero().shape
torch.nonzero_static(x>9,size=4)
torch.argwhere(torch.tensor(3.)).shape
torch.unravel_index(torch.tensor([5,11]),(3,4))
torch.unravel_index(torch.tensor([12]),(3,4))
torch.unravel_index(torch.tensor([1.]),(3,4))
torch.unravel_index(torch.tensor([1]),12)
x.new_zeros(2,3,4,5)[torch.tensor(0),:,torch.tensor([0,1])].shape
x.new_zeros(2,3,4,5)[torch.tensor([0]),:,torch.tensor([0,1])].shape
x[np.array([0,1])].shape
x[range(2)].shape
x[np.int64(1)].shape
x[[]].shape
x[torch.tensor([])].shape
x[[True,False,True],1].shape
x[(0,1),].shape
x[[[True]*4]*3].shape
x[np.array([True,False,True])].shape
x[torch.tensor([1,0],dtype=torch.int8)]
x[torch.tensor([1,0],dtype=torch.int16)]
x[0:torch.tensor(2)].shape
x[0:1.5]
x[:, -5]
x[2:1].shape
x[..., None].shape
x[None, ..., None, 0].shape
x[torch.zeros(0,3,dtype=torch.long)].shape
torch.zeros(0,3)[torch.tensor([0])]
torch.tensor(3.)[...]
torch.tensor(3.)[None]
torch.tensor(3.)[True]
torch.tensor(3.)[torch.tensor(True)]
torch.tensor(3.)[torch.tensor([0])]
x[torch.tensor(5)]
x[0][torch.tensor(-5)]
x[0, torch.tensor([7])]
x[torch.tensor(0), torch.tensor([7])]
x[:, torch.tensor([7])]
x[torch.tensor([-4])]
x["a":]
x[slice(None),"a"]
x[{}]
x[object()]
x[:,1:].view(torch.float64)
x.select_scatter(torch.ones(3),0,0)
x.slice_scatter(torch.ones(3),0,0)
x.slice_scatter(torch.ones(2,4),0,-2,None)
x.diagonal_scatter(torch.ones(4))
x.as_strided_scatter(torch.ones(2,2),(2,2),(1,2))
x.as_strided_scatter(torch.ones(3),(2,2),(1,2))
x.select_scatter(torch.ones(4).double(),0,0).dtype
x.slice_scatter(torch.ones(4),0,0,1)
torch.atleast_1d([torch.tensor(1.)])
x=torch.zeros(2,3,4,5);;x[torch.tensor([0]),torch.tensor([9])]
x=torch.zeros(2,3,4,5);;x[:,torch.tensor([0]),torch.tensor([9])]
x=torch.zeros(2,3,4,5);;x[0,:,torch.tensor([9])]
x[torch.tensor([7]),:]=1.;;x
x[:,torch.tensor([7])]=1.;;x
x[0]=torch.ones(3);;x
x[torch.tensor([0,5])]=1.;;x
x[torch.tensor([0,1])]=torch.ones(3);;x
x[x>3]=torch.ones(3);;x
x[0]="a";;x
x[0]=[1,2,3,4];;x
x[0,0,0]=1;;x
x[7]=1.;;x
x[0]=torch.ones(1,1,4);;x
x[torch.tensor([0])]=torch.ones(4).double();;x
x[0]=torch.ones(4).double();;x
x[torch.tensor([0])]=torch.tensor(2.).double();;x
x[x>3]=torch.tensor(2.).double();;x
x[torch.tensor([0])]=torch.ones(1,1,1,4);;x
x[torch.tensor([0])]=5;;x
x[0]=5j;;x
x[torch.tensor([0])]=5j;;x
x[x>3]=torch.arange(8.);;x
x[True]=1.;;x
x[False]=1.;;x
x[()]=1.;;x
x[None]=1.;;x
x[...]=1.;;x
x[:,torch.tensor([0,1])]=torch.ones(3,2);;x
x[0]=np.ones(4);;x
x[0]=np.float32(4);;x
x[0]=None;;x
x[np.array([0,1])]=2.;;x
x[[0,1]]=2.;;x
x=x.long();x[0]=1.5;;x
x=x.long();x[0]=torch.tensor(1.5);;x
x=x.long();x[torch.tensor([0])]=1.5;;x
x=x.long();x[torch.tensor([0])]=torch.tensor(1.5);;x
x=x.int();x[0]=1e30;;x
x[:, 1:3] += 10;;x
x[torch.tensor([0,0])] += 10;;x
x[:, torch.tensor([0,2])] *= 2;;x
x[x>3] -= 1;;x
x[1:] = x[:-1].clone();;x
x[torch.tensor([True,False,True])] = 0;;x
x[torch.tensor([True,False,True]), 1] = 5.;;x
x[torch.tensor([True,False,True])] = torch.arange(8.).view(2,4);;x
x[0, torch.tensor([1,2])] = torch.tensor([5.,6.]);;x
x[torch.tensor(1), torch.tensor([1,2])] = torch.tensor([5.,6.]);;x
x[..., torch.tensor([1,2])] = torch.tensor([5.,6.]);;x
x[torch.tensor([[0],[1]]), torch.tensor([0,1,2])] = torch.arange(6.).view(2,3);;x
x.masked_fill_(torch.ones(3,5).bool(),0.);;x
x[:,1:].transpose(0,1)[1:].add_(100);;x
del x[0];;x
"""


def program(text: str) -> Any:
    """A function of the module from `statement;;statement;;expression` about a 3 x 4 tensor x."""
    *steps, last = text.split(";;")

    def run(t: Any) -> Any:
        names: dict[str, Any] = {"torch": t, "np": np}
        exec("x = torch.arange(12.).reshape(3, 4)", names)
        for step in steps:
            exec(step.strip(), names)
        return eval(last, names)

    return run


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [line for line in PROGRAMS.strip().splitlines()])
def test_program_gives_what_torch_gives(text: str) -> None:
    assert outcome(franken, program(text)) == outcome(torch, program(text))


# --- random index expressions ---------------------------------------------------------------------


@st.composite
def expressions(draw: Any) -> tuple[tuple[int, ...], list[Any]]:
    """A shape and entries of an index: ints, slices, None, Ellipsis, lists of places, masks."""
    shape = tuple(draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)))
    entries: list[Any] = []
    axis = 0
    block = draw(st.sampled_from([(), (2,), (1, 2)]))
    while axis < len(shape) and draw(st.booleans()):
        n = shape[axis]
        kind = draw(st.sampled_from(["int", "slice", "none", "places", "mask", "true", "zero_d"]))
        if kind == "int":
            entries.append(draw(st.integers(-n - 1, n)))
        elif kind == "slice":
            ends = st.none() | st.integers(-4, 4)
            entries.append(slice(draw(ends), draw(ends), draw(st.none() | st.integers(1, 3))))
        elif kind == "places":
            count = int(np.prod(block))
            flat = draw(st.lists(st.integers(-n, max(n - 1, 0)), min_size=count, max_size=count))
            entries.append(("tensor", np.array(flat, np.int64).reshape(block)))
        elif kind == "mask":
            flat = draw(st.lists(st.booleans(), min_size=n, max_size=n))
            entries.append(("tensor", np.array(flat, bool)))
        elif kind == "zero_d":
            entries.append(("tensor", np.array(draw(st.integers(-n, max(n - 1, 0))))))
        else:
            entries.append(None if kind == "none" else True)
            continue
        axis += 1
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), Ellipsis)
    return shape, entries


def _result(t: Any, shape: tuple[int, ...], entries: list[Any], act: str) -> Any:
    x = t.arange(float(np.prod(shape))).reshape(shape)
    key = tuple(t.tensor(e[1]) if isinstance(e, tuple) else e for e in entries)
    try:
        if act == "read":
            got = x[key]
            return got.tolist(), tuple(got.shape)
        if act == "write":
            x[key] = -1.0
        else:
            x[key] = x[key] * 2 + 1
        return x.tolist()
    except (IndexError, RuntimeError, ValueError) as error:
        return type(error).__name__


@settings(max_examples=150)
@given(expressions())
def test_random_index_expressions(case: tuple[tuple[int, ...], list[Any]]) -> None:
    for act in ("read", "write", "rewrite"):
        assert _result(franken, *case, act) == _result(torch, *case, act), act


@pytest.mark.parametrize("name", ["index_put", "index_put_"])
@pytest.mark.parametrize("accumulate", [False, True])
def test_index_put_needs_an_index(name: str, accumulate: bool) -> None:
    for module in (torch, franken):
        for shape in ((), (3,)):
            with pytest.raises(RuntimeError):
                getattr(module.zeros(shape), name)([], module.ones(()), accumulate)
        with pytest.raises(RuntimeError, match=r"^shape mismatch: value tensor of shape \[2\] can"):
            getattr(module.zeros(3), name)([], module.ones(2), True)
