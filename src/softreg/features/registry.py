"""The feature maps by name. To add one: a file beside this, and an entry here. Importing this does not import torch."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

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
class Backbone:
    """A network of torchvision with published weights, frozen, without the layers that classify.

    Attributes
    ----------
    weights : of the network, as `torchvision.models.get_weight` names them
    head : the attribute of the network that classifies
    dim : D, what it is given
    megabytes : approximate download size
    """

    weights: str
    head: str
    dim: int
    megabytes: int


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
    has_evidence : its `attribute` says what each pixel contributes: for explanations, templates and the page
    backbone : the network that computes the features; None if there is none
    """

    location: str
    help: Message
    features_are_pixels: bool = False
    template_title: Message = MEAN_EVIDENCE
    monitored_images: int = 1000
    ndims: tuple[int, ...] = (2, 3)
    any_size: bool = True
    has_evidence: bool = True
    backbone: Backbone | None = None

    def takes(self, image_shape: tuple[int, ...]) -> bool:
        """Whether it takes images of shape (H, W) or (H, W, 3), or embeddings (D,)."""
        return len(image_shape) in self.ndims and (self.any_size or image_shape[:2] == (SIDE, SIDE))


def _frozen(en: str, ko: str, **backbone: Any) -> FeatureMapInfo:
    """The entry of a backbone."""
    return FeatureMapInfo(
        location="softreg.features.backbone:FrozenBackbone",
        help=Message(en=en, ko=ko),
        has_evidence=False,
        backbone=Backbone(**backbone),
    )


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
    "kernel": FeatureMapInfo(
        location="softreg.features.kernel:Kernel",
        help=Message(en="a Gaussian kernel on views (slow)", ko="views의 특징에 가우스 커널을 씌움 (느림)"),
        ndims=(2,),
        any_size=False,
    ),
    "invariant_kernel": FeatureMapInfo(
        location="softreg.features.invariant_kernel:InvariantKernel",
        help=Message(en="kernel, deformations discounted (slow)", ko="작은 변형의 영향을 줄인 kernel (느림)"),
        ndims=(2,),
        any_size=False,
    ),
    "compact_kernel": FeatureMapInfo(
        location="softreg.features.compact_kernel:CompactKernel",
        help=Message(en="invariant_kernel in a smaller file (slow)", ko="파일 크기를 줄인 invariant_kernel (느림)"),
        ndims=(2,),
        any_size=False,
    ),
    EMBEDDINGS: FeatureMapInfo(
        location="softreg.features.embeddings:Embeddings",
        help=Message(en="the rows of a file of embeddings as they are", ko="임베딩 파일의 행 그대로"),
        ndims=(1,),
        has_evidence=False,
    ),
    "resnet18": _frozen(
        "a network trained on ImageNet",
        "ImageNet으로 학습한 신경망",
        weights="ResNet18_Weights.IMAGENET1K_V1",
        head="fc",
        dim=512,
        megabytes=45,
    ),
    "resnet50": _frozen(
        "a larger one (slow)",
        "더 큰 신경망 (느림)",
        weights="ResNet50_Weights.IMAGENET1K_V2",
        head="fc",
        dim=2048,
        megabytes=98,
    ),
    "mobilenet_v3_small": _frozen(
        "a small one",
        "작은 신경망",
        weights="MobileNet_V3_Small_Weights.IMAGENET1K_V1",
        head="classifier",
        dim=576,
        megabytes=10,
    ),
    "vit_b_16": _frozen(
        "a transformer (slowest)",
        "트랜스포머 (가장 느림)",
        weights="ViT_B_16_Weights.IMAGENET1K_V1",
        head="heads",
        dim=768,
        megabytes=330,
    ),
}

IMAGE_MAPS = {name: info for name, info in FEATURE_MAPS.items() if info.has_evidence and info.takes((SIDE, SIDE))}


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
    make = getattr(import_module(module), cls)
    feature_map: FeatureMap = make(image_shape) if info.backbone is None else make(image_shape, name, info.backbone)
    return feature_map
