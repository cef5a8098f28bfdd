"""The feature map `compact_kernel`: `invariant_kernel` on 160 axes, in a file that is a quarter smaller."""

from softreg.features.invariant_kernel import InvariantKernel


class CompactKernel(InvariantKernel):
    """`invariant_kernel` with U (D', 160)."""

    name = "compact_kernel"
    projected_dim = 160
