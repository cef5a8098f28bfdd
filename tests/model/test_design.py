"""The design matrix of images: the features a model computes, whole or one process's shard of them."""

import pytest
import torch

from softreg.compute.distributed import ProcessGroup
from softreg.data.dataset import Dataset, Splits
from softreg.features.registry import IMAGE_MAPS, make_feature_map
from softreg.model.design import design_matrix

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(mnist: Splits) -> Dataset:
    return mnist.train[:101]


@pytest.mark.parametrize("name", IMAGE_MAPS)
def test_its_rows_are_the_features_to_half_a_quantum(name: str, data: Dataset) -> None:
    features = make_feature_map(name).fit(data.images, seed=0)
    matrix = design_matrix(features, data, CPU)
    x, labels = matrix.rows_at(torch.arange(101))
    assert torch.equal(labels, data.labels)
    assert matrix.rows.dtype == features.storage_dtype
    expected = features(data.images)
    if not features.storage_dtype.is_floating_point:
        bounds = torch.iinfo(features.storage_dtype)
        expected = expected.clamp(bounds.min * features.quantum, bounds.max * features.quantum)
    torch.testing.assert_close(x, expected, rtol=0, atol=0.501 * features.quantum)


def test_pixels_are_not_copied(data: Dataset) -> None:
    assert design_matrix(make_feature_map("pixels"), data, CPU).rows.data_ptr() == data.images.data_ptr()


def test_the_shards_of_all_processes_are_the_whole(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    features = make_feature_map("pixels")
    whole = design_matrix(features, data, CPU)
    shards = [design_matrix(features, data, CPU, ProcessGroup(rank, 4)) for rank in range(4)]
    assert torch.equal(torch.cat([shard.rows for shard in shards]), whole.rows)
    assert torch.equal(torch.cat([shard.labels for shard in shards]), whole.labels)
    assert [shard.row_offset for shard in shards] == [sum(map(len, shards[:rank])) for rank in range(4)]
    assert all(shard.all_reduce is not None for shard in shards)
