"""Datasets: readers that check everything they read, fetching, augmentation and synthetic outliers.

May import `imaging`, `storage`, `compute` and what is below; knows no features and no models. Start at `load.load_dataset`.
"""
