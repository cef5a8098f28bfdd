"""Which out-of-distribution detector a feature map has."""

from softreg.features.feature_map import FeatureMap
from softreg.model.gaussian_detector import GaussianDetector
from softreg.model.linear_detector import LinearDetector
from softreg.model.out_of_distribution import OODDetector


def make_detector(features: FeatureMap, classes: int) -> OODDetector:
    """A detector, not yet fitted, for a model of so many classes on these features."""
    if features.projected_dim < features.dim:  # each feature compares the projections with those of another image
        return LinearDetector(features.dim)
    return GaussianDetector(features.dim, classes)
