"""One test image followed through the tutorial's model: what the page's Understand part shows."""

import threading
from typing import Any

from softreg.data.bundled import read_mnist_test
from softreg.data.dataset import Dataset
from softreg.errors import ServingError
from softreg.image_format import SIDE
from softreg.inference.walkthrough import walk_through
from softreg.serving.codec import encode_array
from softreg.serving.models import Models


class WalkthroughService:
    """Computes the walkthrough of MNIST's test images with the first model whose features are pixels."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._test: Dataset | None = None

    def get(self, sample: int) -> dict[str, Any]:
        """The walkthrough of test image number `sample` as JSON: every quantity from pixels to loss and gradient."""
        test = self._test_images()
        if sample >= len(test):
            raise ServingError("serving.unknown_sample", status=404, most=len(test) - 1)
        key = self._models.with_features("pixels")
        model, image, label = self._models.get(key), test.images[sample], int(test.labels[sample])
        walk = walk_through(model, image, label)
        return {
            "schema": 1,
            "model": key,
            "sample": sample,
            "classes": model.classes,
            "label": test.classes[label],
            "prediction": model.classes[int(walk.logits.argmax())],
            "image": encode_array(image),
            "evidence": encode_array(walk.evidence.view(-1, SIDE, SIDE)),
            "bias": model.linear.bias.tolist(),
            "logits": walk.logits.tolist(),
            "probabilities": walk.probabilities.tolist(),
            "cross_entropy": walk.cross_entropy,
            "residual": walk.residual.tolist(),
            "gradient": encode_array(walk.gradient.view(-1, SIDE, SIDE)),
        }

    def _test_images(self) -> Dataset:
        with self._lock:
            self._test = self._test or read_mnist_test()
            return self._test
