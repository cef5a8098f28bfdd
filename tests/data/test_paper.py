"""Which images are such as MNIST's, and how a model of others is given a picture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import softreg
from softreg.api import explain, predict
from softreg.data.dataset import Dataset, Splits
from softreg.data.paper import are_written_on_paper
from softreg.model.serialization import load_model
from softreg.recipe import Recipe
from tests.training.test_sizes import blobs


def test_mnist_is_and_pictures_that_fill_the_frame_are_not(mnist: Splits) -> None:
    assert are_written_on_paper(mnist.train)
    assert are_written_on_paper(mnist.test[:1])
    bright = mnist.test.images[:40].clone()
    bright[:, 0, 5] = 200
    assert not are_written_on_paper(Dataset(bright, mnist.test.labels[:40], mnist.test.classes, "framed"))
    assert not are_written_on_paper(blobs((8, 8)))


@pytest.mark.parametrize("shape", [(28, 28), (12, 10, 3), (9, 14)])
def test_a_model_of_other_images_reads_a_picture_whole(shape: tuple[int, ...], tmp_path: Path) -> None:
    data, test = blobs(shape), blobs(shape, 30, seed=1)
    run = softreg.train(Recipe(epochs=10, batch_size=20), tmp_path / "run", data=Splits(data, test), figures=False)
    model = softreg.load(run.path)
    assert model.whole_pictures
    assert load_model(run.path / "model.safetensors").whole_pictures
    expected = model.logits(test.images)
    for image, logits in zip(test.images.numpy(), expected, strict=True):
        Image.fromarray(image).save(tmp_path / "p.png")
        (found,) = predict(tmp_path / "p.png", model).readings
        assert torch.allclose(found.logits, logits, atol=1e-5)
        assert np.array_equal(found.digit.image, image)
    larger = np.kron(test.images[0].numpy(), np.ones((20, 20, 1) if len(shape) == 3 else (20, 20))).astype(np.uint8)
    Image.fromarray(larger).save(tmp_path / "large.png")
    explanation = explain(tmp_path / "large.png", model)
    ((reading, _, _),) = explanation.digits
    assert list(reading.digit.box) == [0, 0, 20 * shape[1], 20 * shape[0]]
    assert reading.label == model.classes[int(expected[0].argmax())]
    explanation.save(tmp_path / "evidence.png")
    with Image.open(tmp_path / "evidence.png") as drawn:
        assert drawn.size[0] > 100


def test_a_model_of_mnist_reads_digits(tutorial_run: softreg.Run) -> None:
    assert not tutorial_run.model().whole_pictures
