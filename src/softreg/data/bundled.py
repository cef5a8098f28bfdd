"""The MNIST files that come with the package; their SHA-256 is checked at every reading."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from torch import Tensor

from softreg.data.dataset import Dataset, Splits
from softreg.data.folder import make_dataset
from softreg.data.idx import read_idx

FOLDER = Path(__file__).parent / "mnist"
CLASSES = tuple("0123456789")
SHA256 = {  # of the uncompressed content
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
SAMPLE_SHA256 = "ae2923755d9c043babaeef887e6f4410b19a70b23f5e91dcc8341b3bfbba3c21"


def read_mnist() -> Splits:
    """60,000 training and 10,000 test images of handwritten digits.

    Raises
    ------
    DataError
        If a file's uncompressed content does not have the SHA-256 of the original distribution.
    """
    with ThreadPoolExecutor(2) as pool:  # zlib releases the GIL: the test images are unpacked beside the training images
        test = pool.submit(read_mnist_test)
        return Splits(_part("train"), test.result())


def read_mnist_test() -> Dataset:
    """The test images alone, which takes a sixth of the time.

    Raises
    ------
    DataError
        As `read_mnist`.
    """
    return _part("t10k")


def read_mnist_sample() -> Tensor:
    """Every 200th of the training images (300, 28, 28). They have a file of their own: reading all takes a quarter of a second.

    Raises
    ------
    DataError
        As `read_mnist`.
    """
    return read_idx(FOLDER / "sample" / "images-idx3-ubyte.gz", 3, sha256=SAMPLE_SHA256)


def _part(part: str) -> Dataset:
    images, labels = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    path = FOLDER / f"{labels}.gz"
    pixels = read_idx(FOLDER / f"{images}.gz", 3, sha256=SHA256[images])  # (N, 28, 28)
    return make_dataset(pixels, read_idx(path, 1, sha256=SHA256[labels]), path, CLASSES, "mnist")
