"""Model files: what is written is read back; anything else is refused with RunError."""

import json
import struct
from pathlib import Path
from unicodedata import bidirectional, category

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from softreg.errors import RunError
from softreg.features.feature_map import FeatureMap
from softreg.features.registry import IMAGE_MAPS, make_feature_map
from softreg.messages import LANGUAGES, Language, use_language
from softreg.model.detectors import make_detector
from softreg.model.out_of_distribution import OODDetector
from softreg.model.serialization import MAX_BUFFER, MAX_WEIGHT, load_model, save_model
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.storage.tensors import dumps

OVERRIDES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # of the writing direction
CONTROLS = {"Cc", "Zl", "Zp"}  # and the separators of lines and paragraphs


@pytest.fixture
def model() -> SoftmaxRegression:
    model = SoftmaxRegression(make_feature_map("pixels"), ("no", "yes"))
    model.set_theta(torch.randn(2, 785, generator=torch.Generator().manual_seed(1)))
    return model


@pytest.fixture
def path(tmp_path: Path, model: SoftmaxRegression) -> Path:
    save_model(model, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_a_model_is_read_back_as_it_was(path: Path, model: SoftmaxRegression) -> None:
    again = load_model(path)
    assert again.classes == ("no", "yes")
    assert not again.training
    assert torch.equal(again.linear.weight, model.linear.weight)
    assert torch.equal(again.linear.bias, model.linear.bias)


def test_the_file_is_plain_safetensors(path: Path, model: SoftmaxRegression) -> None:
    tensors = load_file(path)
    assert torch.equal(tensors["linear.weight"], model.linear.weight)


def test_the_same_model_gives_the_same_bytes(path: Path, model: SoftmaxRegression) -> None:
    before = path.read_bytes()
    save_model(model, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def refused(path: Path) -> str:
    with pytest.raises(RunError) as caught:
        load_model(path)
    assert not any(category(c) in CONTROLS for c in str(caught.value))
    assert str(path) in str(caught.value)
    return caught.value.key


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "runs.no_model"


def test_every_truncation_of_the_header_and_many_of_the_rest_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in [*range(600), *range(600, len(whole), 97)]:
        path.write_bytes(whole[:length])
        refused(path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_is_refused(path: Path, model: SoftmaxRegression, data: st.DataObject) -> None:
    save_model(model, path)
    damaged = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(damaged) * 8 - 1))
    damaged[place // 8] ^= 1 << place % 8
    path.write_bytes(damaged)
    refused(path)


def test_numbers_that_are_not_finite_are_refused(path: Path, model: SoftmaxRegression) -> None:
    with torch.no_grad():
        model.linear.weight[0, 0] = float("nan")
    save_model(model, path)
    with pytest.raises(RunError, match="finite"):
        load_model(path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "2"},
        {"classes": '["0"]'},
        {"classes": '"01"'},
        {"classes": "[0, 1]"},
        {"classes": "["},
        {"features": "anything"},
        {"sha256": "0" * 64},
        {"more": "of it"},
    ],
)
def test_other_metadata_is_refused(path: Path, change: dict[str, str]) -> None:
    raw = path.read_bytes()
    end = 8 + struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:end])
    header["__metadata__"] |= change
    changed = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    changed += b" " * (-len(changed) % 8)
    path.write_bytes(struct.pack("<Q", len(changed)) + changed + raw[end:])
    load_file(path)  # as a safetensors file it is whole
    refused(path)


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(2**33)  # sparse: takes no disk
    assert refused(huge) == "runs.model_too_large"


def test_pickle_is_refused(tmp_path: Path) -> None:
    torch.save({"linear.weight": torch.zeros(2, 784)}, tmp_path / "model.pt")
    refused(tmp_path / "model.pt")


GREY = {"format": "1", "classes": '["no", "yes"]', "features": "pixels"}


@pytest.mark.parametrize(
    ("shape", "metadata", "wrong"),
    [
        ((28, 28), {"format": "2\n3"}, "format"),
        ((28, 28), {"classes": '["no"]'}, "classes"),
        ((28, 28), {"classes": '"no"'}, "classes"),
        ((28, 28), {"classes": '["no", 1]'}, "classes"),
        ((28, 28), {"classes": '["no",  "yes"]'}, "classes"),
        ((28, 28), {"classes": '["no", "\\u0079es"]'}, "classes"),
        ((28, 28), {"classes": '["no", "yes", "more"]'}, "tensors"),
        ((28, 28), {"features": "anything"}, "features"),
        ((28, 28), {"image_shape": "[28, 28]"}, "image_shape"),  # as it is without
        ((12, 10), {"image_shape": "[12,10]"}, "image_shape"),  # as softreg does not write it
        ((12, 10), {"image_shape": "[12, 10.0]"}, "image_shape"),
        ((12, 10), {"image_shape": "12"}, "image_shape"),
        ((12, 10), {"image_shape": "[2, 60]"}, "image_shape"),
        ((12, 10), {"image_shape": "[12, 10, 4]"}, "image_shape"),
        ((12, 10), {"image_shape": "[12, 10, 3, 1]"}, "image_shape"),
        ((12, 10), {"image_shape": "[120]"}, "image_shape"),  # embeddings, which no map of images takes
        ((12, 10), {"image_shape": "[12, 10]", "pictures": "whole"}, "pictures"),
        ((28, 28), {"pictures": "half"}, "pictures"),
        ((28, 28), {"pictures": "whole", "ground": "grey"}, "ground"),
        ((28, 28), {"ground": "dark"}, "ground"),  # digits on paper have no other
    ],
)
def test_metadata_that_prove_themselves_and_are_wrong_all_the_same(
    tmp_path: Path, shape: tuple[int, int], metadata: dict[str, str], wrong: str
) -> None:
    tensors = {"linear.weight": torch.zeros(2, shape[0] * shape[1]), "linear.bias": torch.zeros(2)}
    good = GREY if shape == (28, 28) else GREY | {"image_shape": "[12, 10]"}
    (tmp_path / "good").write_bytes(dumps(tensors, good)[0])
    assert load_model(tmp_path / "good").image_shape == shape
    (tmp_path / "wrong").write_bytes(dumps(tensors, good | metadata)[0])
    assert refused(tmp_path / "wrong") == "runs.model_damaged"
    with pytest.raises(RunError, match=rf"\b{wrong}\b"):
        load_model(tmp_path / "wrong")


@pytest.mark.parametrize("ground", ["dark", "light", None])
@pytest.mark.parametrize("shape", [(28, 28), (12, 10), (9, 9, 3)])
def test_how_a_model_reads_a_picture_is_read_back(tmp_path: Path, shape: tuple[int, ...], ground: str | None) -> None:
    model = SoftmaxRegression(make_feature_map("pixels", shape), ("no", "yes"))
    model.set_theta(torch.zeros(2, model.features.dim + 1))
    model.whole_pictures, model.ground = True, ground
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert (again.image_shape, again.whole_pictures, again.ground) == (shape, True, ground)


def write(path: Path, model: SoftmaxRegression, classes: list[str]) -> None:
    metadata = GREY | {"classes": json.dumps(classes, ensure_ascii=False)}
    path.write_bytes(dumps(dict(model.named_tensors()), metadata)[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_equal_class_names_are_refused_by_name(path: Path, model: SoftmaxRegression, language: Language) -> None:
    write(path, model, ["seven", "seven"])
    use_language(language)
    assert refused(path) == "runs.class_repeated"
    with pytest.raises(RunError, match="'seven'"):
        load_model(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2))
def test_any_class_names_are_read_as_they_are_or_refused_with_a_harmless_line(
    path: Path, model: SoftmaxRegression, names: list[str]
) -> None:
    write(path, model, names)
    letters = "".join(names)
    if names[0] == names[1] or any(category(c) in CONTROLS or bidirectional(c) in OVERRIDES for c in letters):
        refused(path)
    else:
        assert load_model(path).classes == tuple(names)


@pytest.mark.parametrize("name", ["\x1b]0;title\x07\x1b[2J", "\x9b31m", "two\nlines", "\u202eright to left", "\x7f", "nul\0"])
def test_class_names_with_control_characters_are_refused(path: Path, model: SoftmaxRegression, name: str) -> None:
    write(path, model, ["no", name])
    assert refused(path) == "runs.class_controls"


def test_class_names_of_all_scripts_are_read(path: Path, model: SoftmaxRegression) -> None:
    for names in (["아니요", "예"], ["می\u200cخواهم", "خیر"], ["👩\u200d🔬", "$\\frac{x"]):
        write(path, model, names)
        assert load_model(path).classes == tuple(names)


@pytest.mark.parametrize("name", ["weight", "bias"])
@pytest.mark.parametrize("large", [3.4e38, -3.4e38, 1.1e15])
def test_weights_that_might_overflow_are_refused(path: Path, model: SoftmaxRegression, name: str, large: float) -> None:
    with torch.no_grad():
        getattr(model.linear, name)[0] = large
    save_model(model, path)
    assert refused(path) == "runs.weights_too_large"


def test_with_the_largest_numbers_allowed_logits_are_finite(tmp_path: Path) -> None:
    for features in IMAGE_MAPS:
        model = SoftmaxRegression(make_feature_map(features), ("no", "yes"))
        with torch.no_grad():
            for tensor in (tensor for name, tensor in model.named_tensors() if not name.startswith("linear.")):
                tensor.fill_(MAX_BUFFER if tensor.is_floating_point() else torch.iinfo(tensor.dtype).max)
            for parameter in model.linear.parameters():
                parameter.fill_(MAX_WEIGHT)
        save_model(model, tmp_path / "model")
        images = torch.randint(256, (3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        assert load_model(tmp_path / "model").logits(images).isfinite().all()


def test_a_file_that_claims_more_than_it_holds_is_refused_before_memory_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(features: FeatureMap, classes: int) -> OODDetector:
        detector = make_detector(features, classes)
        assert detector.bias.is_meta
        return detector

    monkeypatch.setattr("softreg.model.serialization.make_detector", asked)
    classes = json.dumps([str(number) for number in range(10_000)])
    for tensors in ({"novelty.root": torch.zeros(10_000, 0, 0)}, {"novelty.mean": torch.zeros(10_000, 128)}):
        raw, _ = dumps(tensors, {"format": "1", "classes": classes, "features": "pixels"})
        (tmp_path / "model").write_bytes(raw)
        assert refused(tmp_path / "model") == "runs.model_damaged"
