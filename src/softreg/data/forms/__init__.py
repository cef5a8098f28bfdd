"""The forms datasets come in, one file each: IDX, class folders, CSV, NPZ, Parquet, .mat.

Start at `registry.FORMS`; `source` has what all of them return, and `softreg.data.assemble` makes datasets of it.
"""
