"""The feature maps by name. To add one: a file beside this, and an entry here. Importing this does not import torch."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from softreg.errors import RecipeError
from softreg.features.choice import EMBEDDINGS
from softreg.image_format import SIDE
from softreg.messages import Message

if TYPE_CHECKING:
    from softreg.features.feature_map import FeatureMap

MEAN_EVIDENCE = Message(
    en="Evidence for each class: mean over up to {count} of its test images",
    ko="각 클래스의 기여도: 해당 테스트 이미지 최대 {count}장의 평균",
)


@dataclass(frozen=True, kw_only=True)
class FeatureMapInfo:
    """What recipe, help, figures and monitor need to know of a feature map.

    Attributes
    ----------
    location : module:class
    help : a few words, for `softreg train --help` and the playground
    features_are_pixels : feature j is pixel j, so that the weights of a class, as an image, are its template
    template_title : what the templates show; `{count}` is the number of images averaged where the features are not pixels
    ndims : of the images it takes: 2 if they are grey, 3 in colour; 1 of embeddings
    any_size : it takes images of any size, and not only 28 x 28
    monitored_images : how many test images the training monitor evaluates after every step; fewer where features cost more memory
    """

    location: str
    help: Message
    features_are_pixels: bool = False
    template_title: Message = MEAN_EVIDENCE
    monitored_images: int = 1000
    ndims: tuple[int, ...] = (2, 3)
    any_size: bool = True

    def takes(self, image_shape: tuple[int, ...]) -> bool:
        """Whether it takes images of shape (H, W) or (H, W, 3), or embeddings (D,)."""
        return len(image_shape) in self.ndims and (self.any_size or image_shape[:2] == (SIDE, SIDE))


FEATURE_MAPS = {
    "pixels": FeatureMapInfo(
        location="softreg.features.pixels:Pixels",
        help=Message(en="the pixels", ko="픽셀"),
        features_are_pixels=True,
        template_title=Message(
            en="What each class looks for: its weight for every pixel",
            ko="각 클래스가 찾는 모양: 픽셀별 가중치",
        ),
        monitored_images=10_000,
    ),
    "deskew": FeatureMapInfo(
        location="softreg.features.deskew:Deskew",
        help=Message(en="pixels, slant removed", ko="기울기를 바로잡은 픽셀"),
        features_are_pixels=True,
        template_title=Message(
            en="What each class looks for: its weight for every pixel of the deskewed image",
            ko="각 클래스가 찾는 모양: 기울기를 바로잡은 이미지의 픽셀별 가중치",
        ),
        ndims=(2,),
    ),
    "patches": FeatureMapInfo(
        location="softreg.features.patches:Patches",
        help=Message(
            en="small patterns",
            ko="작은 패턴",
        ),
    ),
    "scattering": FeatureMapInfo(
        location="softreg.features.scattering:Scattering",
        help=Message(en="wavelets (slow)", ko="웨이블릿 (느림)"),
    ),
    "both": FeatureMapInfo(
        location="softreg.features.combined:Combined",
        help=Message(en="patches and scattering (slow)", ko="patches와 scattering (느림)"),
    ),
    "views": FeatureMapInfo(
        location="softreg.features.combined:Views",
        help=Message(en="both, and patches of the digit as slanted (slow)", ko="both에 기울어진 그대로의 patches를 더함 (느림)"),
        ndims=(2,),
        any_size=False,
    ),
    EMBEDDINGS: FeatureMapInfo(
        location="softreg.features.embeddings:Embeddings",
        help=Message(en="the rows of a file of embeddings as they are", ko="임베딩 파일의 행 그대로"),
        ndims=(1,),
    ),
}

IMAGE_MAPS = {name: info for name, info in FEATURE_MAPS.items() if info.takes((SIDE, SIDE))}


def _refusal(info: FeatureMapInfo, image_shape: tuple[int, ...]) -> str:
    """The key of the message that says why a map does not take what has this shape."""
    if len(image_shape) == 1:
        return "embeddings.needs_images"
    if info.ndims == (1,):
        return "embeddings.are_images"
    return "recipe.features_size" if info.any_size else "recipe.features_28"


def make_feature_map(name: str, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> "FeatureMap":
    """The feature map called `name` for images of shape (H, W) or (H, W, 3), or embeddings (D,), not yet fitted.

    Raises
    ------
    KeyError
        If there is no such map.
    RecipeError
        If it takes no images of this shape.
    """
    info = FEATURE_MAPS[name]
    if not info.takes(image_shape):
        choices = ", ".join(other for other, info in FEATURE_MAPS.items() if info.takes(image_shape))
        key = _refusal(info, image_shape)
        raise RecipeError(key, features=name, size=" x ".join(map(str, image_shape)), choices=choices)
    module, _, cls = info.location.partition(":")
    feature_map: FeatureMap = getattr(import_module(module), cls)(image_shape)
    return feature_map
