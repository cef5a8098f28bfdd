"""Arrays for tensors, and tensors for arrays. Torch and SciPy are imported only if there is a tensor."""

from typing import Any

from numpy.typing import NDArray


def as_array(x: Any) -> Any:
    """A torch tensor as a numpy array on the CPU, bfloat16 as float32, which numpy has; anything else as it is.

    A sparse one becomes a SciPy CSR array.
    """
    if type(x).__module__ != "torch":
        return x
    x = x.detach().cpu()
    if str(x.layout) != "torch.strided":
        from scipy import sparse

        x = x.to_sparse_csr()
        return sparse.csr_array((as_array(x.values()), x.col_indices().numpy(), x.crow_indices().numpy()), shape=tuple(x.shape))
    return (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()


def like(x: Any, answer: NDArray[Any]) -> Any:
    """The answer as a tensor on the device of x and, if x is floating, of its type; as it is if x is no tensor, or for names."""
    if type(x).__module__ != "torch" or answer.dtype.kind not in "biuf":
        return answer
    import torch

    return torch.from_numpy(answer).to(x.device, x.dtype if answer.dtype.kind == "f" and x.is_floating_point() else None)
