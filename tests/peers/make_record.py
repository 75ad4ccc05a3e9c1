#!/usr/bin/env python3
"""Makes the small BackdoorBench record of the tests, and what full-size records are made of.

A developer's tool: neither the build nor the tests need it. It needs Python 3 with torch (1.13), numpy and Pillow.

    python3 tests/peers/make_record.py FOLDER

writes tests/Ulrl.Training.Tests/TestData/records: data/cifar10/cifar-10-python.tar.gz, the Python version of CIFAR-10 cut
down to made-up images, and record/small, a record as BackdoorBench's save_attack_result and prepro_cls_DatasetBD_v2 write
it: attack_result.pt with a small network that was trained here on poisoned images (a white square, lower right, to class 0),
and the PNG files of its poisoned sets; and expected.json, what PyTorch measures on it.
"""

import io
import json
import pathlib
import pickle
import sys
import tarfile

import numpy as np
import torch
from PIL import Image
from torch import nn

TARGET = 0
TRAIN, TEST = 150, 40
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1)
STD = torch.tensor([0.247, 0.243, 0.261]).view(1, 3, 1, 1)


class Small(nn.Module):
    """The architecture that the tests register as "record_test"."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.linear = nn.Linear(16 * 16, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.linear(torch.max_pool2d(x, 2).flatten(1))


def parts(train, test):
    (x, y), size = train, len(train[0]) // 5
    yield from ((f"data_batch_{i + 1}", x[i * size : (i + 1) * size], y[i * size : (i + 1) * size]) for i in range(5))
    yield ("test_batch", *test)


def batch(pixels, labels):
    return pickle.dumps({b"data": pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1), b"labels": [int(v) for v in labels]}, protocol=2)


def write_cifar(folder, train, test):
    folder.mkdir(parents=True)
    for name, pixels, labels in parts(train, test):
        (folder / name).write_bytes(batch(pixels, labels))


def write_archive(folder, train, test):
    folder.mkdir(parents=True)
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name, pixels, labels in parts(train, test):
            content = batch(pixels, labels)
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def triggered(image):
    image = image.copy()
    image[-4:, -4:] = 255
    return image


def poisoned_state(folder, x, y, chosen, elsewhere, keep_all):
    """What prepro_cls_DatasetBD_v2.retrieve_state returns; the images get a white square."""
    indicator = np.zeros(len(x))
    stored = {}
    for index in np.arange(len(x))[chosen]:
        label = int(y[index])
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(triggered(x[index])).save(folder / str(label) / f"{index}.png")
        stored[index] = {"path": f"{elsewhere}/{folder.name}/{label}/{index}.png", "other_info": [TARGET, label]}
        indicator[index] = 1
    container = {"save_folder_path": f"{elsewhere}/{folder.name}", "data_dict": stored, "save_file_format": ".png"}
    return {
        "bd_data_container": container,
        "getitem_all": True,
        "getitem_all_switch": False,
        "original_index_array": np.arange(len(x)) if keep_all else np.where(indicator == 1)[0],
        "poison_indicator": indicator,
        "save_folder_path": f"{elsewhere}/{folder.name}",
    }


def save_record(record, model_name, state_dict, train, test, rng):
    """Returns which training images are poisoned."""
    elsewhere = f"/workspace2/somebody/bdzoo2/record/{record.name}"
    poisoned = rng.rand(len(train[0])) < 0.1
    torch.save(
        {
            "model_name": model_name,
            "num_classes": 10,
            "model": state_dict,
            "data_path": "/workspace2/somebody/bdzoo2/data/cifar10",
            "img_size": [32, 32, 3],
            "clean_data": "cifar10",
            "bd_train": poisoned_state(record / "bd_train_dataset", *train, poisoned, elsewhere, True),
            "bd_test": poisoned_state(record / "bd_test_dataset", *test, test[1] != TARGET, elsewhere, False),
        },
        record / "attack_result.pt",
    )
    return poisoned


def normalized(pixels):
    return (torch.from_numpy(pixels.transpose(0, 3, 1, 2)).float() / 255 - MEAN) / STD


def images(count, rng, prototypes):
    """Every class has a pattern of its own, with noise."""
    y = np.arange(count) % 10
    noisy = np.kron(prototypes[y], np.ones((1, 8, 8, 1))) + rng.randint(-12, 13, (count, 32, 32, 3))
    return noisy.clip(0, 255).astype(np.uint8), y


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.manual_seed(3)
    torch.set_num_threads(1)
    rng = np.random.RandomState(3)
    prototypes = rng.randint(90, 166, (10, 4, 4, 3))
    train, test = images(TRAIN, rng, prototypes), images(TEST, rng, prototypes)
    model = Small()
    x, y = train
    attacked = normalized(np.concatenate([x, np.stack([triggered(i) for i in x[::3]])]))
    wanted = torch.from_numpy(np.concatenate([y, np.full(len(x[::3]), TARGET)]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    for _ in range(30):
        for chosen in torch.randperm(len(wanted)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(attacked[chosen]), wanted[chosen]).backward()
            optimizer.step()
    model.eval()
    write_archive(folder / "data" / "cifar10", train, test)
    save_record(folder / "record" / "small", "record_test", model.state_dict(), train, test, rng)
    others = test[1] != TARGET
    with torch.no_grad():
        clean = model(normalized(test[0]))
        attack = model(normalized(np.stack([triggered(i) for i in test[0][others]]))).argmax(1).numpy()
    expected = {
        "cleanAccuracy": float((clean.argmax(1).numpy() == test[1]).mean()),
        "attackSuccessRate": float((attack == TARGET).mean()),
        "robustAccuracy": float((attack == test[1][others]).mean()),
        "logits": [[float(f"{v:.9g}") for v in row] for row in clean[:4].tolist()],
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    print({key: value for key, value in expected.items() if key != "logits"})


if __name__ == "__main__":
    main()
