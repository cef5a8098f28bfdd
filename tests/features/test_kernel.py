"""`kernel` is about a centred Gaussian kernel, whatever rotates it; its evidence is measured from the mean image."""

import pytest
import torch
from torch import Generator, Tensor

from softreg.data.dataset import Splits
from softreg.features.kernel import LANDMARKS, Kernel, principal_axes
from softreg.features.nystroem import gaussian
from softreg.model.design import design_matrices


@pytest.fixture(scope="module")
def images(mnist: Splits) -> Tensor:
    return mnist.train.images[:300]


@pytest.fixture(scope="module")
def fitted(images: Tensor) -> Kernel:
    return Kernel().fit(images, 3)


def test_products_of_features_are_about_the_kernel_of_landmarks(fitted: Kernel, images: Tensor) -> None:
    """On the landmarks themselves K (K + eps)^-1 K is K but for eps, and centring takes the mean rows off."""
    nystroem, x = fitted.nystroem(), fitted(images).double()
    z = nystroem.project(fitted.views(images))
    k = gaussian(z, z, nystroem.gamma) - nystroem.mean.mean()
    own = gaussian(z, nystroem.landmarks, nystroem.gamma).mean(1) - nystroem.mean.mean()
    expected = (k - own[:, None] - own) / (1 - nystroem.mean.mean())
    torch.testing.assert_close(x @ x.T / LANDMARKS, expected, rtol=0.02, atol=0.02)


def test_landmarks_are_the_projections_of_all_images_but_for_rounding(fitted: Kernel, images: Tensor) -> None:
    z, landmarks = fitted.projections(images), fitted.nystroem().landmarks[: len(images)]
    nearest = torch.cdist(landmarks, z).argmin(1)
    assert sorted(nearest.tolist()) == list(range(len(images)))
    assert bool(((landmarks - z[nearest]).abs() <= 0.51 * fitted.landmark_scale).all())


def test_loaded_buffers_make_the_features_that_they_were_saved_from(fitted: Kernel, images: Tensor) -> None:
    other = Kernel()
    before = other(images[:3])
    other.load_state_dict(fitted.state_dict())
    assert not torch.equal(other(images[:3]), before)
    assert torch.equal(other(images[:3]), fitted(images[:3]))
    again = Kernel()
    again.load_state_dict(fitted.state_dict())
    assert again.nystroem() is other.nystroem()  # computed once


def test_features_of_patches_weigh_half_among_the_principal_axes(fitted: Kernel, images: Tensor) -> None:
    """The sums of squares of z are the largest eigenvalues of the weighed features; the images are the landmarks."""
    v = fitted.views(images).double()
    v[:, fitted.views.scattering.dim :] *= 0.5
    expected = torch.linalg.svdvals(v)[:20].square()
    torch.testing.assert_close(fitted.projections(images).square().sum(0)[:20], expected, rtol=0.02, atol=0)


def test_the_design_matrix_and_the_projections_that_it_is_made_from(fitted: Kernel, mnist: Splits) -> None:
    data = mnist.train[:40]
    matrix, projections = design_matrices(fitted, data, torch.device("cpu"))
    assert torch.equal(matrix.rows, fitted.quantised(data.images))
    torch.testing.assert_close(matrix.rows / 16, fitted(data.images), rtol=0, atol=1 / 32 + 1e-5)
    torch.testing.assert_close(projections.rows, fitted.projections(data.images).float())


def test_principal_axes_are_those_of_the_covariance() -> None:
    generator = Generator().manual_seed(2)
    x = torch.randn(200, 50, generator=generator) * 0.8 ** torch.arange(50.0)
    axes = principal_axes(x, 4, generator)
    _, turned = torch.linalg.eigh(x.T @ x)
    torch.testing.assert_close((axes * turned.flip(1)[:, :4]).sum(0).abs(), torch.ones(4), rtol=0, atol=1e-3)


def test_outputs_are_those_of_the_features(fitted: Kernel, images: Tensor) -> None:
    generator = Generator().manual_seed(5)
    bias, z, x = torch.randn(3, generator=generator), fitted.projections(images), fitted(images).double()
    for weight in torch.randn(2, 3, LANDMARKS, generator=generator):
        expected = (x @ weight.double().T + bias).float()
        torch.testing.assert_close(fitted.outputs(z, weight, bias), expected, rtol=0, atol=1e-3)
        with torch.no_grad():  # the dual coefficients are kept for the next call
            torch.testing.assert_close(fitted.outputs(z, weight, bias), expected, rtol=0, atol=1e-3)


def test_the_evidence_of_the_pixels_sums_to_that_of_the_features(fitted: Kernel, images: Tensor) -> None:
    weights = torch.randn(2, LANDMARKS, generator=Generator().manual_seed(7)) / LANDMARKS**0.5
    evidence = fitted(images[:3]) @ weights.T
    torch.testing.assert_close(fitted.attribute(images[:3], weights[0]).sum((1, 2)), evidence[:, 0], rtol=0, atol=1e-4)
    torch.testing.assert_close(fitted.attribute(images[:1], weights).sum((1, 2)), evidence[0], rtol=0, atol=1e-4)


def test_all_buffers_are_converted_and_each_column_has_the_whole_range_of_eight_bits(fitted: Kernel) -> None:
    made = Kernel()
    assert made.double() is made
    assert {buffer.dtype for buffer in made.buffers()} <= {torch.float64, torch.int8}
    assert fitted.axes.dtype == fitted.landmarks.dtype == torch.int8
    assert all(bool((rows.int().abs().amax(0) == 127).all()) for rows in (fitted.axes, fitted.landmarks))


def test_outputs_do_not_depend_on_the_size_of_the_batch(fitted: Kernel, images: Tensor) -> None:
    weight, bias = (
        torch.randn(3, LANDMARKS, generator=Generator().manual_seed(6)) / LANDMARKS**0.5,
        torch.zeros(3),
    )
    z = fitted.projections(images)
    apart = torch.cat([fitted.outputs(fitted.projections(image[None]), weight, bias) for image in images[:8]])
    torch.testing.assert_close(apart, fitted.outputs(z, weight, bias)[:8], rtol=0, atol=1e-4)


def test_weights_can_be_trained_by_autograd(fitted: Kernel, images: Tensor) -> None:
    weight = torch.zeros(2, LANDMARKS, requires_grad=True)
    (gradient,) = torch.autograd.grad(fitted.outputs(fitted.projections(images[:5]), weight, torch.zeros(2))[:, 0].sum(), weight)
    torch.testing.assert_close(gradient[0], fitted(images[:5]).sum(0), rtol=0, atol=1e-3)
