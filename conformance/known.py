"""Known disagreements: ops whose oracle is wrong, or whose result torch leaves open.

Each entry says why, with evidence that anyone can run. An entry that no longer fails is stale and
fails the run, so the table cannot outlive its reasons.
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """One disagreement that is not franken's."""

    op: str
    check: str
    words: str  # of the failure: any other failure of the same check still counts
    reason: str
    declared: bool = False  # of the declaration's samples, not of torch's


_NO_SPARSE = "there are no sparse layouts yet; the entry goes stale when there are"
_NO_SCALED = "there are no products of scaled float8 yet; the entry goes stale when there are"

KNOWN: tuple[Known, ...] = (
    *(
        Known("to_sparse", check, "has no attribute 'to_sparse'", _NO_SPARSE)
        for check in ("value", "vjp", "jvp", "double_backward", "replay")
    ),
    Known("sparse.sampled_addmm", "value", "franken has no", _NO_SPARSE),
    Known("torch._scaled_mm", "value", "franken has no", _NO_SCALED),
    Known("torch._scaled_mm_v2", "value", "franken has no", _NO_SCALED),
    Known(
        "as_strided_scatter", "vjp", "out[0]: ",
        "torch gives the input the gradient of the replaced region: of the sum of "
        "as_strided_scatter(ones(4), ones(2), (2,), (1,), 0) it is [1, 1, 0, 0]; but the output "
        "holds the input's last two elements only: [0, 0, 1, 1]",
    ),
    Known(
        "as_strided_scatter", "double_backward", "differ",
        "the gradient of the wrong gradient of the check above",
    ),
    Known(
        "cholesky_inverse", "jvp", "out[0]: ",
        "along triangular tangents torch's is off its own central differences (step 1e-6) the "
        "more, the larger the factor's off-diagonal elements: by 2e-5 where they are 1e-3, where "
        "franken's is off by 4e-10",
    ),
    *(
        Known(
            op, "jvp", words,
            "the tangent is not Hermitian: torch's forward mode is then not the transpose of its "
            "reverse mode (torch.func.jacfwd and jacrev of cholesky differ by 0.27 for a random "
            "4 x 4 matrix), franken's is, to 1e-16; along Hermitian tangents torch, franken and "
            "central differences agree (tests/ops/test_linalg_derivatives.py)",
        )
        for op, words in (
            ("linalg.cholesky", "out[0]: "),
            ("linalg.cholesky_ex", "out[0]: "),
            ("linalg.eigh", "out[1]: "),
        )
    ),
    Known(
        "linalg.matrix_exp", "value", "differ, most at",
        "bfloat16: torch gives nan or inf for matrices whose exponentials, at most 200, are "
        "representable",
        declared=True,
    ),
    Known(
        "scatter_reduce", "jvp", "out[0]: 4 of 4 differ",
        "prod, several source elements on one place: torch's tangent is not its own central "
        "difference; franken's is (python -m conformance differential --alone)",
        declared=True,
    ),
    Known(
        "logcumsumexp", "jvp", "out[0]: 125 of 125 differ",
        "row 0 of the result is row 0 of the input, so its tangent is the given one, to the bit; "
        "torch's differs from it by 1e-6 there",
    ),
    Known(
        "matrix_exp", "value", "expected nan",
        "bfloat16: torch overflows to nan where the float64 result, 2384, is representable",
    ),
    Known(
        "scatter_reduce.prod", "jvp", "out[0]: ",
        "include_self=False: torch's tangent is 0 where no source element lands and the input is "
        "kept; it is 2.5 from its own central differences (step 1e-6), franken's 2e-10",
    ),
    Known(
        "triangular_solve", "jvp", "out[0]: ",
        "for a random 5 x 5 matrix plus 3 times the identity torch's tangent is 0.08 from its own "
        "central differences (4.6 with unitriangular), franken's 1e-10",
    ),
)  # fmt: skip

# Their memory is uninitialised: its contents are whatever lay there, so that only dtype and shape
# can be compared.
UNINITIALISED = frozenset((
    "empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided",
    "resize_", "resize_as_",
))  # fmt: skip

# Where the oracle itself writes beyond its memory and takes the process with it, at once or later:
# op, and a word of the form or layout in which it does ("" in all).
CRASHES = {
    "tril": "out", "triu": "out", "linalg.lu": "out", "lu_unpack": "", "pdist": "size 0",
    "native_batch_norm": "size 0", "_native_batch_norm_legit": "size 0", "ctc_loss": "",
    "nn.functional.ctc_loss": "", "_reshape_alias_copy": "",
}  # fmt: skip
