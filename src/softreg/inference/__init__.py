"""What a trained model says: predictions, their evaluation and explanation, and label issues in a dataset.

May import `runs`, `model` and `imaging`. Start at `prediction.predict`.
"""
