"""The feature map that `features = auto` chooses, by number, size and colour of the training images. Does not import torch.

Of three grey sets (MNIST, scikit-learn's digits, Hangul) wavelets read more validation images right than patches, at a lower price;
of a colour set both read as many, and patches have half the features (`docs/features.md`).
"""

from dataclasses import dataclass

from softreg.messages import translate

AUTO = "auto"
PIXELS = "pixels"
EMBEDDINGS = "embeddings"  # the feature map of rows that are features already
MAX_IMAGES = 200_000  # whose patches or wavelets are computed in minutes


@dataclass(frozen=True)
class FeatureChoice:
    """A feature map and why it was chosen; `str()` is a sentence.

    Attributes
    ----------
    features : its name
    reason : the key of the sentence
    """

    features: str
    reason: str
    n_images: int
    image_shape: tuple[int, ...]

    def __str__(self) -> str:
        size = " x ".join(map(str, self.image_shape[:2]))
        return translate(self.reason, features=self.features, n=self.n_images, size=size, most=MAX_IMAGES)


def choose_features(n_images: int, image_shape: tuple[int, ...]) -> FeatureChoice:
    """The feature map for `n_images` training images of shape (H, W) or (H, W, 3), or embeddings (D,)."""
    if len(image_shape) == 1:
        return FeatureChoice(EMBEDDINGS, "feature_choice.embeddings", n_images, image_shape)
    if n_images > MAX_IMAGES:
        return FeatureChoice(PIXELS, "feature_choice.many", n_images, image_shape)
    if len(image_shape) == 3:
        return FeatureChoice("patches", "feature_choice.colour", n_images, image_shape)
    return FeatureChoice("scattering", "feature_choice.grey", n_images, image_shape)
