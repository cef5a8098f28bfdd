"""IDX files written some images at a time are those written at once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from softreg.data.idx import read_idx
from softreg.data.idx_writer import IdxImages, MixedShapesError, write_idx_array
from softreg.data.memory_map import is_mapped
from tests.helpers.http_mirror import idx

X = np.random.default_rng(1).integers(0, 256, (7, 9, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("images", [X, X[..., 0]])
def test_the_same_file(tmp_path: Path, images: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> None:
    write_idx_array(tmp_path / "whole", images)
    assert (tmp_path / "whole").read_bytes() == idx(images)
    with IdxImages(tmp_path / "parts") as file:
        for part in np.array_split(images, 3):
            file.append(torch.from_numpy(part))
        mapped = file.close()
    assert (tmp_path / "parts").read_bytes() == idx(images)
    assert mapped is not None
    assert is_mapped(mapped)
    assert torch.equal(mapped, read_idx(tmp_path / "whole", images.ndim))


def test_no_images_and_mixed_shapes(tmp_path: Path) -> None:
    with IdxImages(tmp_path / "none") as file:
        assert file.close() is None
    assert not (tmp_path / "none").exists()
    with IdxImages(tmp_path / "mixed") as file:
        file.append(torch.from_numpy(X[..., 0]))
        with pytest.raises(MixedShapesError) as raised:
            file.append(torch.from_numpy(X))
    assert (raised.value.shape, raised.value.found) == ((9, 8), (9, 8, 3))
