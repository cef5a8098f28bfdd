"""A person's picture becomes MNIST images, in steps that can be seen."""

from softreg.pictures.picture import Digit, Picture, Stage, picture_from_array, read_picture
from softreg.pictures.strip import steps_strip, write_strip

__all__ = ["Digit", "Picture", "Stage", "picture_from_array", "read_picture", "steps_strip", "write_strip"]
