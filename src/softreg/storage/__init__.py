"""Files written whole or not at all, and named tensors in files that prove themselves.

May import `errors` and `messages`. Start at `atomic.write_bytes`.
"""
