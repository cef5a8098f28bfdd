"""Images and a feature map become the design matrix that a linear layer is trained on."""

from dataclasses import replace

import torch
from torch import Tensor

from softreg.compute.distributed import ProcessGroup
from softreg.data.dataset import Dataset
from softreg.features.feature_map import FeatureMap
from softreg.optim.design_matrix import DesignMatrix


def design_matrix(
    features: FeatureMap,
    data: Dataset,
    device: torch.device,
    group: ProcessGroup | None = None,
    *,
    class_weight: Tensor | None = None,
) -> DesignMatrix:
    """The features of all images, or of this process's shard, stored as the feature map asks; rows weigh as `class_weight` (C,)."""
    return design_matrices(features, data, device, group, class_weight=class_weight)[0]


def design_matrices(
    features: FeatureMap,
    data: Dataset,
    device: torch.device,
    group: ProcessGroup | None = None,
    *,
    class_weight: Tensor | None = None,
) -> tuple[DesignMatrix, DesignMatrix]:
    """`design_matrix`, and another of the projections that the features are computed from; for most maps they are the same."""
    if group is not None:
        shard = group.shard(len(data))
        parts = design_matrices(features, data[shard], device, class_weight=class_weight)
        matrix, projections = (replace(part, row_offset=shard.start, all_reduce=group.all_reduce) for part in parts)
        return matrix, projections
    images, labels = data.images.to(device), data.labels.to(device)
    weights = None if class_weight is None else class_weight.to(device)[labels]
    if features.projected_dim == features.dim:
        matrix = DesignMatrix(features.quantised(images), labels, scale=features.quantum, weights=weights)
        return matrix, matrix
    rows = features.projections(images)
    matrix = DesignMatrix(features.quantised_from(rows), labels, scale=features.quantum, weights=weights)
    return matrix, DesignMatrix(rows.float(), labels, weights=weights)


def balanced_class_weight(labels: Tensor, n_classes: int) -> Tensor:
    """N / (K N_c) for each of the K classes that occur among N labels (N,), 1 for the others: (C,) float32.

    So all classes weigh alike, and the weights of all rows sum to N: scikit-learn's `class_weight="balanced"`.
    """
    counts = labels.bincount(minlength=n_classes).double()  # (C,)
    weights = len(labels) / (int((counts > 0).sum()) * counts.clamp_min(1))
    return torch.where(counts > 0, weights, 1.0).float()
