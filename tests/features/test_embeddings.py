"""The feature map of rows that are features already."""

import pytest
import torch

from softreg.errors import RecipeError
from softreg.features.choice import choose_features
from softreg.features.registry import IMAGE_MAPS, make_feature_map

ROWS = torch.randn(7, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_rows_are_what_they_were(dtype: torch.dtype) -> None:
    rows = ROWS.to(dtype)
    features = make_feature_map("embeddings", (12,)).fit(rows, seed=0)
    assert features.quantised(rows) is rows
    assert torch.equal(features(rows), rows.float())
    assert not features.state_dict()
    weight = ROWS[0]
    torch.testing.assert_close(features.attribute(rows, weight).sum(1), rows.float() @ weight)


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_maps_of_images_take_no_embeddings(name: str) -> None:
    with pytest.raises(RecipeError, match=f"features {name} are computed from images.*choose embeddings"):
        make_feature_map(name, (12,))


def test_images_are_no_embeddings() -> None:
    with pytest.raises(RecipeError, match="the dataset has images of 28 x 28"):
        make_feature_map("embeddings")


def test_auto_chooses_it() -> None:
    choice = choose_features(10**6, (512,))
    assert choice.features == "embeddings"
    assert "rows of 512 numbers" in str(choice)
