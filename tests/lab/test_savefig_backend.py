"""Figures that the lesson shows are saved under their names."""

from pathlib import Path

from matplotlib import pyplot

from softreg.lab.savefig_backend import capture_figures


def test_figures_shown_are_saved_and_those_of_others_left_alone(tmp_path: Path) -> None:
    pyplot.figure("mine")
    saved: list[Path] = []
    with capture_figures(tmp_path / "figures", saved.append):
        pyplot.figure("shown")
        pyplot.show()
        pyplot.figure("never shown")
    assert pyplot.get_figlabels() == ["mine"]
    assert saved == list((tmp_path / "figures").iterdir()) == [tmp_path / "figures" / "shown.png"]
    pyplot.close("mine")
