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


_NO_SCALED = "there are no products of scaled float8 yet; the entry goes stale when there are"

KNOWN: tuple[Known, ...] = (
    Known("torch._scaled_mm", "value", "franken has no", _NO_SCALED),
    Known("torch._scaled_mm_v2", "value", "franken has no", _NO_SCALED),
    *(
        Known(
            op, "jvp", "differ",
            "torch takes a number for its own tangent: that of _foreach_maximum([x], 2.0) at x = 1 "
            "along 1 is 2.0, and 0 for torch.maximum and for central differences",
        )
        for op in ("_foreach_maximum", "_foreach_minimum")
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

# --- layouts --------------------------------------------------------------------------------------

# Samples an op with which the entries below were found: fewer need not show them all.
LAYOUT_SAMPLES = 2


def _laid(words: str, reason: str, forms: dict[str, str]) -> tuple[Known, ...]:
    """One difference of several ops' layouts: forms of a call (blank between), and their ops."""
    return tuple([
        Known(op, form, words, reason, declared=True)
        for named, ops in forms.items()
        for form in named.split()
        for op in ops.split()
    ])  # fmt: skip


# What `python -m conformance layouts` still finds: differences that are franken's, but known.
LAYOUTS: tuple[Known, ...] = (
    *_laid(
        "strides of axes without steps",
        "the function copies the input's strides to the letter, as torch's does; a new "
        "target of torch's out= is packed instead, which shows on axes of one element "
        "alone",
        {
            "out":
                "frexp nan_to_num",
        },
    ),
    *_laid(
        "strides of axes without steps",
        "no element lies elsewhere: the strides of axes of one element, or of empty "
        "results; not followed yet",
        {
            "function":
                "alpha_dropout binary_cross_entropy_with_logits broadcast_tensors conv1d "
                "convolution feature_alpha_dropout fft.fftshift fft.ifftshift fill "
                "gru_cell masked.logaddexp masked.normalize meshgrid native_dropout "
                "nn.functional.binary_cross_entropy "
                "nn.functional.binary_cross_entropy_with_logits nn.functional.huber_loss "
                "norm_except_dim pixel_shuffle rms_norm rsub unravel_index special.ndtr",
            "function method":
                "argwhere expand_as isclose isfinite isreal prelu unfold",
            "function method out":
                "addr diag nonzero",
            "out":
                "deg2rad rad2deg linalg.householder_product",
            "function out":
                "linalg.solve_triangular",
        },
    ),
    *_laid(
        "strides (",
        "torch transforms a real signal of one axis as it is, its repeated rows (strides "
        "of 0) innermost of the axes beside it; here it is made complex first, as for "
        "several axes in torch, and lies row-major",
        {
            "function":
                "fft.fft",
            "function out":
                "fft.ifft",
        },
    ),
    *_laid(
        "strides (",
        "the target's order decides in torch; not followed yet",
        {
            "function":
                "binary_cross_entropy_with_logits "
                "nn.functional.binary_cross_entropy_with_logits",
        },
    ),
    *_laid(
        "strides (",
        "a batch of one, or inner axes of one: torch multiplies where the transposed "
        "product of matrices is as good, and what is left lies column-major; here "
        "row-major",
        {
            "function":
                "einsum",
        },
    ),
    *_laid(
        "strides (",
        "made of several steps in torch, whose orders of axes add up; not followed yet",
        {
            "function":
                "gru_cell masked.logaddexp masked.normalize",
        },
    ),
    *_laid(
        "strides (",
        "torch gives a new target the order of the index's axes in memory, where the "
        "function is row-major; here both are",
        {
            "out":
                "take",
        },
    ),
    *_laid(
        "refers to a single memory",
        "torch writes into repeated rows here, in no order that it tells; refused",
        {
            "function":
                "embedding_renorm_",
        },
    ),
    *_laid(
        "Kernel size",
        "torch's result for lengths that the filter exceeds, or without channels; not "
        "followed yet",
        {
            "function gradient":
                "conv_tbc",
        },
    ),
    *_laid(
        "out: shape",
        "torch's result for lengths that the filter exceeds, or without channels; not "
        "followed yet",
        {
            "function":
                "conv_tbc",
        },
    ),
    *_laid(
        "Only zero batch",
        "torch's result for lengths that the filter exceeds, or without channels; not "
        "followed yet",
        {
            "function gradient":
                "conv_tbc",
        },
    ),
    *_laid(
        "differ",
        "wrapped below the diagonal of a tall matrix, torch steps through memory by the "
        "sum of both strides, beside the matrix where that has gaps; here elements are "
        "counted",
        {
            "function":
                "fill_diagonal_",
        },
    ),
    *_laid(
        "nothing differentiable",
        "an empty result that torch keeps on the tape; not followed yet",
        {
            "gradient":
                "_unsafe_masked_index",
        },
    ),
    *_laid(
        "differ",
        "torch gives what lies in memory as the mean of an empty batch",
        {
            "function":
                "nn.functional.multilabel_margin_loss",
        },
    ),
    *_laid(
        "dtype bool",
        "torch's mask of an empty input is floating point; not followed yet",
        {
            "function":
                "native_dropout",
        },
    ),
    *_laid(
        "should contain",
        "torch takes weights of any shape that hold enough elements; refused",
        {
            "function":
                "_native_batch_norm_legit native_batch_norm",
        },
    ),
)  # fmt: skip
