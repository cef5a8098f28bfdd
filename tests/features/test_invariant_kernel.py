"""The metric undoes the moments of the differences, kind by kind; the copies are what their names say."""

import pytest
import torch
from torch import Generator, Tensor

from softreg.data.augmentation import elastic_transform
from softreg.data.dataset import Splits
from softreg.features.compact_kernel import CompactKernel
from softreg.features.invariant_kernel import InvariantKernel, deformation_metric, deformed


@pytest.fixture(scope="module")
def images(mnist: Splits) -> Tensor:
    return mnist.train.images[:300]


@pytest.fixture(scope="module")
def fitted(images: Tensor) -> InvariantKernel:
    return InvariantKernel().fit(images, 3)


def differences(scale: float = 1.0) -> list[Tensor]:
    g = Generator().manual_seed(4)
    return [scale * torch.randn(50, 6, generator=g).double() * 0.5 ** torch.arange(6.0), torch.randn(50, 6, generator=g).double()]


def test_the_metric_is_the_inverse_root_of_the_moments() -> None:
    moments = sum((d.T @ d / d.square().sum() for d in differences()), torch.zeros(6, 6))
    mean = moments.trace() / 6
    metric = deformation_metric(differences())
    lifted = (moments + 0.5 * mean * torch.eye(6)) / (1.5 * mean)
    torch.testing.assert_close(metric @ lifted @ metric, torch.eye(6).double())
    torch.testing.assert_close(metric, metric.T)


def test_all_kinds_of_copies_count_the_same() -> None:
    torch.testing.assert_close(deformation_metric(differences(1e3)), deformation_metric(differences()))


def test_where_nothing_differs_the_metric_is_as_it_was() -> None:
    torch.testing.assert_close(deformation_metric([torch.zeros(5, 4)]), torch.eye(4))


def test_copies_are_bent_a_little_and_have_thicker_and_thinner_strokes(mnist: Splits) -> None:
    images = mnist.train.images[:20]
    bent, thicker, thinner = deformed(images, Generator().manual_seed(0))
    assert torch.equal(bent, elastic_transform(images, Generator().manual_seed(0), 0.5))
    assert bent.shape == thicker.shape == thinner.shape == images.shape
    assert bool((thinner <= images).all() and (images <= thicker).all())
    assert float(thicker.sum() / images.sum()) > 1.1
    assert float(images.sum() / thinner.sum()) > 1.1
    distance = (bent.float() - images.float()).square().mean()
    assert 0 < float(distance) < float((images.float() - images.float().roll(1, 0)).square().mean())


def test_the_axes_are_principal_ones(fitted: InvariantKernel, images: Tensor) -> None:
    z = fitted.projections(images)  # of the landmarks
    assert z.shape == (300, 224)
    moments = z.T @ z
    variances = moments.diagonal()
    assert bool((variances[:-1] >= 0.98 * variances[1:]).all())  # but for rounding to eight bits
    cosines = moments / (variances[:, None] * variances).sqrt()
    assert float((cosines[:20, :20] - torch.eye(20)).abs().max()) < 0.05


def test_no_direction_is_one_that_deformations_move_far(fitted: InvariantKernel, images: Tensor) -> None:
    """The largest variance of what other bends change, over the mean one, is lower than on the principal axes alone."""
    v, copies = (fitted.views(x).double() for x in (images, elastic_transform(images, Generator().manual_seed(9), 0.5)))
    alone = (copies - v) @ torch.linalg.svd(v, full_matrices=False).Vh[:224].T
    variances, alone_variances = (torch.linalg.eigvalsh(d.T @ d) for d in (fitted.nystroem().project(copies - v), alone))
    assert float(variances[-1] / variances.mean()) < 0.5 * float(alone_variances[-1] / alone_variances.mean())


def test_the_axes_are_those_of_the_differences_of_copies(
    fitted: InvariantKernel, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softreg.features.invariant_kernel.DIRECTIONS", 8)
    few = images[:12]
    v = fitted.views(few)
    found = fitted.axes_of(v, few, Generator().manual_seed(1))
    generator = Generator().manual_seed(1)
    axes = fitted.weighted_axes(v, 8, generator)
    metric = deformation_metric([(fitted.views(copy) - v) @ axes for copy in deformed(few, generator)])
    moments = metric @ axes.T @ v.T @ v @ axes @ metric
    z = v @ found
    torch.testing.assert_close(z.T @ z, torch.linalg.eigvalsh(moments).flip(0).diag(), rtol=1e-3, atol=1e-3 * float(moments.max()))


def test_the_compact_one_has_the_first_axes(fitted: InvariantKernel, images: Tensor) -> None:
    compact = CompactKernel().fit(images, 3)
    z, first = compact.projections(images), fitted.projections(images)[:, :160]
    torch.testing.assert_close(z, first, rtol=0, atol=0.02 * float(z.abs().max()))
