"""All that is drawn. Each function gives a matplotlib Figure; none needs a display, and none touches pyplot's global state."""

from pathlib import Path

from softreg.data.dataset import Dataset
from softreg.figures.evaluation import confusion_matrix, sample_image, worst_mistakes
from softreg.figures.house_style import save
from softreg.figures.training import class_templates, learning_curve
from softreg.inference.evaluation import Evaluation
from softreg.model.softmax_regression import SoftmaxRegression


def save_figures(
    folder: Path, model: SoftmaxRegression, costs: list[float], unit: str, evaluation: Evaluation, data: Dataset, sample: int
) -> None:
    """A run's figures: into `folder`, the evaluation being that of `data`, and `sample` the number of the image drawn by lot."""
    folder.mkdir(parents=True, exist_ok=True)
    label, prediction = (data.classes[int(which[sample])] for which in (data.labels, evaluation.predictions))
    save(confusion_matrix(evaluation), folder / "confusion.png")
    save(worst_mistakes(evaluation, data), folder / "worst-mistakes.png")
    save(sample_image(data.images[sample], label, prediction, sample), folder / "test-sample.png")
    if costs:
        save(learning_curve(costs, unit), folder / "learning-curve.png")
    if model.features.name == "pixels":  # other maps have no weight for a pixel: what they look for depends on the image
        save(class_templates(model.linear.weight.detach().cpu().view(-1, 28, 28), data.classes), folder / "class-templates.png")
