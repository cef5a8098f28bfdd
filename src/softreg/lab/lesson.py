"""The code of the lesson, cell by cell: `softreg lab` shows and runs it, and the notebooks are made from it.

Each cell begins with its name after a percent sign. The text before a cell stands under that name in `messages/lesson.toml`; what a
cell prints is translated by the `code_*` entries of `messages/lab.toml`. `python -m softreg.lab.lesson` runs the code alone.

Three faults of the original lab are kept on purpose, up to the step that fixes them. No other code here may draw from the global
random generators, or the printed numbers would change.
"""
# ruff: noqa: D103, E402, PLW2901, T201 - a lesson imports where it needs, and prints; its loop reassigns X and Y as the lab does
# mypy: disable-error-code="arg-type, assignment, attr-defined, comparison-overlap, no-untyped-call, no-untyped-def, var-annotated"

# %% intro

# %% mnist
from softreg.data.load import load_dataset

mnist = load_dataset("mnist")
print(f"{len(mnist.train):,} + {len(mnist.test):,} images")

image, label = mnist.train.images[7], int(mnist.train.labels[7])
for row in image[2:26:2]:  # every second row, since letters are taller than wide
    print("".join(" .:-=+*#%@"[pixel // 26] for pixel in row.tolist()))
print("This is a", label)

# %% grid
import matplotlib.pyplot as plt

figure, axes = plt.subplots(4, 10, num="mnist", figsize=(7.5, 3.4), layout="constrained")
for digit in range(10):
    axes[0, digit].set_title(digit)
    examples = mnist.train.images[mnist.train.labels == digit][:4]
    for axis, image in zip(axes[:, digit], examples, strict=True):
        axis.imshow(image.numpy(), cmap="Greys")
        axis.axis("off")
plt.show()

# %% vector
X = mnist.train.images[:100].unsqueeze(1)
print(tuple(X.shape), "->", tuple(X.view(-1, 28 * 28).shape))

# %% torchvision
from textwrap import fill

import torch
import torchvision
from torchvision import datasets, models, transforms


def families(module):  # ResNet is one, with resnet18, resnet50, ...
    return [name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, torch.nn.Module)]


print("torchvision", torchvision.__version__)
print(fill(f"{len(datasets.__all__)} datasets: {', '.join(sorted(datasets.__all__, key=str.lower))}", 100))
print(len(models.list_models()), "models")
for task in (models, models.detection, models.segmentation, models.video):
    print(fill(f"    {task.__name__}: {', '.join(families(task))}", 100))
names = [name for name in dir(transforms) if name[0].isupper()]
print(fill(f"{len(names)} transforms: {', '.join(names)}", 100))

# %% torchtext

# %% device
USE_CUDA = torch.cuda.is_available()  # True if PyTorch finds a GPU
device = torch.device("cuda" if USE_CUDA else "cpu")
print("Training on:", device)

# %% seeds
import random

random.seed(777)
torch.manual_seed(777)
if device == "cuda":
    torch.cuda.manual_seed_all(777)

# %% parameters
training_epochs = 15
batch_size = 100

# %% data
from softreg.lab.mnist_root import fill_mnist_root

fill_mnist_root("MNIST_data/")  # nothing is left to download
mnist_train = datasets.MNIST(root="MNIST_data/", train=True, transform=transforms.ToTensor(), download=True)
mnist_test = datasets.MNIST(root="MNIST_data/", train=False, transform=transforms.ToTensor(), download=True)
x, y = mnist_train[7]
print(tuple(x.shape), x.dtype, float(x.min()), float(x.max()), y)

# %% leftover
print([len(batch) for batch in torch.arange(1000).split(128)])

# %% loader
from torch.utils.data import DataLoader

data_loader = DataLoader(dataset=mnist_train, batch_size=batch_size, shuffle=True, drop_last=True)
print(f"{len(data_loader)} batches per epoch")

# %% model
from torch import nn

linear = nn.Linear(784, 10, bias=True).to(device)
print(f"{sum(p.numel() for p in linear.parameters()):,} numbers to learn")

# %% criterion
criterion = nn.CrossEntropyLoss().to(device)
optimizer = torch.optim.SGD(linear.parameters(), lr=0.1)

# %% training
import time

costs = []
start = time.perf_counter()
for epoch in range(training_epochs):
    avg_cost = 0
    total_batch = len(data_loader)
    for X, Y in data_loader:
        X = X.view(-1, 28 * 28).to(device)  # (100, 1, 28, 28) -> (100, 784)
        Y = Y.to(device)  # (100,), each 0 to 9

        optimizer.zero_grad()
        hypothesis = linear(X)  # (100, 10)
        cost = criterion(hypothesis, Y)
        cost.backward()
        optimizer.step()

        avg_cost += cost / total_batch
    costs.append(avg_cost.item())
    print(f"Epoch: {epoch + 1:04d} cost = {avg_cost:.9f}")
lab_seconds = time.perf_counter() - start
print("Learning finished")

# %% evaluation
with torch.no_grad():
    X_test = mnist_test.data.view(-1, 28 * 28).float().to(device)  # (10000, 784)
    Y_test = mnist_test.targets.to(device)  # (10000,)
    prediction = linear(X_test)  # (10000, 10)
    correct_prediction = torch.argmax(prediction, 1) == Y_test  # (10000,)
    accuracy = correct_prediction.float().mean()
    print("Accuracy:", accuracy.item())

# %% renamed
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(torch.equal(mnist_test.test_data, mnist_test.data), torch.equal(mnist_test.test_labels, mnist_test.targets))
for warning in caught:
    print(f"{warning.category.__name__}: {warning.message}")

# %% sample
with torch.no_grad():
    r = random.randint(0, len(mnist_test) - 1)
    X_single_data = mnist_test.data[r : r + 1].view(-1, 28 * 28).float().to(device)  # (1, 784)
    Y_single_data = mnist_test.targets[r : r + 1].to(device)  # (1,)

    print("Label: ", Y_single_data.item())
    single_prediction = linear(X_single_data)  # (1, 10)
    print("Prediction: ", torch.argmax(single_prediction, 1).item())

plt.figure("sample", figsize=(3, 3))
plt.imshow(mnist_test.data[r : r + 1].view(28, 28).numpy(), cmap="Greys", interpolation="nearest")
plt.show()

# %% scale
with torch.no_grad():
    scaled = X_test / 255  # as in training
    scores = {"0 to 255": linear(X_test), "0 to 255, no bias": X_test @ linear.weight.T, "0 to 1": linear(scaled)}
    accuracies = []
    for pixels, score in scores.items():
        accuracies.append((score.argmax(1) == Y_test).float().mean().item())
        probability, answer = score[r].softmax(0).max(0)
        print(f"{pixels:18} accuracy {accuracies[-1]:.4f}, image {r} is a {answer} ({probability:.0%})")
    raw, raw_no_bias, unit = accuracies
    print(f"divided by 255: {100 * (unit - raw):+.2f} points; without b: {100 * (raw_no_bias - raw):+.2f} points")

# %% cuda
gpu = torch.device("cuda")  # a name only: works without a GPU
print(gpu == "cuda", gpu.type == "cuda")


# %% graph
def count_nodes(node):
    seen, stack = set(), [node]
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack += [function for function, _ in node.next_functions]
    return len(seen)


print(f"{count_nodes(avg_cost.grad_fn):,} steps remembered")
fixed = 0
fixed += cost.detach() / total_batch
print(f"{count_nodes(fixed.grad_fn):,} steps remembered")

# %% fast
from dataclasses import replace

from softreg.recipe import Recipe
from softreg.training.fit import fit

fast = fit(replace(Recipe.preset("tutorial"), epochs=training_epochs), mnist.train)
print("epoch  DataLoader   softreg")
for epoch, (slow, quick) in enumerate(zip(costs, fast.costs, strict=True), start=1):
    print(f"{epoch:5d}  {slow:.9f}  {quick:.9f}")
print(f"largest difference: {max(abs(slow - quick) for slow, quick in zip(costs, fast.costs, strict=True)):.1e}")
print(f"{lab_seconds:.1f} s / {fast.seconds:.2f} s: {lab_seconds / fast.seconds:.0f} times faster")

# %% templates
weight = fast.model.linear.weight.detach().cpu()  # (10, 784)
limit = float(weight.abs().max())
figure, axes = plt.subplots(2, 5, num="templates", figsize=(7.5, 3.4), layout="constrained")
for digit, axis in enumerate(axes.flat):
    heatmap = axis.imshow(weight[digit].view(28, 28).numpy(), cmap="PuOr_r", vmin=-limit, vmax=limit)
    axis.set_title(digit)
    axis.axis("off")
figure.colorbar(heatmap, ax=axes)
plt.show()

# %% farewell
