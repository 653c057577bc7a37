"""Views, joins, splits and reorderings against torch: values, derivatives, vmap, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from movement_forms import (  # noqa: E402
    check_gradients,
    check_tangent,
    check_value,
    check_vmap,
    normal,
    outcome,
)

import franken  # noqa: E402

CASES: dict[str, Any] = {
    "reshape": (lambda t, x: x.reshape(2, 6), (normal(3, 4),)),
    "view": (lambda t, x: x.view(-1), (normal(3, 4),)),
    "permute": (lambda t, x: x.permute(1, 0), (normal(3, 4),)),
    "movedim": (lambda t, x: t.movedim(x, 0, 2), (normal(2, 3, 4),)),
    "expand": (lambda t, x: x.expand(2, 3, 4), (normal(3, 4),)),
    "expand1": (lambda t, x: x.expand(3, 5), (normal(3, 1),)),
    "narrow": (lambda t, x: x.narrow(1, 1, 2), (normal(3, 4),)),
    "select": (lambda t, x: x.select(1, 2), (normal(3, 4),)),
    "transpose": (lambda t, x: x.transpose(0, 1), (normal(3, 4),)),
    "unsqueeze": (lambda t, x: x.unsqueeze(1), (normal(3, 4),)),
    "squeeze": (lambda t, x: x.squeeze(), (normal(1, 3, 1),)),
    "squeezed": (lambda t, x: x.squeeze(0), (normal(1, 3, 1),)),
    "flip": (lambda t, x: x.flip(0, 1), (normal(3, 4),)),
    "basic": (lambda t, x: x[1:, None, ::2], (normal(3, 4),)),
    "basic2": (lambda t, x: x[..., -1], (normal(3, 4),)),
    "basic0": (lambda t, x: x[1], (normal(3, 4),)),
    "flatten": (lambda t, x: x.flatten(), (normal(3, 4),)),
    "unflatten": (lambda t, x: x.unflatten(1, (2, 2)), (normal(3, 4),)),
    "diagonal": (lambda t, x: x.diagonal(1), (normal(3, 4),)),
    "unfold": (lambda t, x: x.unfold(1, 2, 1), (normal(3, 4),)),
    "diag_embed": (lambda t, x: t.diag_embed(x), (normal(3, 4),)),
    "diag": (lambda t, x: t.diag(x), (normal(4),)),
    "diag2": (lambda t, x: t.diag(x), (normal(3, 4),)),
    "split": (lambda t, x: x.split(2, 1)[1], (normal(3, 4),)),
    "chunk": (lambda t, x: x.chunk(2, 1)[0], (normal(3, 4),)),
    "unbind": (lambda t, x: x.unbind(1)[2], (normal(3, 4),)),
    "sws": (lambda t, x: x.split([1, 3], 1)[1], (normal(3, 4),)),
    "tsplit": (lambda t, x: x.tensor_split(3, 1)[1], (normal(3, 4),)),
    "cat": (lambda t, x, y: t.cat([x, y], 1), (normal(3, 4), normal(3, 2),)),
    "stack": (lambda t, x, y: t.stack([x, y], 1), (normal(3, 4), normal(3, 4),)),
    "hstack": (lambda t, x, y: t.hstack([x, y]), (normal(3, 4), normal(3, 2),)),
    "vstack": (lambda t, x, y: t.vstack([x, y]), (normal(4), normal(2, 4),)),
    "tile": (lambda t, x: x.tile(2, 2), (normal(3, 4),)),
    "repeat": (lambda t, x: x.repeat(2, 1, 3), (normal(3, 4),)),
    "ri": (lambda t, x: x.repeat_interleave(2, 1), (normal(3, 4),)),
    "roll": (lambda t, x: x.roll(1, 1), (normal(3, 4),)),
    "roll2": (lambda t, x: x.roll((1, 2), (0, 1)), (normal(3, 4),)),
    "rot90": (lambda t, x: t.rot90(x), (normal(3, 4),)),
    "tril": (lambda t, x: x.tril(1), (normal(3, 4),)),
    "triu": (lambda t, x: x.triu(), (normal(3, 4),)),
    "block_diag": (lambda t, x, y: t.block_diag(x, y), (normal(3, 4), normal(2, 2),)),
    "cprod": (lambda t, x, y: t.cartesian_prod(x, y), (normal(3), normal(2),)),
    "combi": (lambda t, x: t.combinations(x), (normal(4),)),
    "select_scatter": (lambda t, x, s: x.select_scatter(s, 1, 2), (normal(3, 4), normal(3),)),
    "slice_scatter": (lambda t, x, s: x.slice_scatter(s, 1, 0, 4, 2),
        (normal(3, 4), normal(3, 2),)),
    "diagonal_scatter": (lambda t, x, s: x.diagonal_scatter(s), (normal(3, 4), normal(3),)),
    "clone": (lambda t, x: x.clone(), (normal(3, 4),)),
    "contig": (lambda t, x: x.t().contiguous(), (normal(3, 4),)),
    "atleast": (lambda t, x: t.atleast_3d(x), (normal(3, 4),)),
    "bto": (lambda t, x: t.broadcast_to(x, (2, 3, 4)), (normal(3, 4),)),
    "T": (lambda t, x: x.mT, (normal(3, 4),)),
    "unsafe": (lambda t, x: x.unsafe_split(2)[0], (normal(3, 4),)),
    "vander": (lambda t, x: t.vander(x, 3), (normal(4),)),
    "meshgrid": (lambda t, x, y: sum(t.meshgrid(x, y, indexing="xy")), (normal(3), normal(2))),
    "as_strided": (lambda t, x: x.as_strided((2, 3), (4, 1), 1), (normal(3, 4),)),
    "as_strided_overlap": (lambda t, x: x.as_strided((3, 3), (2, 1), 1), (normal(3, 4),)),
    "as_strided_of_expanded": (
        lambda t, x: x.expand(3, 4).as_strided((2, 3), (0, 1), 1), (normal(1, 4),)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    check_value(CASES[name])


@pytest.mark.filterwarnings("ignore")
# torch's own second derivative of vander raises.
@pytest.mark.parametrize("name", [n for n in CASES if n != "vander"])
def test_gradients(name: str) -> None:
    check_gradients(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_tangent(name: str) -> None:
    check_tangent(CASES[name])


# as_strided shows the memory of an example, which np.stack does not keep.
@pytest.mark.parametrize("name", [n for n in CASES if "strided" not in n])
def test_vmap(name: str) -> None:
    check_vmap(CASES[name])


PROGRAMS = """
torch.tensor(1.)[0]
x.as_strided((3,3),(4,4),5)
x.view(7)
x.t().view(12)
torch.ones(3,3).view(torch.float64)
x.expand(5,4)
x.expand(3,4).add_(1).shape
torch.ones(1).expand(3).add_(1)
torch.cat([])
torch.stack([])
torch.cat([x,torch.ones(2,3)])
torch.cat([x,torch.ones(2)])
torch.stack([x,torch.ones(2)])
torch.cat(x)
torch.cat([x,1])
torch.cat([x,x],5)
x.split(0)
x.split(-1)
x.split([1,1])
x.chunk(0)
x.unbind(3)
x.tensor_split(0)
x.flip(0,0)
x.flip(3)
x.roll(1,3)
x.repeat(2)
x.repeat(-1,2)
x.flatten(1,0)
x.unflatten(0,(2,2))
x.t().t().T.shape
torch.ones(2,3,4).t()
torch.ones(2,3,4).H
torch.ones(3).mT
torch.ones(3).H
torch.ones(3).adjoint()
x.unsqueeze(4)
x.squeeze((0,0))
x.transpose(0,2)
torch.tril(torch.ones(3))
x.diagonal(0,0,0)
torch.diag(torch.ones(2,2,2))
torch.rot90(x,1,[0,0])
torch.hstack([])
x.hsplit(3)
torch.ones(()).hsplit(2)
x.dsplit(2)
torch.ones(3).vsplit(2)
x.narrow(0,2,5)
x.narrow(0,torch.tensor(1),1).shape
x.repeat_interleave(torch.tensor([1,2]),0)
x.repeat_interleave(-1)
x.repeat_interleave(torch.tensor([1.,2,3]),0)
x.new_zeros(2,3,4,5)[0,:,torch.tensor([0,1])].shape
x.new_zeros(2,3,4,5)[:,torch.tensor([0]),None,torch.tensor([0,1])].shape
x.new_zeros(2,3,4,5)[:,torch.tensor([0]),2,torch.tensor([0,1])].shape
x.view(torch.int32).shape
x.view(torch.int16).shape
x.t().view(torch.int16).shape
torch.tensor(1.).view(torch.int16)
x.view(torch.complex64).shape
x.view(dtype=torch.int32).shape
x.view(size=(12,)).shape
x.requires_grad_().view(torch.complex64).requires_grad
x.unfold(0,2,1).shape
x.unfold(0,5,1)
torch.tensor(1.).unfold(0,1,1)
x.roll(1)
x.roll((1,2),(0,1))
x.roll((1,2))
x.roll((1,2),0)
x.roll(1,(0,1))
x.roll(())
torch.tensor(1.).roll(1,0)
torch.tensor(1.).roll(1)
x.rot90().shape
x.rot90(1,[0])
x.rot90(1,[0,5])
torch.ones(3).rot90()
torch.ones(3).fliplr()
torch.tensor(1.).flipud()
torch.ones(3).flip(0,1)
x.repeat(2,2).shape
x.repeat(()).shape
torch.tensor(1.).repeat(()).shape
x.tile(2).shape
x.tile((2,2,2)).shape
x.tile(()).shape
x.repeat(0,1).shape
x.repeat_interleave(2).shape
x.repeat_interleave(2,1).shape
x.repeat_interleave(torch.tensor([2]),1).shape
torch.repeat_interleave(torch.tensor([1,2,0]))
torch.repeat_interleave(torch.tensor([1,-2,0]))
x.repeat_interleave(torch.tensor([1,2,3]),0,output_size=6).shape
x.repeat_interleave(torch.tensor([1,2,3]),0,output_size=7).shape
x.repeat_interleave(torch.tensor([[1,2,3]]),0)
x.repeat_interleave(torch.tensor(2),0).shape
x.repeat_interleave(torch.tensor([1,2]))
torch.repeat_interleave(torch.tensor([1.,2]))
torch.meshgrid(torch.ones(2),torch.ones(3))[0].shape
torch.meshgrid(torch.ones(2),torch.ones(3),indexing="xy")[0].shape
torch.meshgrid(torch.ones(2),torch.ones(3),indexing="zz")[0].shape
torch.meshgrid()
torch.meshgrid([torch.ones(2),torch.tensor(1.)])[0].shape
torch.meshgrid(torch.ones(2),torch.ones(2).long())
torch.cartesian_prod(torch.ones(2),torch.ones(3)).shape
torch.cartesian_prod(torch.ones(2)).shape
torch.cartesian_prod(torch.ones(2,2))
torch.cartesian_prod(torch.ones(2,2),torch.ones(2))
torch.combinations(torch.arange(3),r=2)
torch.combinations(torch.arange(3),r=2,with_replacement=True)
torch.combinations(torch.ones(2,2))
torch.combinations(torch.ones(2),r=-1)
torch.combinations(torch.ones(2),r=0)
torch.combinations(torch.ones(2),r=3).shape
torch.block_diag(torch.ones(2,2),torch.ones(3),torch.tensor(1.)).shape
torch.block_diag(torch.ones(2,2,2))
torch.block_diag().shape
torch.block_diag(torch.ones(2,2),torch.ones(3).long()).dtype
torch.vander(torch.arange(3))
torch.vander(torch.arange(3),2,True)
torch.vander(torch.ones(2,2))
torch.vander(torch.ones(2),-1)
torch.vander(torch.tensor([1.5,2]))
torch.diag(torch.ones(2),1)
torch.diag_embed(torch.ones(2,2),1,0,1).shape
torch.diag_embed(torch.ones(2),0,0,0)
torch.diagflat(torch.ones(2,2),1).shape
torch.diag(torch.tensor(1.))
torch.diag_embed(torch.tensor(1.))
torch.atleast_1d(torch.tensor(1.),torch.ones(2))
torch.atleast_2d(torch.ones(3)).shape
torch.atleast_3d(torch.ones(3)).shape
torch.atleast_3d(torch.ones(3,2)).shape
torch.broadcast_tensors(torch.ones(2,1),torch.ones(3))[0].shape
torch.broadcast_tensors(torch.ones(2),torch.ones(3))
torch.broadcast_tensors([torch.ones(2)])
x.broadcast_to(2,3,4)
torch.broadcast_to(x,(2,3,4)).shape
torch.broadcast_to(x,(2,3))
x.unflatten(1,(2,-1)).shape
x.unflatten(1,())
x.unflatten(1,(-1,-1))
x.unflatten(5,(2,2))
x.unflatten(1,(3,-1))
x.flatten(0,5)
torch.tensor(1.).flatten().shape
x.flatten(1,1) is x
x.reshape(3,4) is x
x.view_as(torch.ones(12)).shape
x.view_as(3)
x.swapaxes(0,1).shape
torch.ones(2,2)[0].resize_(5).shape
torch.ones(2,requires_grad=True).resize_(5)
torch.ones(4).resize_as_(torch.ones(2,2)).shape
torch.ones(4).resize_(2,-1)
torch.ones(3).T
torch.ones(2,3,4).T.shape
torch.ones(3).t().shape
torch.ones(2,3).mH.shape
torch.tensor(1.).H
torch.tensor(1.).mT
torch.tensor(1.).adjoint()
torch.tensor(1.).T
torch.ones(2,2).transpose_(0,1).shape
torch.ones(2,2).t_().shape
torch.ones(1,2).squeeze_().shape
torch.ones(2).unsqueeze_(0).shape
torch.ones(2,3).swapdims_(0,1).shape
torch.ones(4).as_strided_((2,),(2,)).shape
torch.ones(1,2,requires_grad=True).squeeze_()
torch.swapaxes(x,axis0=0,axis1=1)
torch.swapdims(x,dim0=0,dim1=1).shape
x.narrow(0,torch.tensor([1]),1)
x.narrow(0,-2,1).shape
x.select(0,5)
torch.tensor(1.).select(0,0)
x.movedim((0,1),(1,))
x.movedim((0,0),(1,0))
x.permute(0)
x.permute(0,0)
x.expand(-1,3,4)
x.expand(4)
x.squeeze(5)
x.expand_as(torch.ones(2,3,4)).shape
torch.row_stack([x,x]).shape
torch.dstack([x,x]).shape
torch.column_stack([torch.ones(2),torch.ones(2,2)]).shape
torch.cat([x,x.long()]).dtype
torch.cat([torch.ones(0),x]).shape
torch.cat([x,x],axis=1).shape
torch.cat([x,x],out=torch.empty(0)).shape
torch.stack([x,x.long()]).dtype
torch.cat([torch.ones(0),torch.ones(0)],1)
torch.cat([torch.ones(2,0),x.t()])
x.diagonal().fill_(7);;x
x.t()[0]=9.;;x
x.view(-1)[5]=99.;;x
x.unsqueeze(0)[0,1,2]=-1;;x
x.narrow(0,1,2).zero_();;x
x.split(2)[0].zero_();;x
x.unbind(0)[1].fill_(3.);;x
x.chunk(2,1)[1].mul_(2.);;x
x.expand(2,3,4)[0].zero_();;x
x.as_strided((2,2),(4,1),1).fill_(-1);;x
x.view(torch.int32).zero_();;x
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


# --- set_ ----------------------------------------------------------------------------------------

SETS = """
z.set_(s)
z.set_(s.view(3,4).t()[1:])
z.set_()
z.set_(s.storage())
z.set_(s.untyped_storage())
z.set_(s.storage(),2,(2,3),(3,1))
z.set_(s.storage(),2,(2,3))
z.set_(source=s.storage(),storage_offset=1,size=(2,),stride=(4,))
z.set_(s,2,(2,3),(3,1))
z.set_(i)
z.set_(i.storage())
z.set_(i.untyped_storage(),0,(2,),(1,))
z.set_(s.storage(),-1,(2,),(1,))
z.set_(s.storage(),0,(2,2),(1,))
z.set_(3)
z.requires_grad_().set_(s)
v[1].set_(s)
"""


@pytest.mark.filterwarnings("ignore:TypedStorage")
@pytest.mark.parametrize("call", SETS.split("\n")[1:-1])
def test_set_(call):
    def outcome(t):
        s, z, i, v = t.arange(12.0), t.zeros(3), t.arange(3), t.zeros(4, 5)
        try:
            got = eval(call, {"s": s, "z": z, "i": i, "v": v})
        except (RuntimeError, TypeError) as error:
            return type(error), str(error)[:50]
        shown = got.tolist(), got.stride(), got.storage_offset(), got._version
        s.fill_(7)
        return *shown, got.tolist()

    assert outcome(franken) == outcome(torch)
