#!/usr/bin/env python3
"""Traces networks with torch.jit.trace and writes what PyTorch computes with them.

A developer's tool: neither the build nor the tests need it. It needs Python 3 with torch
(1.13 or newer), torchvision (0.14 or newer) and numpy. Nothing is downloaded.

    python3 tests/peers/make_torchscript.py FOLDER [--full]

writes NAME.pt and NAME.npz (an input of two samples and the logits in evaluation mode) for
small networks of the usual families into FOLDER; tests/Ulrl.Training.Tests/TestData/torchscript
holds them. With --full torchvision's own networks, 10 classes and images of 64x64 (Inception
299x299), are written instead: put into the same folder, they are tested like the others.

Without --full two files that are to be refused come along: scripted.pt, whose forward pass
branches, and view.pt, which reads a tensor after a view of it was changed in place.
"""

import os
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.models import densenet, efficientnet, mobilenetv3, resnet, shufflenetv2, vgg


class Small(nn.Module):
    """A stem, blocks, and a classifier, as ResNet has them."""

    def __init__(self, *blocks, channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(*blocks)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(channels, 10)

    def forward(self, x):
        return self.fc(torch.flatten(self.avgpool(self.blocks(self.stem(x))), 1))


class Mixed(nn.Module):
    """Layers that the families do not have."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 8, 3, stride=2, padding=1, output_padding=1)
        self.norms = nn.ModuleList([nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True), nn.LayerNorm([8, 35, 35])])
        self.slopes = nn.PReLU(8)
        self.scale = nn.Parameter(torch.rand(8, 1, 1))
        self.register_buffer("shift", torch.rand(8, 1, 1))
        self.reflect = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        x = nn.functional.pad(self.up(x)[:, :, 1:-1, :-2], (1, 2, 3, 0))
        for norm in self.norms:
            x = norm(x)
        a, b = self.slopes(x).chunk(2, dim=1)
        x = torch.stack([a.tanh(), b.clamp(-1, 0.5)], 2).flatten(1, 2)
        x = self.reflect(x * self.scale - self.shift)
        x = nn.functional.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)
        x = nn.functional.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True)
        x = nn.functional.interpolate(x, size=(8, 8), mode="nearest")
        x = nn.functional.softplus(x) + nn.functional.leaky_relu(x, 0.2) - nn.functional.elu(x)
        x = x.reshape(x.size(0), -1, 4, 2, 4, 2).permute(0, 1, 3, 5, 2, 4).reshape(x.size(0), 32, 4, 4)
        x = nn.functional.adaptive_max_pool2d(x, (2, 2))
        return nn.functional.log_softmax(self.fc(x.view(x.shape[0], -1)), dim=1)


class Branches(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):
            return x.flatten(1)
        return -x.flatten(1)


class Views(nn.Module):
    def forward(self, x):
        y = x * 2
        y[:, 0].relu_()
        return y.flatten(1)


def small():
    def basic(inputs, outputs, stride):
        down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        return resnet.BasicBlock(inputs, outputs, stride, down)

    cfg = mobilenetv3.InvertedResidualConfig
    conv = efficientnet.MBConvConfig
    yield "resnet", Small(resnet.BasicBlock(8, 8), basic(8, 16, 2), channels=16), 32
    yield "resnext", Small(resnet.Bottleneck(8, 2, groups=2, base_width=64), channels=8), 32
    yield "vgg", nn.Sequential(vgg.make_layers([8, "M", 16, "M"], True), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(144, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 10)), 32
    yield "mobilenet_v2", torchvision.models.MobileNetV2(10, inverted_residual_setting=[[1, 8, 1, 1], [3, 8, 2, 2]], width_mult=0.25), 32
    yield "mobilenet_v3", mobilenetv3.MobileNetV3([cfg(16, 3, 16, 16, True, "RE", 2, 1, 1), cfg(16, 5, 24, 16, True, "HS", 1, 1, 1)], 32, 10), 32
    yield "densenet", densenet.DenseNet(4, (2, 2), 8, num_classes=10), 32
    yield "efficientnet", efficientnet.EfficientNet([conv(1, 3, 1, 8, 8, 1, 1, 1), conv(3, 3, 2, 8, 8, 2, 1, 1)], 0.2, num_classes=10, last_channel=32), 32
    yield "shufflenet", shufflenetv2.ShuffleNetV2([2, 2, 2], [8, 8, 16, 16, 32], 10), 32
    yield "vit", torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10), 32
    yield "vit_fused", torchvision.models.VisionTransformer(32, 8, 1, 4, 16, 32, num_classes=10), 32
    yield "encoder_fused", nn.Sequential(nn.Flatten(2), nn.Linear(64, 16), nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), nn.Flatten(), nn.Linear(48, 10)), 8
    yield "mixed", Mixed(), 17


def full():
    models = torchvision.models
    for name in (
        "resnet18 resnet50 resnext50_32x4d wide_resnet50_2 vgg11 vgg16_bn mobilenet_v2 mobilenet_v3_small mobilenet_v3_large densenet121 "
        "efficientnet_b0 efficientnet_v2_s mnasnet0_5 shufflenet_v2_x0_5 squeezenet1_1 regnet_y_400mf convnext_tiny alexnet"
    ).split():
        yield name, getattr(models, name)(num_classes=10), 64
    yield "vit_b_16", models.VisionTransformer(64, 16, 12, 12, 768, 3072, num_classes=10), 64
    yield "vit_b_16_fused", models.VisionTransformer(64, 16, 12, 12, 768, 3072, num_classes=10), 64
    yield "googlenet", models.googlenet(num_classes=10, init_weights=False, transform_input=True), 64
    yield "inception_v3", models.inception_v3(num_classes=10, init_weights=False, transform_input=True), 299


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    torch.set_num_threads(2)
    for name, model, size in full() if "--full" in sys.argv else small():
        torch.manual_seed(0)
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        if isinstance(getattr(model, "heads", None), nn.Sequential):
            nn.init.normal_(model.heads[-1].weight)  # torchvision begins with zeros
        model.eval()
        x = torch.randn(2, 3, size, size)
        with torch.set_grad_enabled(not name.endswith("_fused")):
            traced = torch.jit.trace(model, x[:1], check_trace=False)
        traced.save(os.path.join(folder, f"{name}.pt"))
        with torch.no_grad():
            np.savez(os.path.join(folder, f"{name}.npz"), input=x.numpy(), logits=traced(x).numpy())
        print(name, flush=True)
    if "--full" not in sys.argv:
        torch.jit.script(Branches()).save(os.path.join(folder, "scripted.pt"))
        torch.jit.trace(Views(), torch.randn(1, 3, 4, 4)).save(os.path.join(folder, "view.pt"))


main()
