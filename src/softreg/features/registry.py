"""The feature maps by name. To add one: a file beside this, and an entry here. Importing this does not import torch."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softreg.features.feature_map import FeatureMap


@dataclass(frozen=True)
class FeatureMapInfo:
    """What recipe, help, figures and monitor need to know of a feature map.

    Attributes
    ----------
    location : module:class
    """

    location: str


FEATURE_MAPS = {
    "pixels": FeatureMapInfo("softreg.features.pixels:Pixels"),
    "deskew": FeatureMapInfo("softreg.features.deskew:Deskew"),
    "patches": FeatureMapInfo("softreg.features.patches:Patches"),
    "scattering": FeatureMapInfo("softreg.features.scattering:Scattering"),
    "both": FeatureMapInfo("softreg.features.combined:Combined"),
}


def make_feature_map(name: str) -> "FeatureMap":
    """The feature map called `name`, not yet fitted.

    Raises
    ------
    KeyError
        If there is no such map.
    """
    module, _, cls = FEATURE_MAPS[name].location.partition(":")
    feature_map: FeatureMap = getattr(import_module(module), cls)()
    return feature_map
