"""The feature maps of images that are tested one by one."""

from softreg.features.registry import IMAGE_MAPS

TESTED_MAPS = tuple(name for name in IMAGE_MAPS if name != "wide_kernel")  # `kernel` with other numbers, and slower
