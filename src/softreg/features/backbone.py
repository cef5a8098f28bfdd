"""The feature maps `resnet18`, ...: a frozen network of torchvision, without the layers that classify.

Images pass through torchvision's own transform, which scales and crops them to the network's size; grey ones have three equal
channels. The features are the inputs of the head, as the network computes them.
"""

from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from typing import Self

import torch
from torch import Tensor

from softreg.compute.progress import track
from softreg.compute.threads import thread_map
from softreg.data.memory_map import release_pages, update_digest
from softreg.errors import RunError
from softreg.features.backbone_weights import fetch_weights, load_network
from softreg.features.embedding_cache import cached_rows
from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.features.registry import Backbone

BATCH_SIZE = 16  # images per call of the network: 100 MB of activations in each thread
MIN_CACHED = 32  # images whose embeddings are worth a file


class FrozenBackbone(FeatureMap):
    """x = what the network gives its head, float32 (N, D). A model holds no weights of the network, but their SHA-256.

    Buffers: weights_sha256 (32,), of the file that torchvision publishes.
    """

    def __init__(self, image_shape: tuple[int, ...], name: str, backbone: Backbone) -> None:
        super().__init__()
        self.image_shape, self.name, self.dim = image_shape, name, backbone.dim
        self._backbone = backbone
        self.register_buffer("weights_sha256", torch.zeros(32, dtype=torch.uint8))
        self.weights_sha256: Tensor

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fetch the weights, and note which they are."""
        _, digest = fetch_weights(self.name, self._backbone)
        self.weights_sha256.copy_(torch.tensor(list(bytes.fromhex(digest)), dtype=torch.uint8))
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (B, H, W) or (B, H, W, 3) -> (B, D) float32."""
        network, preprocess = load_network(self.name, self._backbone, self._digest, images.device)
        planes = images.permute(0, 3, 1, 2) if images.ndim == 4 else images[:, None].expand(-1, 3, -1, -1)  # (B, 3, H, W)
        x: Tensor = network(preprocess(planes)).flatten(1)
        return x

    def forward(self, images: Tensor) -> Tensor:
        """The embeddings (N, D), float32, from the disk if they have been computed before."""
        if len(images) < MIN_CACHED:
            return torch.cat([images.new_empty(0, self.dim, dtype=torch.float32), *self._embed(images)])
        rows = cached_rows(self._key(images), (len(images), self.dim), lambda: (x.cpu() for x in self._embed(images)))
        return rows.to(images.device)

    def quantised(self, images: Tensor) -> Tensor:
        """As `forward`."""
        return self(images)  # type: ignore[no-any-return]

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """Raise a RunError: a network's features are not sums over pixels."""
        raise RunError("backbone.no_evidence", features=self.name)

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Raise a RunError: a network is not written node by node."""
        raise RunError("backbone.no_evidence", features=self.name)

    def _embed(self, images: Tensor) -> Iterator[Tensor]:
        """The embeddings (B, D) of one batch of images after another."""
        starts = range(0, len(images), BATCH_SIZE)

        def embed(start: int) -> Tensor:
            batch = images[start : start + BATCH_SIZE]
            with torch.no_grad():  # thread-local
                x = self.transform(batch)
            release_pages(batch)
            return x

        with thread_map(images.device, len(starts)) as parallel_map:
            yield from track(parallel_map(embed, starts), "features", len(starts))

    @property
    def _digest(self) -> str:
        return bytes(self.weights_sha256.tolist()).hex()

    def _key(self, images: Tensor) -> str:
        """Of everything that decides the embeddings, to the last bit: a SHA-256 as hex."""
        libraries = [version(library) for library in ("torch", "torchvision")]
        digest = sha256(repr((self.name, self._backbone, self._digest, images.shape, images.device.type, libraries)).encode())
        update_digest(digest, images.cpu())
        return digest.hexdigest()
