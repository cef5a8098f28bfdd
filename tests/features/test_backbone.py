"""Frozen networks as feature maps: the embeddings are torchvision's; weights are fetched, and embeddings computed, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model, get_weight

from softreg.errors import DataError, RunError
from softreg.features import embedding_cache
from softreg.features.backbone import MIN_CACHED, FrozenBackbone
from softreg.features.feature_map import FeatureMap
from softreg.features.registry import make_feature_map
from tests.helpers.http_mirror import Mirror
from tests.helpers.small_backbone import BACKBONES, DIM, NAME, WEIGHTS, as_published, backbone_mirror, publish, small_network


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mirror]:
    with backbone_mirror(monkeypatch, tmp_path / "cache") as served:
        yield served


def images(count: int, colour: bool = True, seed: int = 0) -> Tensor:
    shape = (count, 20, 24, 3) if colour else (count, 28, 28)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def fitted(sample: Tensor) -> FeatureMap:
    return make_feature_map(NAME, tuple(sample.shape[1:])).fit(sample, 0)


def by_torchvision(network: nn.Module, sample: Tensor) -> Tensor:
    """What the documentation of torchvision says: transform, and the network up to its classifier."""
    planes = sample.permute(0, 3, 1, 2) if sample.ndim == 4 else torch.stack([sample] * 3, 1)
    with torch.no_grad():
        body = nn.Sequential(network.features, network.avgpool, nn.Flatten())  # type: ignore[arg-type]
        return body(WEIGHTS.transforms()(planes))  # type: ignore[no-any-return]


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("count", [3, MIN_CACHED + 8])
def test_the_embeddings_are_torchvisions(served: Mirror, colour: bool, count: int) -> None:
    sample = images(count, colour)
    before = torch.random.get_rng_state()
    x = fitted(sample)(sample)
    assert x.shape == (count, DIM)
    assert x.dtype == torch.float32
    torch.testing.assert_close(x, by_torchvision(small_network(), sample), rtol=1e-4, atol=1e-5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_weights_and_embeddings_come_from_the_cache(
    served: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sample = images(MIN_CACHED)
    first = fitted(sample)(sample)
    assert len(served.asked) == 1
    assert capsys.readouterr().err.startswith(f"Downloading the weights of {NAME} (about 10 MB) to ")
    assert [path.name for path in (tmp_path / "cache").rglob("*.pth")] == []  # no pickle is kept
    monkeypatch.setattr(FrozenBackbone, "transform", None)  # nothing is computed again
    monkeypatch.setenv("SOFTREG_OFFLINE", "1")
    assert torch.equal(fitted(sample)(sample), first)
    monkeypatch.setattr(embedding_cache, "MAP_FROM", 0)
    assert torch.equal(fitted(sample).quantised(sample), first)
    assert len(served.asked) == 1
    with pytest.raises(TypeError, match="not callable"):  # of other images they are
        fitted(sample)(images(MIN_CACHED, seed=1))


@pytest.mark.parametrize("how", ["500", "wrong", "cut", "reset"])
def test_a_download_that_fails_is_one_line_and_leaves_nothing(served: Mirror, how: str, tmp_path: Path) -> None:
    served.failing["/"] = how
    with pytest.raises(DataError, match="download failed on every mirror") as caught:
        fitted(images(2))
    assert str(caught.value).count("\n") == 0
    assert [path.suffix for path in (tmp_path / "cache" / "backbones").iterdir()] == [".lock"]
    served.failing = {}
    fitted(images(2))


def test_the_users_mirror_comes_first(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTREG_MIRROR", f"{served.address}/own")
    ((path, content),) = served.files.items()
    served.files = {f"/own/backbones{path}": content}
    fitted(images(2))
    assert served.asked == [f"/own{path}", f"/own/backbones{path}"]


def test_offline_says_what_to_copy(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTREG_OFFLINE", "1")
    with pytest.raises(DataError, match="SOFTREG_OFFLINE forbids downloads; unset it, or copy"):
        fitted(images(2))
    assert served.asked == []


def test_damaged_weights_are_fetched_again(served: Mirror, tmp_path: Path) -> None:
    features = fitted(images(2))
    (path,) = (tmp_path / "cache").rglob("weights.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    features(images(2))
    assert len(served.asked) == 2


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("harm"),))


@pytest.mark.parametrize("state", [{"weight": Harmful()}, [1, 2], {"features": 3}, b"no weights"])
def test_a_file_that_holds_no_weights_runs_nothing(
    served: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: object
) -> None:
    monkeypatch.chdir(tmp_path)
    publish(served, as_published(state), monkeypatch)
    with pytest.raises(DataError, match="not the weights of mobilenet_v3_small"):
        fitted(images(2))
    assert not (tmp_path / "harm").exists()


def test_weights_of_another_network(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(served, as_published({"weight": torch.zeros(2)}), monkeypatch)
    features = fitted(images(2))
    with pytest.raises(DataError, match="not the weights of mobilenet_v3_small"):
        features(images(2))


def test_a_model_says_so_if_torchvision_has_other_weights(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    features = fitted(images(2))
    publish(served, as_published(small_network(4).state_dict()), monkeypatch)
    with pytest.raises(DataError, match="features of other weights"):
        features(images(2))


def test_what_needs_evidence_is_refused(served: Mirror) -> None:
    features = make_feature_map(NAME)
    with pytest.raises(RunError, match="is a deep network"):
        features.attribute(images(1, colour=False), torch.zeros(DIM))


@pytest.mark.parametrize("name", BACKBONES)
def test_an_entry_is_torchvisions(name: str) -> None:
    """Of every network: its head and the number of features, shapes alone computed; its weights, and what they weigh."""
    backbone = BACKBONES[name]
    with torch.device("meta"):
        network = get_model(name).eval()
        setattr(network, backbone.head, nn.Identity())
        assert network(torch.empty(2, 3, 224, 224)).flatten(1).shape == (2, backbone.dim)
    weights = get_weight(backbone.weights)
    assert backbone.megabytes == pytest.approx(weights.meta["_file_size"], abs=1)
