"""The grid of a dataset: one class per row, any number of classes."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from softreg.data.dataset import Dataset
from softreg.figures.examples import class_grid, rows_of_images
from softreg.figures.house_style import save
from softreg.messages import use_language


def made(classes: int) -> Dataset:
    """Each image one grey, its label's number plus one; the last class has a single image."""
    labels = torch.cat([torch.arange(classes), torch.arange(classes - 1)])
    images = (labels + 1).to(torch.uint8)[:, None, None].expand(-1, 28, 28).contiguous()
    return Dataset(images, labels, tuple(f"class {n}" for n in range(classes)), "made")


def test_each_row_of_the_grid_is_one_class() -> None:
    grid = rows_of_images(made(10), range(10), rows=10, count=2).reshape(10, 32, 2, 32)
    assert grid[:, 2:-2, :, 2:-2].amax((1, 3)).tolist() == [[n, n] for n in range(1, 10)] + [[10, 0]]
    assert grid[:, 2:-2, 0, 2:-2].amin((1, 2)).tolist() == list(range(1, 11))
    assert not grid[:, :2].any()


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("classes", [2, 26, 62])
def test_any_number_of_classes_is_drawn(classes: int, lang: str, tmp_path: Path) -> None:
    use_language("ko" if lang == "ko" else "en")
    save(class_grid(made(classes)), tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        width, height = picture.size
    assert 200 < width < 2000
    assert 100 < height < 1500
