"""Class folders: names of any script, pictures of any format and size, and files that are none."""

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from softreg.data.forms.class_folders import ClassFolders
from softreg.data.forms.source import Part, ReadOptions
from softreg.data.load import load_dataset, stream_images
from softreg.errors import DataError, SoftregWarning

RNG = np.random.default_rng(3)


def save(
    path: Path, height: int = 10, width: int = 12, *, colour: bool = False
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    pixels = RNG.integers(0, 256, (height, width, 3) if colour else (height, width)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def train_part(path: Path, **options: object) -> Part:
    source = ClassFolders().read(path, ReadOptions(**options))  # type: ignore[arg-type]
    assert source.train is not None
    return source.train


def test_names_of_any_script_and_parts_of_any_name(tmp_path: Path) -> None:
    expected = [
        save(tmp_path / part / name / f"{number}.png")
        for part in ("Training", "val")
        for name in (normalize("NFD", "가 나"), "été", "10", "9")
        for number in range(2)
    ]
    assert expected
    splits = load_dataset(tmp_path)
    assert splits.train.classes == ("9", "10", "été", "가 나")
    assert splits.test.classes == splits.train.classes
    assert splits.train.images.shape == (8, 10, 12)
    assert sorted(image.tobytes() for image in splits.test.images.numpy()) == sorted(image.tobytes() for image in expected[8:])


def test_a_class_name_that_would_steer_a_terminal_is_refused(tmp_path: Path) -> None:
    for name in ("a", "\x1b[31mred"):
        for number in range(10):
            save(tmp_path / "train" / name / f"{number}.png")
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert caught.value.key == "dataset.class_controls"
    assert str(caught.value).startswith(f"{tmp_path / 'train'}: ")
    assert "'\ufffd[31mred'" in str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif", "webp"])
def test_formats_without_loss(tmp_path: Path, suffix: str) -> None:
    images = []
    for name in "ab":
        images.append(RNG.integers(0, 256, (9, 9), dtype=np.uint8))
        (tmp_path / name).mkdir()
        Image.fromarray(images[-1]).save(tmp_path / name / f"1.{suffix}", lossless=True)  # for WebP; others take no notice
    assert np.array_equal(train_part(tmp_path).images.numpy(), np.stack(images))


def test_colour_is_kept_where_one_picture_has_it(tmp_path: Path) -> None:
    grey, colour = save(tmp_path / "a/1.png"), save(tmp_path / "b/1.png", colour=True)
    images = train_part(tmp_path).images.numpy()
    assert np.array_equal(images, np.stack([np.broadcast_to(grey[..., None], colour.shape), colour]))


def test_other_sizes_are_brought_to_the_commonest_or_the_one_asked_for(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / name / "1.png")
    save(tmp_path / "b/2.png", 20, 20)
    with pytest.warns(SoftregWarning, match="resized 1 of 3 pictures to 10 x 12"):
        assert train_part(tmp_path).images.shape == (3, 10, 12)
    with pytest.warns(SoftregWarning, match="resized 3 of 3 pictures to 16 x 8"):
        assert train_part(tmp_path, size=(16, 8)).images.shape == (3, 16, 8)


def test_a_turned_photo_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("L", (20, 10)).save(tmp_path / name / "1.jpg", exif=exif)
    assert train_part(tmp_path).images.shape == (2, 20, 10)


def test_bad_files_are_listed_and_skipped_only_when_asked(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / name / "1.png")
    (tmp_path / "a/notes.txt").write_text("?")
    (tmp_path / "b/cut.png").write_bytes((tmp_path / "b/1.png").read_bytes()[:60])
    (tmp_path / "a/.DS_Store").write_bytes(b"?")
    (tmp_path / "a/Thumbs.db").write_bytes(b"?")
    with pytest.raises(DataError, match=r"2 of 4 files.*notes.txt.*cut.png.*--skip-bad"):
        train_part(tmp_path)
    with pytest.warns(SoftregWarning, match="2 of 4"):
        assert train_part(tmp_path, skip_bad=True).ids == [str(Path("a/1.png")), str(Path("b/1.png"))]


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="no images"):
        train_part(tmp_path)
    (tmp_path / "a/notes.txt").write_text("?")
    with pytest.raises(DataError, match="no readable pictures"):
        train_part(tmp_path)
    save(tmp_path / "b/large.png", 8, 2000)
    with pytest.raises(DataError, match=r"8 x 2000.*--size"):
        train_part(tmp_path)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("archive/mnist_png/training", "archive/mnist_png/testing"),
        ("x/Train", "x/Test"),
    ],
)
def test_folders_in_folders(tmp_path: Path, train: str, test: str) -> None:
    for part, n in ((train, 2), (test, 1)):
        for name in "ab":
            for number in range(n):
                save(tmp_path / part / name / f"{number}.png")
    (tmp_path / "__MACOSX").mkdir()
    splits = load_dataset(tmp_path)
    assert (len(splits.train), len(splits.test), splits.train.classes) == (4, 2, ("a", "b"))


@pytest.mark.filterwarnings("ignore::softreg.errors.SoftregWarning")
def test_a_class_called_train(tmp_path: Path) -> None:
    for name in ("bus", "train"):
        for number in range(5):
            save(tmp_path / name / f"{number}.png")
    assert load_dataset(tmp_path).train.classes == ("bus", "train")


def test_pictures_without_folders_are_answered_for(tmp_path: Path) -> None:
    for name in "ab":
        for number in range(5):
            save(tmp_path / "train" / name / f"{number}.png")
    expected = [save(tmp_path / "test" / f"{number}.png") for number in range(3)]
    with pytest.warns(SoftregWarning, match="no test images with labels"):
        splits = load_dataset(tmp_path)
    assert Path(str(splits.train.name_of(0))).parent == tmp_path / "train/a"
    for path in (tmp_path, tmp_path / "test"):
        (part,) = stream_images(path)
        assert np.array_equal(part.images.numpy(), expected)
        assert list(part.ids) == ["0.png", "1.png", "2.png"]
    with pytest.raises(DataError, match="no labels"):
        load_dataset(tmp_path / "test")


@pytest.mark.filterwarnings("ignore::softreg.errors.SoftregWarning")
def test_a_table_of_something_else_beside_the_folders(tmp_path: Path) -> None:
    for name in "ab":
        for number in range(5):
            save(tmp_path / name / f"{number}.png")
    (tmp_path / "notes.csv").write_text("name,height\na,1\nb,2\n")
    assert len(load_dataset(tmp_path).train) == 8


def test_a_class_of_the_test_part_alone(tmp_path: Path) -> None:
    for name in ("train/a", "train/b", "test/a", "test/c"):
        save(tmp_path / name / "1.png")
    with pytest.raises(DataError, match="label c of example 1 is not one of the classes a b"):
        load_dataset(tmp_path)
