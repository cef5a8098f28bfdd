"""The bodies of `GET /weights`: a model packed for the page, gzip'd once for all who fetch it."""

import gzip
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from softreg.errors import RunError, ServingError
from softreg.exporting.page import FAST, packed_reference, packed_weights
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.serving.models import MAX_LOADED, Models
from softreg.serving.responses import encode_json

PIECE = 2**16  # bytes sent at a time: a slow client has the time limit for each


@dataclass(frozen=True, slots=True)
class PackedModel:
    """JSON, gzip'd, and its ETag."""

    compressed: bytes
    etag: str


def pack_batch(models: Models, keys: Sequence[str]) -> list[PackedModel | Exception]:
    """The packed model for each key; the weights, and the images that keep a model what it is while it learns drawings."""
    packed: list[PackedModel | Exception] = []
    for key in keys:
        try:
            packed.append(_packed(key, models.get(key)))
        except RunError:
            packed.append(ServingError("serving.no_weights", status=404, name=key))
        except Exception as error:  # it must not fall on the others
            packed.append(error)
    return packed


@lru_cache(MAX_LOADED)
def _packed(key: str, model: SoftmaxRegression) -> PackedModel:
    content = encode_json({"schema": 1, "model": key, **packed_weights(model), "reference": packed_reference()})
    return PackedModel(gzip.compress(content, FAST, mtime=0), f'"{sha256(content).hexdigest()[:16]}"')


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """The content, `PIECE` bytes at a time."""
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]
