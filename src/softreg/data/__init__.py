"""Datasets: images and labels from files, verified before they are believed, and what is made from them.

May import `storage`, `compute` and what is below; knows no features and no models. Start at `load.load_dataset`.
"""
