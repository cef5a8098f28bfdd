"""Models packed for the page: each once, whole, in pieces; those it cannot compute are refused."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest
import torch

from softreg.errors import ServingError
from softreg.features.registry import make_feature_map
from softreg.model.serialization import save_model
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.run import MODEL, Run
from softreg.serving.models import Models
from softreg.serving.weights import PIECE, PackedModel, pack_batch, pieces


def test_a_model_is_packed_once_for_all_who_fetch_it() -> None:
    models = Models()
    first, again, other = pack_batch(models, ["tutorial", "tutorial", "handwriting"])
    assert isinstance(first, PackedModel)
    assert isinstance(other, PackedModel)
    assert first is again
    assert pack_batch(models, ["tutorial"])[0] is first
    assert first.etag != other.etag
    content = json.loads(gzip.decompress(other.compressed))
    assert (content["model"], content["features"], content["detector"] is None) == ("handwriting", "compact_kernel", False)


def test_what_cannot_be_packed_is_refused_and_the_others_are_not(tutorial_run: Run, tmp_path: Path) -> None:
    models = Models()
    unknown, packed = pack_batch(models, ["nobody", "tutorial"])
    assert isinstance(unknown, ServingError)
    assert unknown.status == 404
    assert isinstance(packed, PackedModel)
    run = tmp_path / "eight"
    run.mkdir()
    for file in tutorial_run.path.iterdir():
        if file.is_file():
            (run / file.name).write_bytes(file.read_bytes())
    model = SoftmaxRegression(make_feature_map("deskew", (8, 8)), tuple("0123456789"))
    model.set_theta(torch.zeros(10, model.features.dim + 1))
    save_model(model, run / MODEL)
    (refused,) = pack_batch(models, [models.add(Run(run))])
    assert isinstance(refused, ServingError)
    assert (refused.key, refused.status) == ("serving.no_weights", 404)


@pytest.mark.parametrize("length", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
def test_pieces_are_whole_together(length: int) -> None:
    content = bytes(n % 251 for n in range(length))

    async def sent() -> list[bytes]:
        return [piece async for piece in pieces(content)]

    found = asyncio.run(sent())
    assert b"".join(found) == content
    assert all(0 < len(piece) <= PIECE for piece in found)
