#!/usr/bin/env python3
"""Writes what PyTorch computes with every architecture, for the tests to compare with.

A developer's tool: neither the build nor the tests need it. It needs Python 3 with
torch (1.13), torchvision (0.14) and numpy, e.g. Debian's python3-torch and
python3-torchvision. Nothing is downloaded.

    python3 tests/peers/check_architectures.py OUT.json [names]

writes tests/Ulrl.Training.Tests/TestData/architectures/logits.json, which says per case:
the architecture, its number of classes, the gain, the shape of the input batch, the names
and shapes of PyTorch's state dict as one SHA-256 (so that a name that differs is seen), and
the logits in evaluation mode, computed in float64.

    python3 tests/peers/check_architectures.py --state-dict NAME CLASSES OUT.pt

saves the state dict of one architecture with the same generated weights. `names` are shell
patterns of architectures; without them all are written.

Neither weights nor inputs are stored: both sides generate them. Value i of the tensor NAME is

    u = (mix(fnv1a(NAME) + i * 0x9E3779B97F4A7C15) >> 40) / 2^23 - 1        in [-1, 1)

where fnv1a is the 64-bit FNV-1a hash of the UTF-8 name and mix the finaliser of splitmix64
(all modulo 2^64). It is scaled in double precision, then rounded to float32; the gain is 1
but for networks whose gates would let too little of the input through to the logits:

    the input (named "input")                              u
    *.running_var                                          1 + u / 2
    *.running_mean                                         u * 0.1
    *weight of two or more dimensions [out, in, ...]       u * gain * sqrt(6 / (in * ...))
    *weight of one dimension (normalisation)               1 + u / 4
    *bias                                                  u * 0.1
    anything else (tokens, position embedding, scales)     u / 2

The pre-activation ResNets are not in torchvision; they are defined below after He et al.
2016, Identity Mappings in Deep Residual Networks, with the state-dict names of the CIFAR
networks that BackdoorBench trains.
"""

import fnmatch
import hashlib
import json
import math
import sys

import numpy as np
import torch
import torchvision
from torch import nn


class PreActivation(nn.Module):
    """A pre-activation unit: batch-norm and ReLU in front of every convolution."""

    def __init__(self, channels, convolutions):
        super().__init__()
        out = convolutions[-1][0]
        stride = max(s for _, _, s in convolutions)
        self.depth = len(convolutions)
        inner = channels
        for i, (width, kernel, step) in enumerate(convolutions, 1):
            setattr(self, f"bn{i}", nn.BatchNorm2d(inner))
            setattr(self, f"conv{i}", nn.Conv2d(inner, width, kernel, step, kernel // 2, bias=False))
            inner = width
        self.shortcut = None
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False))

    def forward(self, x):
        identity = x
        for i in range(1, self.depth + 1):
            x = torch.relu(getattr(self, f"bn{i}")(x))
            if i == 1 and self.shortcut is not None:
                identity = self.shortcut(x)
            x = getattr(self, f"conv{i}")(x)
        return x + identity


class PreActivationResNet(nn.Module):
    def __init__(self, depths, bottleneck, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        channels = 64
        for stage, depth in enumerate(depths):
            width = 64 << stage
            units = []
            for unit in range(depth):
                stride = 2 if stage > 0 and unit == 0 else 1
                if bottleneck:
                    convolutions = [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
                else:
                    convolutions = [(width, 3, stride), (width, 3, 1)]
                units.append(PreActivation(channels, convolutions))
                channels = convolutions[-1][0]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*units))
        self.linear = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.conv1(x)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.linear(x.mean((2, 3)))


def vision_transformer(classes):
    """As BackdoorBench builds it: an image of any size is resized first, so that the names start with "1."."""
    network = torchvision.models.vit_b_16(weights=None)
    network.heads.head = nn.Linear(network.heads.head.in_features, classes)
    return nn.Sequential(torchvision.transforms.Resize((224, 224)), network)


def named(name):
    return lambda classes: getattr(torchvision.models, name)(weights=None, num_classes=classes)


GAINS = {"efficientnet_b3": 1.05}

# name: network of so many classes, number of classes, input batch
CASES = {
    "preactresnet18": (lambda n: PreActivationResNet([2, 2, 2, 2], False, n), 10, (2, 3, 32, 32)),
    "preactresnet34": (lambda n: PreActivationResNet([3, 4, 6, 3], False, n), 43, (1, 3, 32, 40)),
    "preactresnet50": (lambda n: PreActivationResNet([3, 4, 6, 3], True, n), 10, (1, 3, 32, 32)),
    "resnet18": (named("resnet18"), 10, (2, 3, 32, 32)),
    "resnet34": (named("resnet34"), 100, (2, 3, 64, 81)),
    "resnet50": (named("resnet50"), 10, (2, 3, 75, 64)),
    "vgg19_bn": (named("vgg19_bn"), 10, (1, 3, 64, 96)),
    "vit_b_16": (vision_transformer, 10, (1, 3, 32, 48)),
    "efficientnet_b3": (named("efficientnet_b3"), 10, (2, 3, 64, 81)),
    "mobilenet_v3_large": (named("mobilenet_v3_large"), 10, (2, 3, 64, 81)),
    "densenet161": (named("densenet161"), 10, (1, 3, 64, 81)),
    "convnext_tiny": (named("convnext_tiny"), 10, (2, 3, 64, 97)),
}

MASK = (1 << 64) - 1


def fnv1a(name):
    state = 0xCBF29CE484222325
    for byte in name.encode("utf-8"):
        state = ((state ^ byte) * 0x100000001B3) & MASK
    return state


def uniform(name, count):
    values = np.empty(count, np.float64)
    for start in range(0, count, 1 << 22):
        end = min(count, start + (1 << 22))
        z = np.uint64(fnv1a(name)) + np.arange(start, end, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        values[start:end] = (z >> np.uint64(40)).astype(np.float64) / 2.0**23 - 1.0
    return values


def generate(name, shape, gain=1.0):
    u = uniform(name, math.prod(shape))
    if name == "input":
        pass
    elif name.endswith(".running_var"):
        u = 1.0 + u / 2
    elif name.endswith(".running_mean"):
        u = u * 0.1
    elif name.endswith("weight"):
        u = u * (gain * math.sqrt(6.0 / math.prod(shape[1:]))) if len(shape) > 1 else 1.0 + u / 4
    elif name.endswith("bias"):
        u = u * 0.1
    else:
        u = u / 2
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def network(name, classes):
    model = CASES[name][0](classes).eval()
    state = model.state_dict()
    for key, tensor in state.items():
        if not key.endswith("num_batches_tracked"):
            # The transformer's names are those of torchvision here, without "1.".
            own = key[2:] if name == "vit_b_16" else key
            tensor.copy_(generate(own, tuple(tensor.shape), GAINS.get(name, 1.0)))
    return model


def entries(model):
    lines = sorted(
        f"{key} {','.join(map(str, tensor.shape))}\n"
        for key, tensor in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    )
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def case(name):
    _, classes, shape = CASES[name]
    model = network(name, classes)
    x = generate("input", shape)
    with torch.no_grad():
        single = model(x)
        double = model.double()(x.double())
    error = (single - double).abs().max() / double.abs().max()
    print(f"{name}: largest logit {double.abs().max():.4g}, float32 off by {error:.1e}", flush=True)
    return {
        "architecture": name,
        "classes": classes,
        "gain": GAINS.get(name, 1.0),
        "input": list(shape),
        "entries": entries(model),
        "logits": [[float(f"{v:.9g}") for v in row] for row in double.tolist()],
    }


def main():
    if sys.argv[1] == "--state-dict":
        name, classes, path = sys.argv[2:]
        torch.save(network(name, int(classes)).state_dict(), path)
        return
    patterns = sys.argv[2:] or ["*"]
    cases = [case(name) for name in CASES if any(fnmatch.fnmatch(name, p) for p in patterns)]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
