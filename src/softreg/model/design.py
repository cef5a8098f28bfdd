"""Images and a feature map become the design matrix that a linear layer is trained on."""

from dataclasses import replace

import torch

from softreg.compute.distributed import ProcessGroup
from softreg.data.dataset import Dataset
from softreg.features.feature_map import FeatureMap
from softreg.optim.design_matrix import DesignMatrix


def design_matrix(features: FeatureMap, data: Dataset, device: torch.device, group: ProcessGroup | None = None) -> DesignMatrix:
    """The features of all images, or of this process's shard, stored as the feature map asks."""
    if group is None:
        return DesignMatrix(features.quantised(data.images.to(device)), data.labels.to(device), scale=features.quantum)
    shard = group.shard(len(data))
    return replace(design_matrix(features, data[shard], device), row_offset=shard.start, all_reduce=group.all_reduce)
