"""Which part a file's name speaks of, and what a form that is read whole streams."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from softreg.data.forms.source import Part, ReadOptions, Source, WholeForm, files_by_part

IMAGES = torch.zeros(2, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train.csv", "test.csv"], {"train": ["train.csv"], "test": ["test.csv"]}),
        (["Training.CSV", "x_val.csv"], {"train": ["Training.CSV"], "test": ["x_val.csv"]}),
        (["digits.csv"], {"train": ["digits.csv"]}),
        (["digits.csv", "test.csv"], {"train": ["digits.csv"], "test": ["test.csv"]}),
        (["a.csv", "b.csv"], {}),
        (["train.csv", "notes.csv"], {"train": ["train.csv"]}),
        (["train.csv", "val.csv", "test.csv"], {"train": ["train.csv"], "test": ["test.csv"]}),
        (["train.csv", "valid.csv", "val.csv"], {"train": ["train.csv"], "test": ["val.csv"]}),
        (["train.csv", "validation.csv"], {"train": ["train.csv"], "test": ["validation.csv"]}),
        (["train-1.csv", "train-0.csv"], {"train": ["train-0.csv", "train-1.csv"]}),
        (["train.txt"], {}),
        ([], {}),
    ],
)
def test_files_by_the_part_in_their_names(names: Sequence[str], parts: dict[str, list[str]], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "test.d.csv").mkdir()  # a folder is no file
    found = files_by_part(tmp_path, (".csv",))
    assert {part: [path.name for path in paths] for part, paths in found.items()} == parts


TRAIN, TEST = Part(IMAGES, None, "train"), Part(IMAGES, None, "test")


@pytest.mark.parametrize(
    ("source", "streamed"),
    [(Source(TRAIN, TEST), [TEST]), (Source(TRAIN, None), [TRAIN]), (Source(None, TEST), [TEST]), (Source(None, None), [])],
)
def test_the_test_part_is_streamed_or_all_there_is(source: Source, streamed: list[Part]) -> None:
    class Whole(WholeForm):
        def read(self, path: Path, options: ReadOptions) -> Source:
            return source

    assert [part.where for part in Whole().stream(Path("x"), ReadOptions())] == [part.where for part in streamed]
    for name, part in (("train", source.train), ("test", source.test)):
        assert [found.where for found in Whole().stream(Path("x"), ReadOptions(), name)] == ([part.where] if part else [])
