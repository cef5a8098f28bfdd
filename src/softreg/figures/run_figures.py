"""The figures of a run folder."""

from pathlib import Path

from softreg.data.dataset import Dataset
from softreg.features.registry import FEATURE_MAPS
from softreg.figures.evaluation import confusion_matrix, sample_image, worst_mistakes
from softreg.figures.house_style import house_style, save
from softreg.figures.training import class_templates, learning_curve
from softreg.inference.attribution import weight_templates
from softreg.inference.evaluation import Evaluation
from softreg.messages import translate
from softreg.model.softmax_regression import SoftmaxRegression


def save_figures(
    folder: Path,
    model: SoftmaxRegression,
    costs: list[float],
    unit: str,
    evaluation: Evaluation,
    data: Dataset,
    sample: int,
    *,
    validation: bool = False,
) -> None:
    """Write a run's figures into `folder`.

    Parameters
    ----------
    costs : the cost after every step; none, no learning curve
    unit : what a step is, "epoch" or "iteration"
    evaluation : of `model` on `data`
    sample : the index of the image shown by itself
    validation : whether the images of `data` are training images held out, and no test images

    Templates are drawn only where the features are pixels: those of other feature maps depend on images (`softreg explain RUN`). Of
    embeddings there is nothing to show but the confusion and the learning curve.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if evaluation.has_confusion:
        save(confusion_matrix(evaluation), folder / "confusion.png")
    if costs:
        save(learning_curve(costs, unit), folder / "learning-curve.png")
    if model.takes_images:
        _save_images(folder, model, evaluation, data, sample, validation=validation)


def _save_images(
    folder: Path, model: SoftmaxRegression, evaluation: Evaluation, data: Dataset, sample: int, *, validation: bool
) -> None:
    """The figures that show images, which embeddings are not."""
    label, prediction = data.classes[int(data.labels[sample])], data.classes[int(evaluation.predictions[sample])]
    save(worst_mistakes(evaluation, data), folder / "worst-mistakes.png")
    with house_style():  # titles, too, are in a language that can be drawn
        title = translate("figures.validation_sample" if validation else "figures.test_sample", index=sample)
    save(sample_image(data.images[sample], label, prediction, title), folder / "test-sample.png")
    templates = weight_templates(model)
    if templates is not None:
        with house_style():
            figure = class_templates(templates, data.classes, str(FEATURE_MAPS[model.features.name].template_title))
        save(figure, folder / "class-templates.png")
