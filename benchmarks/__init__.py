"""Benchmarks: softreg beside named peers, on data made here. Run one with `python -m benchmarks.NAME`."""
