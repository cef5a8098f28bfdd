"""Images given to a model in any accepted form are the same images; in any other form they are refused, never misread."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.dataset import Splits
from softreg.inference.evaluation import evaluate
from softreg.messages import use_language
from softreg.model.images import as_images
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import load

ALL_VALUES = torch.arange(4 * 784).remainder(256).to(torch.uint8).view(4, 28, 28)  # every uint8, several times

uint8_images = hnp.arrays(np.uint8, st.integers(0, 3).map(lambda n: (n, 28, 28)))
wrong_dtypes = st.sampled_from([np.int8, np.int16, np.uint16, np.int32, np.int64, np.bool_, np.complex64, "S1", object])
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=30)


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """What torchvision's `ToTensor` does with a grey image uint8 (H, W): float32 (1, H, W), divided by 255."""
    return torch.from_numpy(image)[None].to(torch.get_default_dtype()).div(255)


def test_the_definition_of_to_tensor_is_torchvisions() -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    image = ALL_VALUES[0].numpy()
    assert torch.equal(transforms.ToTensor()(image), to_tensor(image))


@given(uint8_images)
def test_to_tensor_is_undone_exactly(images: NDArray[np.uint8]) -> None:
    batch = torch.stack([to_tensor(image) for image in images]) if len(images) else torch.zeros(0, 1, 28, 28)  # (N, 1, 28, 28)
    assert torch.equal(as_images(batch), torch.from_numpy(images))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_every_value_survives_every_float_type(dtype: torch.dtype) -> None:
    assert torch.equal(as_images(ALL_VALUES.to(dtype) / 255), ALL_VALUES)


@given(uint8_images, st.booleans(), st.booleans(), st.sampled_from(["uint8", "<f2", "<f4", ">f4", "<f8", ">f8"]))
def test_forms_of_the_same_images_are_equal(images: NDArray[np.uint8], channel: bool, as_array: bool, dtype: str) -> None:
    given_images = images if dtype == "uint8" else (images / 255).astype(dtype)
    if channel:
        given_images = given_images[:, None]
    if as_array or not given_images.dtype.isnative:
        given_images.flags.writeable = False  # as arrays of files and of JAX are
        found = as_images(given_images)
    else:
        found = as_images(torch.from_numpy(given_images))
    assert (found.dtype, tuple(found.shape)) == (torch.uint8, images.shape)
    assert np.array_equal(found.numpy(), images)


def test_reversed_and_strided_arrays_are_read_as_they_look() -> None:
    array = ALL_VALUES.numpy()
    assert np.array_equal(as_images(array[::-1, :, ::-1]).numpy(), array[::-1, :, ::-1])
    assert np.array_equal(as_images(np.asfortranarray(array)).numpy(), array)


def test_uint8_tensors_are_not_copied() -> None:
    assert as_images(ALL_VALUES) is ALL_VALUES
    assert as_images(ALL_VALUES[0]).data_ptr() == ALL_VALUES.data_ptr()


@given(st.floats(width=32), st.integers(0, 783))
def test_floats_are_taken_if_and_only_if_they_are_in_the_unit_interval(value: float, place: int) -> None:
    image = torch.zeros(784)
    image[place] = value
    image = image.view(28, 28)
    if 0 <= value <= 1:
        assert abs(int(as_images(image).flatten()[place]) - 255 * value) <= 0.5 + 1e-4  # float32 may round a half either way
    else:
        with pytest.raises(ValueError, match=r"in \[0, 1\].*got values"):
            as_images(image)


def test_pixels_of_0_to_255_as_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="got values from 0 to 255"):
        as_images(ALL_VALUES.float())


@given(wrong_dtypes)
def test_other_types_are_refused_by_name(dtype: object) -> None:
    array = np.zeros((1, 28, 28), dtype)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=f"uint8.*got {array.dtype}".replace("|", r"\|")):
        as_images(array)


def test_tensors_of_whole_numbers_and_no_tensors_are_refused() -> None:
    with pytest.raises(TypeError, match=r"got torch\.int64"):
        as_images(ALL_VALUES.long())
    with pytest.raises(TypeError, match="got list"):
        as_images(ALL_VALUES.tolist())  # type: ignore[arg-type]


@given(shapes)
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    images = torch.zeros(shape, dtype=torch.uint8)
    if shape[-2:] == (28, 28) and (len(shape) in (2, 3) or (len(shape) == 4 and shape[1] == 1)):
        assert as_images(images).shape[1:] == (28, 28)
    else:
        with pytest.raises(ValueError, match=r"shape .*got \("):
            as_images(images)


@pytest.mark.parametrize("shape", [(3, 3, 28, 28), (784,), (5, 784), (28, 28, 1), (1, 1, 1, 28, 28), (3, 32, 32), ()])
def test_shapes_that_are_easily_mistaken_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(N, 1, 28, 28\)"):
        as_images(torch.zeros(shape))


def test_korean_errors_are_in_korean() -> None:
    use_language("ko")
    with pytest.raises(TypeError, match="이미지는 uint8"):
        as_images(ALL_VALUES.long())


def test_a_model_gives_the_same_logits_for_every_form(mnist: Splits) -> None:
    model, images = load(pretrained_path("tutorial")), mnist.test.images[:50]
    expected = model(images)
    floats = torch.stack([to_tensor(image) for image in images.numpy()])
    for form in (floats, floats[:, 0].double(), images[:, None], images.numpy(), floats.numpy()):
        assert torch.equal(model(form), expected)
        assert torch.equal(model.logits(form), model.logits(images))
        assert torch.equal(model.predict_proba(form), model.predict_proba(images))
    for image in (images[7], floats[7], floats[7, 0], images[7].numpy()):  # floats[7] is (1, 28, 28)
        torch.testing.assert_close(model(image), expected[7:8], rtol=0, atol=1e-5)


def test_to_tensor_scores_as_well_as_uint8(mnist: Splits) -> None:
    model = load(pretrained_path("tutorial"))
    floats = mnist.test.images[:, None] / 255
    correct = int((model.logits(floats).argmax(1) == mnist.test.labels).sum())
    assert correct / len(mnist.test) == evaluate(model, mnist.test).accuracy > 0.92


def test_torch_export_still_works(mnist: Splits) -> None:
    model, images = load(pretrained_path("tutorial")), mnist.test.images[:8]
    exported = torch.export.export(model, (images,))
    assert torch.equal(exported.module()(images), model(images))
