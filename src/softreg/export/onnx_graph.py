"""A model as an ONNX graph: uint8 images in, logits and probabilities out, the features inside.

Shifting a row by linear interpolation is written as a product with a matrix of hats, out[x] = sum_x' max(0, 1 - |x + by - x'|)
I[x'], which needs neither floor nor gather and is the same but for rounding; the wavelets and patches are convolutions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from softreg.errors import RunError
from softreg.features.combined import Combined
from softreg.features.deskew import CENTRE, STEEPEST, Deskew
from softreg.features.feature_map import FeatureMap
from softreg.features.patches import CONTRAST, SIZE, STRIDE, Patches
from softreg.features.pixels import Pixels
from softreg.features.pooled import Pooled
from softreg.features.scattering import ANGLES, SIZES, Scattering, morlet
from softreg.model.softmax_regression import SoftmaxRegression

OPSET, IR = 17, 8  # of 2022: read by every runtime still in use


class Graph:
    """Nodes and constants, each with a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node; the name of what it gives."""
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values: "NDArray[Any] | torch.Tensor | list[int] | float") -> str:
        """Numbers: tensors as they are, lists as int64, a single one as float32."""
        if isinstance(values, torch.Tensor):
            values = values.detach().cpu().numpy()
        array = np.asarray(values, np.int64 if isinstance(values, list) else np.float32)
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def sum(self, values: str, axis: int) -> str:
        """The sum over one axis, which stays."""
        return self.op("ReduceSum", values, self.constant([axis]), keepdims=1)

    def channel(self, images: str) -> str:
        """Images (N, 28, 28) -> (N, 1, 28, 28)."""
        return self.op("Unsqueeze", images, self.constant([1]))


def onnx_graph(model: SoftmaxRegression, metadata: dict[str, str]) -> onnx.ModelProto:
    """The graph `images` uint8 (N, 28, 28) -> `logits` (N, C), `probabilities` (N, C).

    Raises
    ------
    RunError
        If the model's features have no ONNX graph.
    """
    build = GRAPHS.get(type(model.features))
    if build is None:
        raise RunError("export.no_graph", features=model.features.name)
    graph, classes = Graph(), len(model.classes)
    ink = graph.op("Mul", graph.op("Cast", "images", to=TensorProto.FLOAT), graph.constant(1 / 255))  # (N, 28, 28)
    x = build(graph, ink, model.features)  # (N, D)
    weight, bias = graph.constant(model.linear.weight), graph.constant(model.linear.bias)
    logits = graph.op("Gemm", x, weight, bias, transB=1, name="logits")  # (N, C)
    graph.op("Softmax", logits, axis=1, name="probabilities")
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 28, 28])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", classes]) for name in ("logits", "probabilities")]
    made = helper.make_graph(graph.nodes, "softreg", inputs, outputs, graph.constants)
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="softreg")
    helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _pixels(graph: Graph, ink: str, features: FeatureMap) -> str:
    return graph.op("Flatten", ink, axis=1)


def _deskew(graph: Graph, ink: str, features: FeatureMap) -> str:
    return graph.op("Flatten", _upright(graph, ink), axis=1)


def _upright(graph: Graph, ink: str) -> str:
    """`softreg.features.deskew.deskew`: ink (N, 28, 28) -> (N, 28, 28)."""
    pixel, offset = np.arange(28, dtype=np.float32)[:, None], graph.constant(CENTRE)  # (28, 1)
    position, y = graph.constant(pixel), graph.constant(pixel - CENTRE)
    turned = graph.op("Transpose", ink, perm=[0, 2, 1])
    down = graph.op("Sub", _centre(graph, graph.sum(turned, 1), position), offset)  # (N, 1, 1)
    ink = graph.op("Transpose", _shift(graph, turned, down), perm=[0, 2, 1])
    rows, mass = graph.sum(ink, 2), graph.sum(ink, 1)  # (N, 28, 1), (N, 1, 28)
    firsts = graph.op("MatMul", ink, position)  # (N, 28, 1)
    centre = _centre(graph, mass, position)  # (N, 1, 1)
    centred = graph.op("Sub", firsts, graph.op("Mul", centre, rows))
    mu_11 = graph.sum(graph.op("Mul", centred, y), 1)
    mu_02 = graph.sum(graph.op("Mul", rows, graph.op("Mul", y, y)), 1)  # (N, 1, 1)
    slant = graph.op("Div", mu_11, graph.op("Max", mu_02, graph.constant(1e-6)))
    slant = graph.op("Clip", slant, graph.constant(-STEEPEST), graph.constant(STEEPEST))
    across = graph.op("Add", graph.op("Sub", centre, offset), graph.op("Mul", slant, y))  # (N, 28, 1)
    return _shift(graph, ink, across)


def _centre(graph: Graph, mass: str, position: str) -> str:
    """The mean position (N, 1, 1) of masses (N, 1, 28); the middle where there is no mass."""
    total = graph.sum(mass, 2)
    mean = graph.op("Div", graph.op("MatMul", mass, position), graph.op("Max", total, graph.constant(1e-6)))
    return graph.op("Where", graph.op("Greater", total, graph.constant(0.0)), mean, graph.constant(CENTRE))


def _shift(graph: Graph, ink: str, by: str) -> str:
    """out[n, y, x] = ink[n, y, x + by[n, y]], linearly interpolated; ink (N, 28, 28), by (N, 28 or 1, 1)."""
    pixel = np.arange(28, dtype=np.float32)
    by = graph.op("Unsqueeze", by, graph.constant([3]))  # (N, R, 1, 1)
    away = graph.op("Add", by, graph.constant(pixel[None, :] - pixel[:, None]))  # (N, R, 28, 28), x + by - x'
    hats = graph.op("Relu", graph.op("Sub", graph.constant(1.0), graph.op("Abs", away)))
    rows = graph.op("Unsqueeze", ink, graph.constant([2]))  # (N, 28, 1, 28)
    return graph.op("Squeeze", graph.op("MatMul", rows, hats), graph.constant([2]))


def _patches(graph: Graph, ink: str, features: FeatureMap) -> str:
    """`softreg.features.patches`: the patches are cut by a convolution with the 49 unit kernels."""
    assert isinstance(features, Patches)
    image = graph.channel(_upright(graph, ink))
    units = graph.constant(np.eye(SIZE**2, dtype=np.float32).reshape(-1, 1, SIZE, SIZE))
    p = graph.op("Conv", image, units, pads=[SIZE // 2] * 4, strides=[STRIDE] * 2)  # (N, 49, 14, 14)
    share = graph.constant(1 / SIZE**2)
    p = graph.op("Sub", p, graph.op("Mul", graph.sum(p, 1), share))
    variance = graph.op("Mul", graph.sum(graph.op("Mul", p, p), 1), share)
    n = graph.op("Div", p, graph.op("Sqrt", graph.op("Add", variance, graph.constant(CONTRAST))))
    filters = graph.constant(features.filters.T[:, :, None, None])  # (F, 49, 1, 1)
    response = graph.op("Conv", n, filters, graph.constant(features.offset))
    both = graph.op("Relu", graph.op("Concat", response, graph.op("Neg", response), axis=1))  # (N, 2F, 14, 14)
    return _standard(graph, [_pool(graph, both, features.windows)], features)


def _scattering(graph: Graph, ink: str, features: FeatureMap) -> str:
    """`softreg.features.scattering`."""
    assert isinstance(features, Scattering)
    image = graph.channel(_upright(graph, ink))
    first = _modulus(graph, image, 0, 1)  # (N, A, 28, 28)
    second = _modulus(graph, image, 1, 2)  # (N, A, 14, 14)
    both = _modulus(graph, first, 1, 2, maps=ANGLES)  # (N, A^2, 14, 14)
    fine, coarse = features.fine, features.coarse
    pooled = [_pool(graph, u, g) for u, g in ((image, fine), (first, fine), (second, coarse), (both, coarse))]
    return _standard(graph, pooled, features)


def _modulus(graph: Graph, image: str, scale: int, stride: int, maps: int = 1) -> str:
    """|image * psi| at all angles, for each of `maps` maps: (N, maps, 28, 28) -> (N, maps A, 28 / stride, 28 / stride)."""
    size = SIZES[scale]
    bank = torch.stack([morlet(size, scale, np.pi * a / ANGLES) for a in range(ANGLES)])[:, None]  # (A, 1, size, size)
    banks = [graph.constant(part.float().repeat(maps, 1, 1, 1)) for part in (bank.real, bank.imag)]
    waves = [graph.op("Conv", image, each, group=maps, pads=[size // 2] * 4, strides=[stride] * 2) for each in banks]
    return graph.op("Sqrt", graph.op("Add", *[graph.op("Mul", wave, wave) for wave in waves]))


def _pool(graph: Graph, u: str, g: torch.Tensor) -> str:
    """Activations (N, C, H, W) in windows (H, K) -> (N, C K K)."""
    cells = graph.op("MatMul", graph.constant(g.T), graph.op("MatMul", u, graph.constant(g)))
    return graph.op("Flatten", cells, axis=1)


def _standard(graph: Graph, pooled: list[str], features: Pooled) -> str:
    """The square roots, standardised: (N, D)."""
    together = graph.op("Concat", *pooled, axis=1)
    root = graph.op("Sqrt", graph.op("Relu", together))
    return graph.op("Mul", graph.op("Sub", root, graph.constant(features.mean)), graph.constant(features.scale))


def _both(graph: Graph, ink: str, features: FeatureMap) -> str:
    assert isinstance(features, Combined)
    return graph.op("Concat", _scattering(graph, ink, features.scattering), _patches(graph, ink, features.patches), axis=1)


GRAPHS: dict[type[FeatureMap], Callable[[Graph, str, Any], str]] = {
    Pixels: _pixels,
    Deskew: _deskew,
    Patches: _patches,
    Scattering: _scattering,
    Combined: _both,
}
