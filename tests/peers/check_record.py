#!/usr/bin/env python3
"""Runs `ulrl defend` on a BackdoorBench record with a full-size preactresnet18 and checks its results with PyTorch.

A developer's tool: neither the build nor the tests need it. It needs Python 3 with torch (1.13), torchvision, numpy and
Pillow, e.g. Debian's python3-torch and python3-torchvision. Nothing is downloaded.

    python3 tests/peers/check_record.py FOLDER COMMAND...

for example

    dotnet build src/Ulrl.Cli -c Release
    python3 tests/peers/check_record.py out/record-check dotnet artifacts/bin/Ulrl.Cli/release/ulrl.dll

FOLDER must not exist. It gets data/cifar10 (the Python version of CIFAR-10, cut down to made-up images), record/badnet
(attack_result.pt as BackdoorBench's save_attack_result writes it, with a state dict from data-parallel training, and the
PNG files of its poisoned sets) and configuration files. Then, in FOLDER:

    COMMAND defend --result_file badnet --yaml_path cifar10.yaml --dataset cifar10 --json

and these must hold: accuracy, attack success and robust accuracy before and after are PyTorch's; the clean samples are those
that Python's random.sample picks; defense_result.pt loads with weights_only=True into the PyTorch model, whose logits are
those of purified.onnx within 1e-4; the tables have the published columns.

    python3 tests/peers/check_record.py --convert FOLDER COMMAND...

does `COMMAND convert` with the state dict of every architecture instead and compares the logits; FOLDER is removed.
"""

import csv
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import numpy as np
import torch
from PIL import Image

from check_architectures import CASES, generate, network
from make_record import TARGET, normalized, save_record, write_cifar

TRAIN, TEST = 500, 60
COLUMNS = (
    ",epoch,batch,train_epoch_loss_avg_over_batch,train_acc,train_acc_clean_only,"
    "clean_test_loss_avg_over_batch,bd_test_loss_avg_over_batch,test_acc,test_asr,test_ra"
).split(",")
YAML = """device: cpu
dataset_path: data
dataset: cifar10
num_classes:
batch_size: 32
unlearning_epochs: 2
unlearning_lr: 0.001
clean_threshold: 0
relearn_epochs: 2
relearn_lr: 0.005
relearn_alpha: 0.7
ratio: 0.1
init: True
frequency_save: 2
made_up_key: 1
"""


def images(count, rng):
    """Pictures with some structure: blocks of colour with noise."""
    blocks = rng.randint(0, 256, (count, 4, 4, 3))
    noisy = np.kron(blocks, np.ones((1, 8, 8, 1))) + rng.randint(-20, 21, (count, 32, 32, 3))
    return noisy.clip(0, 255).astype(np.uint8), rng.randint(0, 10, count)


def make_record(folder):
    rng = np.random.RandomState(7)
    train, test = images(TRAIN, rng), images(TEST, rng)
    write_cifar(folder / "data" / "cifar10" / "cifar-10-batches-py", train, test)
    record = folder / "record" / "badnet"
    model = network("preactresnet18", 10)
    save_record(record, "preactresnet18", {f"module.{key}": value for key, value in model.state_dict().items()}, train, test, rng)
    (folder / "cifar10.yaml").write_text(YAML)
    return record, model, test


def measures(model, record, test):
    x, y = test
    poisoned = [i for i in range(TEST) if y[i] != TARGET]
    stored = np.stack([np.asarray(Image.open(record / "bd_test_dataset" / str(y[i]) / f"{i}.png")) for i in poisoned])
    with torch.no_grad():
        clean = model.eval()(normalized(x)).argmax(1).numpy()
        attacked = model(normalized(stored)).argmax(1).numpy()
    return (clean == y).mean(), (attacked == TARGET).mean(), (attacked == y[poisoned]).mean()


def logits(command, model, x, folder):
    batch, out = folder / "batch.npz", folder / "logits.npz"
    np.savez(batch, input=x.numpy().astype(np.float32), labels=np.zeros(len(x), np.int64))
    run = [*command, "gradients", str(model), "--batch", str(batch), "--mode", "eval", "--out", str(out)]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    return torch.from_numpy(np.load(out)["logits"])


def expect(what, holds):
    print(("ok    " if holds else "FAILED ") + what, flush=True)
    return holds


def check_record(folder, command):
    record, model, test = make_record(folder)
    run = subprocess.run(
        [*command, "defend", "--result_file", "badnet", "--yaml_path", "cifar10.yaml", "--dataset", "cifar10", "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    print(run.stderr)
    good = [expect("the command succeeds", run.returncode == 0)]
    if not all(good):
        return False
    good.append(expect("the unknown key is named", "made_up_key" in run.stderr))
    out = record / "defense" / "ulrl"
    result = torch.load(out / "defense_result.pt", weights_only=True)
    good.append(expect("defense_result.pt names architecture and classes", (result["model_name"], result["num_classes"]) == ("preactresnet18", 10)))
    purified = network("preactresnet18", 10)
    good.append(expect("it has the entries of PyTorch's state dict, in order", list(result["model"]) == list(purified.state_dict())))
    purified.load_state_dict(result["model"])
    document = json.loads(run.stdout)["measured"]
    for when, candidate in (("before", model), ("after", purified)):
        theirs = [float(v) for v in measures(candidate, record, test)]
        ours = [document[when][key] for key in ("cleanAccuracy", "attackSuccessRate", "robustAccuracy")]
        good.append(expect(f"measures {when}: {ours}, PyTorch {theirs}", np.allclose(ours, theirs, atol=1e-9)))
    x = normalized(test[0])
    with torch.no_grad():
        expected = purified.eval()(x)
    error = (logits(command, out / "purified.onnx", x, folder) - expected).abs().max().item()
    good.append(expect(f"logits of purified.onnx and PyTorch differ by {error:.1e} at most", error < 1e-4))
    moved = max((a - b).abs().max().item() for a, b in zip(purified.state_dict().values(), model.state_dict().values()))
    good.append(expect(f"weights moved by up to {moved:.2g}", moved > 1e-3))
    random.seed(0)
    index = [int(line) for line in (out / "index.txt").read_text().split()]
    good.append(expect("index.txt holds the samples that Python picks", index == random.sample(range(TRAIN), int(TRAIN * 0.1))))
    for phase in ("unlearn", "relearn"):
        with open(out / f"{phase}_df.csv", newline="") as file:
            rows = list(csv.reader(file))
        good.append(expect(f"{phase}_df.csv has the published columns and 2 epochs", rows[0] == COLUMNS and len(rows) == 3))
        with open(out / f"{phase}_df_summary.csv", newline="") as file:
            rows = list(csv.reader(file))
        good.append(expect(f"{phase}_df_summary.csv", rows[0] == COLUMNS and [r[0] for r in rows[1:]] == ["last", "valid_max", "exist_nan_value"]))
        saved = torch.load(out / f"{phase}_epoch_2.pt", weights_only=True)
        good.append(expect(f"{phase}_epoch_2.pt is a state dict", list(saved) == list(purified.state_dict())))
        for plot in ("loss_metric_plots", "acc_like_metric_plots"):
            good.append(expect(f"{phase}_{plot}.png", Image.open(out / f"{phase}_{plot}.png").size == (1280, 960)))
    good.append(expect("a log", len(list(out.glob("20*.log"))) == 1))
    good.append(expect("nothing is left over", not [p for p in (record / "defense").iterdir() if p.name != "ulrl"]))
    return all(good)


def check_conversion(folder, command):
    folder.mkdir(parents=True)
    good = []
    for name, (_, classes, shape) in CASES.items():
        model = network(name, classes)
        torch.save(model.state_dict(), folder / "given.pt")
        run = [*command, "convert", str(folder / "given.pt"), "--arch", name, "--classes", str(classes)]
        run += ["--input-shape", ",".join(map(str, shape[1:])), "--out", str(folder / "model.onnx"), "--force"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        x = generate("input", shape)
        with torch.no_grad():
            expected = model(x)
        largest = expected.abs().max()
        error = ((logits(command, folder / "model.onnx", x, folder) - expected).abs().max() / largest).item()
        good.append(expect(f"{name}: logits differ by {error:.1e} of the largest, {largest:.3g}", error < 1e-4))
    return all(good)


def main():
    convert = sys.argv[1] == "--convert"
    folder, *command = sys.argv[2:] if convert else sys.argv[1:]
    folder = pathlib.Path(folder).resolve()
    if folder.exists():
        sys.exit(f"{folder} exists; name a folder that does not")
    command = [os.path.abspath(part) if os.path.exists(part) else part for part in command]
    torch.set_num_threads(1)
    try:
        good = check_conversion(folder, command) if convert else check_record(folder, command)
    finally:
        if convert:
            shutil.rmtree(folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
