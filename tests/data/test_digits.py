"""The shipped digits are those that README.md describes, and UCI's files are read strictly."""

from __future__ import annotations

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

import franken.data
from franken.data import load_digits, read_optdigits, sklearn_optdigits
from franken.data.draw import draw_digits
from franken.serialization.digest import digest_arrays

FOLDER = Path(franken.data.__file__).parent
FILE_SHA256 = "04213774cd7a6c15787ae65c6125c2b2479f5a731ac1cd8db0af2019e9b24928"
ARRAYS_SHA256 = "c3084ec1abd630ba6d58f7005326d1c802911e00e35a5a4ebc5821b8371dbb28"


def test_load_digits_returns_the_documented_arrays():
    images, labels = load_digits()
    assert images.shape == (2000, 8, 8) and images.dtype == np.uint8
    assert labels.shape == (2000,) and labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [200] * 10
    assert int(images.max()) == 16 and int(images.sum()) == 407822
    assert digest_arrays({"images": images, "labels": labels}) == ARRAYS_SHA256


def test_data_file_is_small_and_the_one_in_its_readme():
    data = (FOLDER / "digits.npz").read_bytes()
    assert len(data) <= 100_000
    assert hashlib.sha256(data).hexdigest() == FILE_SHA256
    readme = (FOLDER / "README.md").read_text()
    assert FILE_SHA256 in readme and ARRAYS_SHA256 in readme


def test_draw_digits_draws_the_shipped_arrays():
    for shipped, drawn in zip(load_digits(), draw_digits(), strict=True):
        np.testing.assert_array_equal(shipped, drawn)


def test_digits_can_be_learnt_but_not_by_the_mean_alone():
    images, labels = load_digits()
    pixels = images.reshape(len(images), -1) / 16
    train, test = slice(0, 1500), slice(1500, None)
    means = np.stack([pixels[train][labels[train] == digit].mean(0) for digit in range(10)])
    nearest = ((pixels[test, None] - means) ** 2).sum(-1).argmin(1)
    assert 0.9 < (nearest == labels[test]).mean() < 0.97


def line(pixel: object = 16, label: object = 9, count: int = 64) -> str:
    return ",".join([str(pixel)] * count + [str(label)])


def test_read_optdigits_reads_pixels_and_labels(tmp_path):
    path = tmp_path / "some.tes"
    path.write_text(f"{line()}\n{line(3, 0)}\n\n")
    images, labels = read_optdigits(path)
    assert images.shape == (2, 8, 8) and images.dtype == labels.dtype == np.uint8
    assert images[:, 7, 7].tolist() == [16, 3] and labels.tolist() == [9, 0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        line(pixel=17),
        line(label=10),
        line(pixel=-1),
        line(pixel=""),
        line(pixel="1_0"),
        line(count=63),
        line(count=65),
        line(pixel="²"),
    ],
)
def test_read_optdigits_refuses_what_is_not_the_format(tmp_path, text):
    path = tmp_path / "bad.tes"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError):
        read_optdigits(path)


def test_read_optdigits_names_the_bad_line(tmp_path):
    path = tmp_path / "bad.tes"
    path.write_text(f"{line()}\n{line(17)}\n")
    with pytest.raises(ValueError, match="line 2"):
        read_optdigits(path)


def test_read_optdigits_reads_a_compressed_file(tmp_path):
    path = tmp_path / "some.csv.gz"
    path.write_bytes(gzip.compress(f"{line()}\n{line(3, 0)}\n".encode()))
    images, labels = read_optdigits(path)
    assert labels.tolist() == [9, 0] and images[1].max() == 3


def test_scikit_learns_handwritten_digits_are_found_without_importing_it(tmp_path, monkeypatch):
    place = tmp_path / "sklearn" / "datasets" / "data"
    place.mkdir(parents=True)
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ImportError('not to be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    assert sklearn_optdigits() is None  # the package, without the file
    (place / "digits.csv.gz").write_bytes(gzip.compress(line().encode()))
    assert sklearn_optdigits() == place / "digits.csv.gz"
    assert "sklearn" not in sys.modules
