"""A person's picture becomes MNIST-like images, in steps that can be looked at.

May import `storage`, `errors` and `messages`; works on NumPy arrays and knows no models. Start at `picture.read_picture`.
"""
