"""What a trained model says: predictions, their evaluation and explanation, and label issues in a dataset.

May import `runs` and what is below. Start at `prediction.predict`.
"""
