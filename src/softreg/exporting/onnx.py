"""The format `onnx`: one graph from uint8 images to logits and probabilities, with the feature map inside.

Each feature map adds its own nodes (`softreg.features.feature_map.FeatureMap.logits_to_onnx`).
"""

from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from softreg.errors import RunError
from softreg.exporting.arrays import metadata
from softreg.model.softmax_regression import SoftmaxRegression

OPSET, IR = 17, 8  # of 2022: supported by every runtime still in use


class Graph:
    """The nodes and constants of a graph, each with a unique name: a `softreg.features.graph_builder.GraphBuilder`."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node; the name of its output, by default a new one."""
        name = name or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def constant(self, values: "NDArray[Any] | torch.Tensor | list[int] | float") -> str:
        """Add a constant, a tensor as it is, a list as int64, and anything else as float32; its name."""
        if isinstance(values, torch.Tensor):
            array = values.detach().cpu().contiguous().numpy()
        else:
            array = np.asarray(values, np.int64 if isinstance(values, list) else np.float32)
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def cast(self, values: str, dtype: torch.dtype) -> str:
        """Add a conversion to float32 or float64."""
        return self.node("Cast", values, to=TensorProto.DOUBLE if dtype == torch.float64 else TensorProto.FLOAT)

    def sum(self, values: str, axis: int) -> str:
        """Add a sum over `axis`, which is kept with length one."""
        return self.node("ReduceSum", values, self.constant([axis]), keepdims=1)

    def add_channel(self, images: str) -> str:
        """Add a channel axis: images (N, 28, 28) -> (N, 1, 28, 28)."""
        return self.node("Unsqueeze", images, self.constant([1]))


def to_bytes(model: SoftmaxRegression) -> bytes:
    """The bytes of an ONNX file: uint8 images (N, 28, 28), or float32 embeddings (N, D) -> logits and probabilities (N, C).

    Raises
    ------
    RunError
        If the model's feature map cannot be written as an ONNX graph.
    """
    properties = {name: str(value) for name, value in metadata(model).items()}
    return bytes(onnx_model(model, properties).SerializeToString(deterministic=True))


def onnx_model(model: SoftmaxRegression, properties: dict[str, str]) -> onnx.ModelProto:
    """The graph `images` uint8 (N, 28, 28) -> `logits` (N, C), `probabilities` (N, C), checked; `properties` become metadata."""
    graph, n_classes = Graph(), len(model.classes)
    name, kind = ("images", TensorProto.UINT8) if model.takes_images else ("embeddings", TensorProto.FLOAT)
    ink = name
    if model.takes_images:
        ink = graph.node("Mul", graph.node("Cast", name, to=TensorProto.FLOAT), graph.constant(1 / 255))  # (N, 28, 28)
    try:
        logits = model.features.logits_to_onnx(graph, ink, model.linear.weight, model.linear.bias, "logits")  # (N, C)
    except NotImplementedError:
        raise RunError("export.no_graph", features=model.features.name) from None
    graph.node("Softmax", logits, axis=1, name="probabilities")
    inputs = [helper.make_tensor_value_info(name, kind, ["N", *model.image_shape])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", n_classes]) for name in ("logits", "probabilities")]
    graph_proto = helper.make_graph(graph.nodes, "softreg", inputs, outputs, graph.constants)
    proto = helper.make_model(graph_proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="softreg")
    helper.set_model_props(proto, properties)
    onnx.checker.check_model(proto, full_check=True)
    return proto
