"""The page's files, and its texts in one language."""

from importlib.resources import files

from softreg.features.registry import IMAGE_MAPS
from softreg.messages import Language, catalogue

SUFFIXES = (".html", ".js", ".css", ".svg")
STAGES = ("stage_upright", "stage_paper", "stage_ink", "stage_found", "stage_image", "stage_whole")
SHARED = {  # texts of what the page computes as the server does
    "pictures": ("blank", "noise", "crowded", *STAGES),
    "prediction": ("uncertain", "novel", "doubtful"),
}
TRAINED_BY = ("epochs", "batch_size", "lr", "seed")  # fields of a recipe that the page trains by


def page_files() -> dict[str, bytes]:
    """The files that a browser reads, by name."""
    folder = files(__package__) / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(SUFFIXES)}


def page_messages(language: Language) -> dict[str, str]:
    """The page's texts by key, and what each feature map is."""
    texts = {name: message[language] for name, message in catalogue("page").items()}
    shared = {name: catalogue(domain)[name][language] for domain, names in SHARED.items() for name in names}
    helps = {f"help_{name}": catalogue("recipe")[name][language] for name in TRAINED_BY}
    maps = {f"choice_{name}": f"{name}: {getattr(info.help, language)}" for name, info in IMAGE_MAPS.items()}
    return texts | shared | helps | maps
