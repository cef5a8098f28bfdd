"""Atomic writes of files and folders, and tensor files with a checksum.

May import `errors` and `messages`. Start at `atomic.write_bytes`.
"""
