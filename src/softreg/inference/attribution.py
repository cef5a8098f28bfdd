"""What each pixel contributes to a logit, what each class looks for, and its most typical images.

A logit is a sum, so it can be taken apart without remainder: z_c = b_c + sum_p e_c(p), e_c(p) being the contribution of pixel p to
class c (`softreg.features.feature_map.FeatureMap.attribute`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from softreg.compute.defaults import default_torch
from softreg.data.dataset import Dataset
from softreg.features.deskew import deskew
from softreg.features.registry import FEATURE_MAPS
from softreg.image_format import SIDE
from softreg.model.softmax_regression import SoftmaxRegression

if TYPE_CHECKING:  # training draws templates and reads no pictures: imaging, and SciPy with it, would cost it a quarter of a second
    from softreg.inference.prediction import DigitPrediction

N_AVERAGED = 50  # images per class that a template is the mean of, where features are not pixels


@dataclass(frozen=True, eq=False)
class Attribution:
    """The contributions of a digit's pixels to the logit of one class.

    Attributes
    ----------
    label : the class
    map : (28, 28), the contribution of each pixel, in the units of the logit
    logit, bias : logit = map.sum() + bias
    """

    label: str
    map: Tensor
    logit: float
    bias: float

    @property
    def positive(self) -> float:
        """The sum of all contributions for the class."""
        return float(self.map.clamp_min(0).sum(dtype=torch.float64))

    @property
    def negative(self) -> float:
        """The sum of all contributions against the class, at most 0."""
        return float(self.map.clamp_max(0).sum(dtype=torch.float64))

    def to_json(self) -> dict[str, Any]:
        """The sums, as `softreg explain --json` prints them."""
        return {
            "class": self.label,
            "logit": self.logit,
            "bias": self.bias,
            "evidence": self.positive + self.negative,
            "for": self.positive,
            "against": self.negative,
        }


@default_torch(keep_inference_mode=True)
def attribution(model: SoftmaxRegression, prediction: "DigitPrediction", c: int) -> Attribution:
    """The contributions of the pixels of a digit to the logit of class number `c`."""
    image = torch.from_numpy(prediction.digit.image)[None]  # (1, 28, 28)
    weight, bias = model.linear.weight.detach(), model.linear.bias.detach()
    contributions = model.features.attribute(image, weight[c])[0]  # (28, 28)
    return Attribution(model.classes[c], contributions, float(prediction.logits[c]), float(bias[c]))


def first_and_second(model: SoftmaxRegression, prediction: "DigitPrediction") -> tuple[Attribution, Attribution]:
    """The attributions of the most probable class and of the runner-up."""
    first, second = prediction.logits.topk(2).indices.tolist()
    return attribution(model, prediction, first), attribution(model, prediction, second)


@default_torch(keep_inference_mode=True)
def attribution_maps(model: SoftmaxRegression, image: Tensor) -> Tensor:
    """The contribution of each pixel of an image uint8 (28, 28) to the logit of each class: (C, 28, 28)."""
    return model.features.attribute(image[None], model.linear.weight.detach())


def weight_templates(model: SoftmaxRegression) -> Tensor | None:
    """The weights of each class as an image (C, H, W) or (C, H, W, 3), if the features are pixels; None for other feature maps."""
    if not FEATURE_MAPS[model.features.name].features_are_pixels:
        return None
    return model.linear.weight.detach().view(-1, *model.image_shape).cpu()


@default_torch(keep_inference_mode=True)
@torch.no_grad()
def templates(model: SoftmaxRegression, data: Dataset) -> Tensor:
    """What each class looks for: (C, H, W), or (C, H, W, 3) of pixels in colour; of images such as MNIST's, on upright digits.

    Where the features are pixels, the weights. Other feature maps have no weight per pixel; there it is the mean contribution of
    each pixel over the first 50 images of the class in `data`, or zero for a class without images.
    """
    weights = weight_templates(model)
    if weights is not None:
        return weights
    means = torch.zeros(len(model.classes), *model.image_shape[:2])
    for c, weight in enumerate(model.linear.weight.detach()):
        images = data.images[(data.labels == c).nonzero()[:N_AVERAGED, 0]]
        if len(images):
            if model.image_shape == (SIDE, SIDE):  # such are deskewed by the features, too
                images = (255 * deskew(images)).round().to(torch.uint8)
            means[c] = model.features.attribute(images, weight).mean(0)
    return means


def prototypes(logits: Tensor, count: int) -> Tensor:
    """For each class the indices of the `count` images with the largest log odds for it: int64 (C, count).

    For logits z (N, C) the log odds are z_c - log sum_{k /= c} exp z_k. Unlike probabilities they do not saturate at one.
    """
    z = logits.double()
    log_p, first = z.log_softmax(1), z.argmax(1, keepdim=True)  # (N, C), (N, 1)
    odds = log_p - torch.log1p(-log_p.exp().scatter(1, first, 0))  # exact for all but the first class, whose p may be nearly 1
    rest = z.scatter(1, first, -torch.inf).logsumexp(1, keepdim=True)  # (N, 1)
    return odds.scatter(1, first, z.gather(1, first) - rest).T.topk(min(count, len(z)), dim=1).indices
