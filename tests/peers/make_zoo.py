#!/usr/bin/env python3
"""Writes a zoo of small classifiers with what PyTorch computes on them.

A developer's tool: neither the build nor the tests need it. It needs Python 3 with
torch (1.13), torchvision (0.14), onnx (1.12) and numpy, e.g. Debian's python3-torch,
python3-torchvision and python3-onnx.

    python3 tests/peers/make_zoo.py OUT_DIR [names]

`names` are shell patterns of files to write (default: all but
`full_*`, networks of full size), e.g. `'resnet*' swin_op14`.

Every file NAME.onnx has a neighbour NAME.npz:

input           float32 [batch, ...], the batch everything below was computed on
labels          int64 [batch]
eval_logits     float32 [batch, classes], batch-norm by its running statistics, no dropout;
                the logits in front of it where the model ends in Softmax or LogSoftmax
eval_output     only there: what the model itself puts out
eval_loss       mean cross-entropy of eval_logits
train_loss      the same in train mode: batch-norm by batch statistics, dropout off
train_grad/I    gradient of train_loss by the ONNX initializer I

All numbers are computed in float64 and stored as float32. The same gradients in float32
must agree within CONDITION of their largest entry, or another input is drawn: so a
difference seen by a reader of the zoo is not an activation that sat on a kink.

Initializers are traced back to parameters by value, also where the exporter's constant
folding has transposed or reshaped them. What has no counterpart has no gradient here.
A bias in front of batch-norm has a gradient of rounding errors, parameters that the loss
does not see one of zeros. Exports with a Dropout that is on (`*_dropout50`) have no train_*
entries: they would depend on a random generator.

Names are NETWORK_opOPSET and what is special about the export: see VARIANTS. Where the
batch-norm is folded (`*_default`), train mode is that of the folded network. Where the file
has float16 weights (`*_fp16*`), the numbers are those of the rounded weights in full
precision; input is float32 in the .npz and representable in float16.
"""

import copy
import fnmatch
import io
import itertools
import math
import os
import sys
import warnings
import zlib
from importlib import import_module
from dataclasses import dataclass
from functools import partial
from typing import Callable, List, Optional, Tuple

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.onnx import TrainingMode
from torchvision import models as tv
from torchvision.ops import StochasticDepth

warnings.filterwarnings("ignore")

BATCH = 6
CLASSES = 10
CONDITION = 2e-4

googlenet_module = import_module("torchvision.models.googlenet")  # tv.googlenet is the function


# ---------------------------------------------------------------- networks

@dataclass
class Net:
    name: str
    make: Callable[[], nn.Module]
    shape: Tuple[int, ...]
    opsets: Tuple[int, ...]
    full: bool = False


NETS: List[Net] = []
CNN = (9, 11, 13, 14, 15, 17)
OLD = (7, 8) + CNN
TRANSFORMER = (12, 14, 17)


def net(shape, opsets):
    def register(make):
        NETS.append(Net(make.__name__, make, shape, opsets))
        return make
    return register


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Emit(torch.autograd.Function):
    """Computes by a PyTorch function, exports as one ONNX node that PyTorch's exporter does not write."""

    @staticmethod
    def symbolic(g, operator, attributes, function, *tensors):
        return g.op(operator, *tensors, **attributes)

    @staticmethod
    def forward(ctx, operator, attributes, function, *tensors):
        # On copies: what the function does inside is not to be recorded.
        return function(*(torch.from_numpy(t.detach().numpy().copy()) for t in tensors))


def emit(operator, function, *tensors, **attributes):
    if torch.onnx.is_in_onnx_export():
        return Emit.apply(operator, attributes, function, *tensors)
    return function(*tensors)


NEWER = "newer"  # domain of operators newer than the exporter while it runs; becomes the default domain


@net((3, 32, 32), OLD)
def resnet():
    return slim_resnet(tv.resnet.BasicBlock, [1, 1, 1, 1])


@net((3, 32, 32), CNN)
def resnet_bottleneck():
    return slim_resnet(tv.resnet.Bottleneck, [1, 2, 1, 1])


@net((3, 32, 32), CNN)
def resnext():
    return slim_resnet(tv.resnet.Bottleneck, [1, 1, 1, 1], groups=4, width_per_group=32)


def slim_resnet(block, layers, **arguments):
    """torchvision's ResNet with an eighth of its channels: the constructor fixes 64, 128, 256, 512."""
    class Slim(tv.ResNet):
        def _make_layer(self, block, planes, *rest, **named):
            if self.inplanes == 64 and not hasattr(self, "layer1"):
                self.inplanes = 16
                self.conv1 = nn.Conv2d(3, 16, 7, 2, 3, bias=False)
                self.bn1 = nn.BatchNorm2d(16)
            return super()._make_layer(block, planes // 8, *rest, **named)

    model = Slim(block, layers, num_classes=CLASSES, **arguments)
    model.fc = nn.Linear(64 * block.expansion, CLASSES)
    return model


@net((3, 64, 64), CNN)
def mobilenet_v3():
    config = partial(tv.mobilenetv3.InvertedResidualConfig, width_mult=1.0)
    return tv.MobileNetV3([
        config(16, 3, 16, 16, True, "RE", 2, 1),
        config(16, 3, 40, 24, False, "RE", 2, 1),
        config(24, 5, 64, 32, True, "HS", 2, 1),
        config(32, 5, 96, 32, True, "HS", 1, 2),
    ], last_channel=64, num_classes=CLASSES)


@net((3, 32, 32), (9, 11, 12, 13, 14, 15, 17))
def convnext():
    config = tv.convnext.CNBlockConfig
    return tv.ConvNeXt([config(16, 32, 2), config(32, 48, 1), config(48, None, 2)],
                       layer_scale=0.5, num_classes=CLASSES)


@net((3, 32, 32), TRANSFORMER)
def swin():
    return tv.SwinTransformer([2, 2], 16, [2, 2], [2, 4], [4, 4], mlp_ratio=2.0,
                              stochastic_depth_prob=0.0, num_classes=CLASSES)


@net((3, 32, 32), CNN)
def groupnorm():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, 1, 1), nn.GroupNorm(1, 32), nn.SiLU(),
        nn.Conv2d(32, 32, 3, 2, 1, groups=8), nn.GroupNorm(32, 32), nn.LeakyReLU(0.1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, CLASSES))


@net((3, 32, 32), CNN)
def instancenorm():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.InstanceNorm2d(16, affine=True), nn.ReLU(),
        nn.Conv2d(16, 24, 3, 2, 1), nn.InstanceNorm2d(24), nn.Tanh(),
        nn.Conv2d(24, 32, 3, 1, 1), nn.InstanceNorm2d(32, affine=True), nn.Softplus(),
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(128, CLASSES))


@net((3, 16, 16), OLD)
def convtranspose():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(16, 12, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(12, 16, 3, 2, 1, output_padding=1, groups=4), nn.ReLU(),
        nn.Conv2d(16, 16, 3, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 3, 1, 2, dilation=2, bias=False), nn.ReLU(),
        nn.ConvTranspose2d(8, 8, (3, 2), (2, 3), (1, 0), output_padding=(1, 2)), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES))


# torchvision families

@net((3, 32, 32), CNN)
def vgg_dropout():
    """No batch-norm, two dropouts, `view` on the batch size."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5),
        Lambda(lambda x: x.view(x.shape[0], -1)),
        nn.Linear(512, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, CLASSES))


@net((3, 64, 64), CNN)
def mobilenet_v2():
    return tv.MobileNetV2(CLASSES, width_mult=0.25, inverted_residual_setting=[
        [1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 2, 2], [4, 48, 1, 1]])


@net((3, 64, 64), CNN)
def mnasnet():
    return tv.MNASNet(0.2, num_classes=CLASSES)


@net((3, 64, 64), CNN[1:])
def shufflenet_v2():
    return tv.ShuffleNetV2([1, 2, 1], [16, 24, 48, 64, 96], CLASSES)


@net((3, 48, 48), OLD)
def squeezenet():
    """The classifier is a 1x1 Conv, then ReLU and pooling."""
    return slim_squeezenet("1_1")


@net((3, 64, 64), CNN)
def squeezenet_1_0():
    return slim_squeezenet("1_0")


def slim_squeezenet(version):
    class Fire(tv.squeezenet.Fire):
        def __init__(self, *channels):
            super().__init__(*(max(c // 4, 1) for c in channels))

    original, tv.squeezenet.Fire = tv.squeezenet.Fire, Fire
    try:
        model = tv.SqueezeNet(version, CLASSES)
    finally:
        tv.squeezenet.Fire = original
    stem = model.features[0]
    model.features[0] = nn.Conv2d(3, stem.out_channels // 4, stem.kernel_size, stem.stride)
    model.classifier[1] = nn.Conv2d(128, CLASSES, 1)
    return model


@net((3, 48, 48), CNN)
def regnet_x():
    return slim_regnet(None)


@net((3, 48, 48), CNN)
def regnet_y():
    return slim_regnet(0.25)


def slim_regnet(se_ratio):
    blocks = tv.regnet.BlockParams([1, 2, 1], [16, 32, 48], [8, 8, 16], [1.0, 1.0, 1.0], [2, 2, 2], se_ratio)
    return tv.RegNet(blocks, CLASSES, stem_width=16)


@net((3, 64, 64), CNN)
def efficientnet():
    config = partial(tv.efficientnet.MBConvConfig, width_mult=0.5)
    return tv.EfficientNet([
        config(1, 3, 1, 32, 16, 1), config(6, 3, 2, 16, 24, 2), config(6, 5, 2, 24, 40, 1), config(4, 5, 1, 40, 48, 1),
    ], dropout=0.2, stochastic_depth_prob=0.0, num_classes=CLASSES, last_channel=96)


@net((3, 48, 48), CNN)
def efficientnet_v2():
    fused, config = tv.efficientnet.FusedMBConvConfig, tv.efficientnet.MBConvConfig
    return tv.EfficientNet([
        fused(1, 3, 1, 16, 16, 1), fused(4, 3, 2, 16, 24, 1), config(4, 3, 2, 24, 32, 2),
    ], dropout=0.2, stochastic_depth_prob=0.0, num_classes=CLASSES, last_channel=64)


@net((3, 64, 64), CNN)
def googlenet():
    return slim_googlenet(False)


@net((3, 64, 64), CNN)
def googlenet_transform():
    return slim_googlenet(True)


class SlimGoogLeNetConv(googlenet_module.BasicConv2d):
    def __init__(self, inputs, outputs, **arguments):
        super().__init__(inputs if inputs == 3 else inputs // 8, outputs // 8, **arguments)


def slim_googlenet(transform_input):
    blocks = [SlimGoogLeNetConv, partial(googlenet_module.Inception, conv_block=SlimGoogLeNetConv), googlenet_module.InceptionAux]
    model = tv.GoogLeNet(CLASSES, aux_logits=False, transform_input=transform_input, init_weights=False, blocks=blocks)
    model.fc = nn.Linear(128, CLASSES)
    return model


@net((3, 107, 107), (9, 13, 17))
def inception():
    class Conv(tv.inception.BasicConv2d):
        def __init__(self, inputs, outputs, **arguments):
            super().__init__(inputs if inputs == 3 else inputs // 16, outputs // 16, **arguments)

    m = tv.inception
    blocks = [Conv] + [partial(b, conv_block=Conv) for b in (
        m.InceptionA, m.InceptionB, m.InceptionC, m.InceptionD, m.InceptionE, m.InceptionAux)]
    model = tv.Inception3(CLASSES, aux_logits=False, transform_input=True, inception_blocks=blocks, init_weights=False)
    model.fc = nn.Linear(128, CLASSES)
    return model


@net((3, 32, 32), CNN)
def densenet():
    return tv.DenseNet(8, (2, 2, 2), 16, bn_size=2, drop_rate=0, num_classes=CLASSES)


@net((3, 67, 67), CNN)
def alexnet():
    """As torchvision's, narrower, with the local response normalisation of the paper."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 11, 4, 2), nn.ReLU(), LocalResponseNorm(5), nn.MaxPool2d(3, 2),
        nn.Conv2d(16, 24, 5, padding=2), nn.ReLU(), LocalResponseNorm(3, 1e-2, 0.5, 2.0), nn.MaxPool2d(3, 2),
        nn.Conv2d(24, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(), nn.Linear(32, CLASSES))


class LocalResponseNorm(nn.LocalResponseNorm):
    def forward(self, x):
        return emit("LRN", super().forward, x, size_i=self.size, alpha_f=self.alpha, beta_f=self.beta, bias_f=self.k)


@net((1, 28, 28), OLD)
def lenet():
    """Sigmoid and Tanh, average pooling, grey images."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 40), nn.Tanh(), nn.Linear(40, CLASSES))


@net((3, 32, 32), TRANSFORMER)
def vit():
    return tv.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=CLASSES)


@net((3, 32, 32), TRANSFORMER)
def swin_v2():
    m = tv.swin_transformer
    return tv.SwinTransformer([2, 2], 16, [2], [2], [4, 4], mlp_ratio=2.0, stochastic_depth_prob=0.0,
                              num_classes=CLASSES, downsample_layer=m.PatchMergingV2, block=partial(
                                  m.SwinTransformerBlockV2, attn_layer=partial(m.ShiftedWindowAttentionV2, qkv_bias=False)))


@net((3, 64, 64), TRANSFORMER)
def maxvit():
    return tv.MaxVit((64, 64), 8, 4, [8, 16], [1, 1], 8, 0.0, num_classes=CLASSES)


# Full width and depth, 2 to 110 MB each: written only if named (`full_*`).

FULL = ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "regnet_y_400mf", "efficientnet_b0",
        "mobilenet_v2", "mnasnet0_5", "convnext_tiny", "swin_t"]


def full(name):
    model = tv.get_model(name, weights=None, num_classes=CLASSES)
    for module in model.modules():
        if isinstance(module, StochasticDepth):
            module.p = 0.0
    return model


NETS.extend(Net("full_" + name, partial(full, name), (3, 64, 64), (14,), full=True) for name in FULL)


# Transformers and mixers by hand

class Patches(nn.Module):
    def __init__(self, width, size=8):
        super().__init__()
        self.project = nn.Conv2d(3, width, size, size)

    def forward(self, x):
        return self.project(x).flatten(2).transpose(1, 2)


@net((3, 32, 32), (9, 11) + TRANSFORMER)
def mixer():
    class Block(nn.Module):
        def __init__(self, tokens, width):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.mix = nn.Sequential(nn.Linear(tokens, 32), nn.GELU(), nn.Linear(32, tokens))
            self.mlp = nn.Sequential(nn.Linear(width, 48), nn.GELU(), nn.Linear(48, width))

        def forward(self, x):
            x = x + self.mix(self.norm1(x).transpose(1, 2)).transpose(1, 2)
            return x + self.mlp(self.norm2(x))

    return nn.Sequential(Patches(24), Block(16, 24), Block(16, 24), nn.LayerNorm(24),
                         Lambda(lambda x: x.mean(1)), nn.Linear(24, CLASSES))


@net((3, 32, 32), TRANSFORMER)
def einsum_attention():
    """Heads, scores, mixing and the classifier by einsum; logit scale; learned positions by embedding."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = Patches(24)
            self.positions = nn.Embedding(16, 24)
            self.q = nn.Parameter(torch.randn(24, 4, 6) * 0.3)
            self.k = nn.Parameter(torch.randn(24, 4, 6) * 0.3)
            self.v = nn.Parameter(torch.randn(24, 4, 6) * 0.3)
            self.o = nn.Parameter(torch.randn(4, 6, 24) * 0.3)
            self.scale = nn.Parameter(torch.tensor(0.4))
            self.head = nn.Parameter(torch.randn(CLASSES, 24) * 0.3)

        def forward(self, x):
            x = self.patches(x)
            x = x + self.positions(torch.arange(x.shape[1]))
            q, k, v = (torch.einsum("btd,dhe->bhte", x, w) for w in (self.q, self.k, self.v))
            scores = torch.einsum("bhte,bhse->bhts", q, k) * self.scale.exp()
            y = torch.einsum("bhts,bhse->bthe", scores.softmax(-1), v)
            x = x + torch.einsum("bthe,hed->btd", y, self.o)
            return torch.einsum("bd,cd->bc", x.mean(1), self.head)

    return Model()


@net((3, 32, 32), TRANSFORMER)
def encoder():
    """torch.nn.TransformerEncoder, post- and pre-norm, tanh-approximated GELU, causal mask, a class token."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = Patches(32)
            self.token = nn.Parameter(torch.randn(1, 1, 32))
            self.first = nn.TransformerEncoderLayer(32, 4, 48, 0.1, partial(F.gelu, approximate="tanh"), batch_first=True)
            self.second = nn.TransformerEncoderLayer(32, 2, 48, 0.1, norm_first=True)
            self.head = nn.Linear(32, CLASSES, bias=False)

        def forward(self, x):
            x = self.patches(x)
            x = torch.cat([x, self.token.expand(x.shape[0], -1, -1)], 1)
            x = self.first(x, torch.full((17, 17), -1e9).triu(1)).transpose(0, 1)
            return self.head(self.second(x)[-1])

    return Model()


@net((3, 32, 32), (9, 11) + TRANSFORMER)
def cosine_head():
    """Normalised features against normalised class vectors, a clamped temperature."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 16, 5, 4), nn.ReLU(), nn.Conv2d(16, 24, 3, 2), nn.Flatten())
            self.weight = nn.Parameter(torch.randn(CLASSES, 216))
            self.temperature = nn.Parameter(torch.tensor(1.5))

        def forward(self, x):
            cosine = F.linear(F.normalize(self.body(x)), F.normalize(self.weight))
            return cosine * self.temperature.clamp(max=math.log(100)).exp()

    return Model()


# Operators and their attributes

def convolutional(layers, shape=(3, 16, 16)):
    """A stem, the layers given, pooling and a classifier that fits them."""
    body = nn.Sequential(*layers)
    with torch.no_grad():
        width = body(torch.zeros((2,) + shape)).shape[1]
    pool = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[len(shape) - 1](1)
    return nn.Sequential(body, pool, nn.Flatten(), nn.Linear(width, CLASSES))


def alternate(layers, width=8):
    """Convolutions 3x3 between the layers given."""
    result, inputs = [], 3
    for layer in layers:
        result += [nn.Conv2d(inputs, width, 3, padding=1), layer]
        inputs = width
    return result


class Softsign(nn.Softsign):
    def forward(self, x):
        return emit("Softsign", super().forward, x)


@net((3, 12, 12), OLD)
def activations():
    return convolutional(alternate([
        nn.LeakyReLU(0.2), nn.ELU(0.7), nn.SELU(), nn.Softplus(), Softsign(), nn.Hardtanh(-0.5, 0.8),
        nn.ReLU6(), nn.Sigmoid(), nn.Tanh(), nn.PReLU(), nn.PReLU(8), nn.ELU()]), (3, 12, 12))


@net((3, 12, 12), (12, 13, 14, 15, 17))
def activations_new():
    return convolutional(alternate([
        nn.CELU(0.6), nn.CELU(), nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(), nn.Mish(), nn.Hardswish(),
        nn.Hardsigmoid(), nn.LogSigmoid(), nn.Tanhshrink(), nn.Hardshrink(0.1), nn.Softshrink(0.1)]), (3, 12, 12))


@net((3, 12, 12), (9, 13))
def activations_smooth():
    """Softplus with a beta, GLU, Threshold, RReLU off, squared ReLU, softmax over channels and rows."""
    return convolutional(alternate([
        nn.Softplus(beta=1.0, threshold=20), Lambda(lambda x: F.relu(x).square()),
        nn.Softmax2d(), Lambda(lambda x: F.softmax(x, -1)), Lambda(lambda x: F.log_softmax(x, 1)),
        Lambda(lambda x: F.glu(torch.cat([x, x * 2], 1), 1)), Lambda(lambda x: F.softmin(x, 2)),
    ]), (3, 12, 12))


@net((3, 12, 12), (7, 9, 11, 12))
def softmax_flattening():
    """Softmax and LogSoftmax before opset 13 take all dimensions from `axis` on as one."""
    def flat(function):
        return lambda x: function(x.flatten(1), 1).view_as(x)

    return convolutional(alternate([
        Lambda(lambda x: emit("Softmax", flat(F.softmax), x, axis_i=1) * 50),
        Lambda(lambda x: emit("LogSoftmax", flat(F.log_softmax), x, axis_i=1)),
    ]), (3, 12, 12))


@net((3, 16, 16), (7, 9, 11, 13, 17))
def padding():
    """Circular padding by Concat: this exporter's own loses a column."""
    return convolutional([
        nn.ReflectionPad2d((1, 2, 3, 0)), nn.Conv2d(3, 8, 3), nn.ReLU(),
        nn.ReplicationPad2d((2, 0, 1, 3)), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.ConstantPad2d((1, 2, 0, 1), 0.5), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.ZeroPad2d((-1, 1, 1, -2)), nn.Conv2d(8, 8, 3), nn.ReLU(),
        Lambda(lambda x: torch.cat([x[..., -3:], x, x[..., :2]], 3)), nn.Conv2d(8, 8, 3), nn.Tanh(),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"), nn.Tanh(),
        nn.Conv2d(8, 8, (3, 5), padding=(1, 2), padding_mode="replicate"), nn.Tanh()])


@net((3, 9, 11), (11, 13, 17))
def resizing():
    return convolutional([
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv2d(8, 8, 3, 2), nn.ReLU(), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(8, 8, 3, 2), nn.ReLU(), nn.Upsample(scale_factor=3, mode="bilinear", align_corners=True),
        nn.Conv2d(8, 8, 3, 2), nn.Tanh()], (3, 9, 11))


@net((3, 9, 11), (11, 13, 17))
def resizing_sizes():
    """Sizes that are no multiples, shrinking, fractional factors."""
    return convolutional([
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Upsample((13, 17)),
        nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Upsample((7, 20), mode="bilinear"),
        nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Upsample((10, 5), mode="bilinear", align_corners=True),
        nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Upsample(scale_factor=1.5),
        nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Upsample(scale_factor=(1.7, 2.3), mode="bilinear"),
        nn.Conv2d(8, 8, 3), nn.Tanh(), Lambda(lambda x: F.interpolate(x, (4, 9), mode="nearest"))], (3, 9, 11))


def scaled(x, function, mode):
    """Upsample with its scales as an attribute (opset 7, 8) or an input (9), Resize as of opset 10."""
    scales = [1.0, 1.0, 2.0, 3.0]
    opset = torch.onnx._globals.GLOBALS.export_onnx_opset_version if torch.onnx.is_in_onnx_export() else 0
    if opset < 9:
        return emit("Upsample", function, x, mode_s=mode, scales_f=scales)
    return emit("Upsample" if opset == 9 else "Resize", lambda x, _: function(x), x, torch.tensor(scales), mode_s=mode)


def stretch(x, dim, factor):
    """Linear interpolation as before opset 11: place i of the result is place i / factor of x."""
    place = torch.arange(x.shape[dim] * factor) / factor
    low = place.floor().long()
    high = (low + 1).clamp(max=x.shape[dim] - 1)
    part = (place - low).to(x.dtype).view([-1 if d == dim else 1 for d in range(x.ndim)])
    return x.index_select(dim, low) * (1 - part) + x.index_select(dim, high) * part


@net((3, 8, 8), (7, 8, 9, 10))
def upsample():
    return convolutional([
        nn.Conv2d(3, 8, 3), nn.ReLU(), Lambda(lambda x: scaled(x, partial(F.interpolate, scale_factor=(2.0, 3.0)), "nearest")),
        nn.Conv2d(8, 8, 3, 2), nn.ReLU(), Lambda(lambda x: scaled(x, lambda x: stretch(stretch(x, 2, 2), 3, 3), "linear")),
        nn.Conv2d(8, 8, 3), nn.Tanh()], (3, 8, 8))


@net((3, 8, 8), (9, 11, 13, 17))
def pixelshuffle():
    def space_to_depth(x, b=2):
        n, c, h, w = x.shape
        x = x.reshape(n, c, h // b, b, w // b, b)
        return x.permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)

    def depth_to_space(x, b=2):
        n, c, h, w = x.shape
        x = x.reshape(n, b, b, c // (b * b), h, w)
        return x.permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)

    return convolutional([
        nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.PixelShuffle(2), nn.Conv2d(3, 18, 3, 2, 1), nn.ReLU(),
        Lambda(lambda x: x.view(x.size(0), 2, 9, 8, 8).flatten(1, 2)), nn.PixelShuffle(3),
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(),
        Lambda(lambda x: emit("SpaceToDepth", space_to_depth, x, blocksize_i=2)), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
        Lambda(lambda x: emit("DepthToSpace", depth_to_space, x, blocksize_i=2)), nn.PixelUnshuffle(2),
        nn.Conv2d(16, 8, 3), nn.Tanh()], (3, 8, 8))


@net((3, 17, 19), CNN)
def pooling():
    return convolutional([
        nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh(),
        nn.AvgPool2d(3, 1, 1), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh(),
        nn.AvgPool2d((3, 2), 1, 1, count_include_pad=False), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh(),
        nn.MaxPool2d((2, 3), (1, 2), (1, 0)), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh()], (3, 17, 19))


@net((3, 18, 22), (11, 13, 17))
def pooling_ceil():
    """ceil_mode and dilation (opset 10), overlapping windows that leave the picture."""
    return convolutional([
        nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh(),
        nn.MaxPool2d(3, 1, 1, dilation=2), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh(),
        nn.MaxPool2d((2, 3), 2, (1, 1), (1, 2), ceil_mode=True), nn.Conv2d(8, 8, 3, padding=2), nn.Tanh(),
        nn.AvgPool2d(3, 2, ceil_mode=True), nn.Conv2d(8, 8, 2, padding=1), nn.Tanh(),
        nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)], (3, 18, 22))


@net((3, 16, 16), (9, 11, 13, 17))
def pooling_attributes():
    """Pooling as other exporters write it: pads and count_include_pad on the node, auto_pad, GlobalMaxPool."""
    def average(x):
        return emit("AveragePool", partial(F.avg_pool2d, kernel_size=3, stride=2, padding=1), x,
                    kernel_shape_i=[3, 3], strides_i=[2, 2], pads_i=[1, 1, 1, 1], count_include_pad_i=1)

    def excluding(x):
        return emit("AveragePool", partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False), x,
                    kernel_shape_i=[3, 3], strides_i=[1, 1], auto_pad_s="SAME_LOWER")

    def maximum(x):
        function = lambda x: F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-math.inf), 3, 2)
        return emit("MaxPool", function, x, kernel_shape_i=[3, 3], strides_i=[2, 2], auto_pad_s="SAME_UPPER")

    def valid(x):
        return emit("MaxPool", partial(F.max_pool2d, kernel_size=2, stride=1), x,
                    kernel_shape_i=[2, 2], strides_i=[1, 1], auto_pad_s="VALID")

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), Lambda(average), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh(),
        Lambda(excluding), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh(),
        Lambda(maximum), nn.Conv2d(8, 16, 3, padding=1), Lambda(valid), nn.Tanh(),
        Lambda(lambda x: emit("GlobalMaxPool", lambda x: x.amax((2, 3), keepdim=True), x)), nn.Flatten(), nn.Linear(16, CLASSES))


@net((3, 16, 16), (7, 9, 11, 13, 17))
def convolutions():
    """Strides, dilations, groups, a depth multiplier, asymmetric kernels, strides that do not divide, no bias."""
    return convolutional([
        nn.Conv2d(3, 12, (3, 5), (2, 1), (1, 2)), nn.Tanh(), nn.Conv2d(12, 24, 3, 1, 2, 2, groups=12), nn.Tanh(),
        nn.Conv2d(24, 12, (1, 3), (1, 3), bias=False), nn.Tanh(), nn.Conv2d(12, 12, 2, 2, 1, groups=3), nn.Tanh(),
        nn.Conv2d(12, 16, (5, 1), 1, (2, 0), (2, 3), groups=4, bias=False), nn.Tanh(), nn.Conv2d(16, 8, 1, 2)])


def convolution(x, w, b, auto_pad, strides):
    def same(x, w, *b):
        for dim in (3, 2):
            size, k, s = x.shape[dim], w.shape[dim], strides[dim - 2]
            total = max((-(-size // s) - 1) * s + k - size, 0) if auto_pad != "VALID" else 0
            less, more = total // 2, total - total // 2
            pads = (less, more) if auto_pad == "SAME_UPPER" else (more, less)
            x = F.pad(x, (0, 0) * (3 - dim) + pads)
        return F.conv2d(x, w, *b, stride=strides)

    return emit("Conv", same, x, w, *([] if b is None else [b]), auto_pad_s=auto_pad, strides_i=list(strides))


class AutoPadConv(nn.Conv2d):
    def __init__(self, inputs, outputs, kernel, stride=(1, 1), auto_pad="SAME_UPPER", bias=True):
        super().__init__(inputs, outputs, kernel, stride, bias=bias)
        self.auto_pad = auto_pad

    def forward(self, x):
        return convolution(x, self.weight, self.bias, self.auto_pad, self.stride)


@net((32, 32, 3), (8, 9, 11, 13, 17))
def tensorflow_like():
    """As converters from TensorFlow write: channels last at the entry, auto_pad, Relu6 by Min and Max,
    global pooling by ReduceMean, MatMul and Add as the classifier."""
    class Dense(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.kernel = nn.Parameter(torch.randn(inputs, outputs) / math.sqrt(inputs))
            self.bias = nn.Parameter(torch.randn(outputs) * 0.1)

        def forward(self, x):
            return emit("Add", torch.add, emit("MatMul", torch.matmul, x, self.kernel), self.bias)

    return nn.Sequential(
        Lambda(lambda x: x.permute(0, 3, 1, 2)), AutoPadConv(3, 8, 3, (2, 2)), nn.BatchNorm2d(8, eps=1e-3, momentum=0.01),
        Lambda(lambda x: torch.minimum(torch.maximum(x, torch.tensor(0.0)), torch.tensor(1.0))),
        AutoPadConv(8, 16, (2, 5), (1, 2), "SAME_LOWER", bias=False), nn.ReLU(),
        AutoPadConv(16, 16, 4, (3, 1), "SAME_LOWER"), nn.ReLU(), AutoPadConv(16, 24, 2, (1, 1), "VALID"), nn.ReLU(),
        Lambda(lambda x: x.permute(0, 2, 3, 1).mean((1, 2))), Dense(24, 32), nn.ReLU(), Dense(32, CLASSES))


def transposed(x, w, strides, out_pads, auto_pad=None):
    """ConvTranspose cut to a size that is given, or by auto_pad to input times stride."""
    size = [int(n) * s + p for n, s, p in zip(x.shape[2:], strides, out_pads)]

    def function(x, w):
        y = F.conv_transpose2d(x, w, stride=strides, output_padding=out_pads if auto_pad else 0)
        for dim, want in zip((2, 3), size):
            extra = y.shape[dim] - want
            y = y.narrow(dim, extra // 2 if auto_pad != "SAME_LOWER" else extra - extra // 2, want)
        return y

    if auto_pad:
        return emit("ConvTranspose", function, x, w, strides_i=strides, output_padding_i=out_pads, auto_pad_s=auto_pad)
    return emit("ConvTranspose", function, x, w, strides_i=strides, output_shape_i=size, auto_pad_s="SAME_UPPER")


@net((3, 8, 7), (9, 11, 13, 17))
def convtranspose_attributes():
    """auto_pad and output_shape, which PyTorch does not write."""
    class Layer(nn.Module):
        def __init__(self, inputs, outputs, kernel, *how):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(inputs, outputs, *kernel) / 4)
            self.how = how

        def forward(self, x):
            return torch.tanh(transposed(x, self.weight, *self.how))

    return convolutional([
        Layer(3, 8, (3, 4), [2, 1], [0, 0], "SAME_UPPER"), nn.Conv2d(8, 8, 3, 2), Layer(8, 8, (4, 3), [1, 2], [0, 0], "SAME_LOWER"),
        nn.Conv2d(8, 8, 3, 2), Layer(8, 6, (4, 5), [2, 3], [0, 0])], (3, 8, 7))


@net((3, 16, 16), (8, 9, 11, 13, 17))
def variadic():
    """Sum, Mean, Max and Min of three inputs of unlike shapes, Concat of one tensor with itself."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.branches = nn.ModuleList(nn.Conv2d(3, 6, 3, 2) for _ in range(3))
            self.a, self.b = nn.Parameter(torch.randn(6, 1, 1)), nn.Parameter(torch.randn(7))
            self.head = nn.Linear(36, CLASSES)

        def forward(self, x):
            a, b, c = (branch(x) for branch in self.branches)
            y = [emit("Sum", lambda a, b, c: a + b + c, a, self.a, c).tanh(),
                 emit("Mean", lambda a, b, c: (a + b + c) / 3, b, c, self.b).tanh(),
                 emit("Max", lambda a, b, c: torch.maximum(torch.maximum(a, b), c), a, b, self.a),
                 emit("Min", lambda a, b, c: torch.minimum(torch.minimum(a, b), c), self.b, b, c)]
            y = torch.cat(y + y[1:3], 1)
            return self.head(y.mean((2, 3)))

    return Model()


@net((6, 40), CNN)
def conv1d():
    return convolutional([
        nn.Conv1d(6, 12, 5, 2, 2), nn.BatchNorm1d(12), nn.ReLU(), nn.MaxPool1d(3, 2, 1),
        nn.Conv1d(12, 16, 3, 1, 2, 2, groups=4), nn.InstanceNorm1d(16, affine=True), nn.ReLU(), nn.AvgPool1d(2),
        nn.ConvTranspose1d(16, 12, 4, 3, 1, output_padding=2, groups=2), nn.ReLU(), nn.Conv1d(12, 8, 3)], (6, 40))


@net((2, 8, 12, 10), CNN)
def conv3d():
    return convolutional([
        nn.Conv3d(2, 8, 3, (1, 2, 1), 1), nn.BatchNorm3d(8), nn.ReLU(), nn.MaxPool3d(3, 2, 1),
        nn.Conv3d(8, 12, (1, 3, 3), 1, (0, 1, 1), groups=4), nn.GroupNorm(3, 12), nn.ReLU(), nn.AvgPool3d((1, 2, 2)),
        nn.ConvTranspose3d(12, 8, (2, 3, 3), (1, 2, 2), (0, 1, 1), output_padding=(0, 1, 0)), nn.ReLU(),
        nn.Conv3d(8, 8, 2)], (2, 8, 12, 10))


@net((3, 8), OLD)
def mlp():
    """Batch-norm on [batch, features], one layer applied twice, Gemm without bias."""
    class Twice(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(torch.relu(self.layer(x)))

    return nn.Sequential(nn.Flatten(), nn.Linear(24, 32, bias=False), nn.BatchNorm1d(32, affine=False), nn.ReLU(),
                         Twice(nn.Linear(32, 32)), nn.BatchNorm1d(32), nn.Linear(32, CLASSES, bias=False))


@net((20,), (7, 9, 11, 13, 17))
def gemm():
    """Gemm with alpha, beta, transA, transB and a bias of every shape that broadcasts; tied weights."""
    class Gemm(nn.Module):
        def __init__(self, shape, bias, alpha=1.0, beta=1.0, trans_b=0):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(*shape) / 4)
            self.bias = nn.Parameter(torch.randn(*bias))
            self.alpha, self.beta, self.trans_b = alpha, beta, trans_b

        def forward(self, x):
            def function(x, w, b):
                return self.alpha * (x @ (w.t() if self.trans_b else w)) + self.beta * b
            return emit("Gemm", function, x, self.weight, self.bias,
                        alpha_f=self.alpha, beta_f=self.beta, transB_i=self.trans_b)

    class Flipped(nn.Module):
        """transA: features by samples."""
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(16, 12) / 4)
            self.bias = nn.Parameter(torch.randn(1, 12))

        def forward(self, x):
            function = lambda x, w, b: x.t() @ w + b
            return emit("Gemm", function, x.t(), self.weight, self.bias, transA_i=1)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(12, 16) / 4)

        def forward(self, x):
            return torch.tanh(x @ self.weight) @ self.weight.t()

    return nn.Sequential(Gemm((20, 16), (16,), 0.5, 2.0), nn.Tanh(), Gemm((16, 16), (1,), 1.5, -1.0, 1), nn.Tanh(),
                         Flipped(), Tied(), nn.Tanh(), Gemm((CLASSES, 12), (1, CLASSES), trans_b=1))


@net((3, 6, 5), (9, 11, 12, 13, 17))
def broadcasting():
    """Both sides broadcast, ranks differ, scalars; Pow with a learned exponent; Min, Max, Reciprocal, Abs, Exp, Log, Sqrt."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            parameter = lambda *shape: nn.Parameter(torch.rand(*shape) + 0.5)
            self.a, self.b, self.c, self.d = parameter(3, 1, 1), parameter(5), parameter(6, 1), parameter(1, 4, 1, 1, 5)
            self.scale, self.exponent, self.low, self.high = parameter(()), parameter(3, 6, 1), parameter(6, 5), parameter(3, 1, 5)
            self.head = nn.Linear(4, CLASSES)

        def forward(self, x):
            x = x * self.a + self.b - self.c / self.scale
            x = torch.minimum(torch.maximum(x, -self.low), self.high)
            x = torch.abs(x) + 0.1
            x = x ** self.exponent + torch.exp(-x) + torch.log(x) * torch.sqrt(x) - torch.reciprocal(x + self.b)
            x = x.unsqueeze(1) * self.d - 2 / (x.unsqueeze(1) + 3)
            x = torch.rsqrt(x * x + 1) * x + (1 - x) ** 3 + self.scale ** 2
            return self.head(x.mean((2, 3, 4)))

    return Model()


@net((8, 6, 5), (9, 11, 13, 17))
def reductions():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.ModuleList(nn.Linear(5, 5) for _ in range(9))
            self.head = nn.Linear(72, CLASSES)

        def forward(self, x):
            x = x.tanh()
            y = [mix(x) for mix in self.mix]
            parts = [
                torch.norm(y[0], dim=(2, 3)), torch.norm(y[1], 1, (2, 3)), torch.logsumexp(y[2], (2, 3)),
                torch.prod(torch.prod(y[3] + 1.2, 3), 2), torch.amax(y[4], (2, 3)), torch.amin(y[5], (2, 3)),
                y[6].sum((2, 3), keepdim=True).squeeze(3).squeeze(2), y[7].mean(3).mean(-1),
                y[8].sum(-1).pow(2).sum(-1).sqrt()]
            return self.head(torch.cat(parts, 1))

    return Model()


@net((8, 6, 5), (9, 11, 13, 17))
def reductions_more():
    """Variance, standard deviation, max and min with indices, all-reductions, ReduceSumSquare, ReduceLogSum."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.ModuleList(nn.Linear(5, 5) for _ in range(6))
            self.head = nn.Linear(48, CLASSES)

        def forward(self, x):
            y = [mix(x) for mix in self.mix]
            parts = [
                y[0].var((2, 3)), y[1].flatten(2).std(2, unbiased=False), y[2].max(3)[0].min(2)[0],
                emit("ReduceMax", lambda t: t.amax((2, 3)), y[3], axes_i=[2, 3], keepdims_i=0) / (1 + y[3].abs().mean()),
                emit("ReduceSumSquare", lambda t: t.square().sum((2, 3)), y[4], axes_i=[2, 3], keepdims_i=0) / (1 + y[4].abs().max()),
                emit("ReduceLogSum", lambda t: t.sum((2, 3)).log(), y[5].exp(), axes_i=[-1, -2], keepdims_i=0)]
            return self.head(torch.cat(parts, 1))

    return Model()


@net((8, 12), (11, 13, 14, 17))
def indexing():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(12, 12)
            self.table = nn.Parameter(torch.randn(7, 12))
            self.row = nn.Parameter(torch.randn(12))
            self.register_buffer("picks", torch.tensor([0, 3, 3, 6]))
            self.register_buffer("mask", torch.rand(8, 12) > 0.4)
            self.register_buffer("places", torch.randint(0, 12, (1, 8, 12)))
            self.head = nn.Linear(8, CLASSES)

        def forward(self, x):
            n = x.shape[0]
            x = torch.tanh(self.inner(x))
            x = torch.cat([x, self.table[self.picks].expand(n, -1, -1)], 1)
            x = torch.cat([x, self.row.repeat(n, 2, 1), self.table.index_select(0, self.picks).unsqueeze(0).repeat(n, 1, 1)], 1)
            a, b, c = torch.split(x, [8, 8, 2], 1)
            a = torch.where(self.mask, a, b.flip(2)) + a.masked_fill(self.mask, 0.3)
            b = torch.gather(b, 2, self.places.expand(n, -1, -1)) * torch.roll(b, 5, 2)
            d, e = (a * b).chunk(2, 2)
            x = torch.stack([d, e], 2)[:, 1:7:2, :, ::3].flatten(2).sum(1)
            y = torch.cat([t.squeeze(1) for t in c.unbind(1)], 1)[:, -20:-4:4]
            return self.head(torch.cat([x, y], 1))

    return Model()


@net((8, 12), (11, 13, 17))
def integers():
    """Integer and shape operators beside the gradient: Shape, Size, Range, Mod, Not, Equal, NonZero, ArgMax, ScatterND."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(12, 12)
            self.weight = nn.Parameter(torch.randn(8))
            self.head = nn.Linear(12, CLASSES)

        def forward(self, x):
            n, t = x.shape[0], x.shape[1]
            x = self.inner(x)
            steps = torch.arange(t, device=x.device)
            odd = emit("Not", torch.logical_not, torch.eq(torch.remainder(steps, 2), 0))
            x = x * torch.where(odd, self.weight, self.weight * 0.5).view(1, t, 1)
            signs = torch.ones(t)
            signs[2:5] = -1.0
            x = x * signs.view(1, t, 1) + (steps.float() / t).view(1, t, 1)
            best = x.argmax(1, keepdim=True)
            y = torch.gather(x, 1, best).squeeze(1)
            places = torch.nonzero(odd).squeeze(1)
            return self.head(y + x.index_select(1, places).sum(1) / emit("Size", lambda t: torch.tensor(t.numel()), x) * n)

    return Model()


@net((3, 32, 32), (9, 11, 13, 14, 17))
def batchnorms():
    """Batch-norm without affine terms, in a row, shared, in front of the first layer, other momenta and epsilons."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.entry = nn.BatchNorm2d(3, momentum=0.3)
            self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, 1, 1)
            self.norm1, self.norm2 = nn.BatchNorm2d(8, affine=False), nn.BatchNorm2d(8, eps=1e-2)
            self.head = nn.Sequential(nn.AvgPool2d(3), nn.Flatten(), nn.BatchNorm1d(200), nn.Linear(200, CLASSES), nn.BatchNorm1d(CLASSES))

        def forward(self, x):
            x = torch.tanh(self.norm2(self.norm1(self.conv1(self.entry(x)))))
            return self.head(torch.tanh(self.conv2(x)))

    return Model()


@net((3, 32, 32), (9, 11, 13, 17))
def silent():
    """Parameters that the loss does not see, an Identity, a detached branch, x multiplied by zero."""
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.side = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(3, 8, 3, 2)
            self.gain = nn.Parameter(torch.rand(8, 1, 1))
            self.head = nn.Linear(8, CLASSES)

        def forward(self, x):
            x = nn.Identity()(F.relu(self.conv(x)) + 0.0 * self.side(x).relu()) * self.gain
            return self.head(x.mean((2, 3)))

    return Model()


# Operators newer than this exporter's opset 17

def newer(model):
    """Layers of the model that later opsets have an operator for export as that operator."""
    for module in model.modules():
        module.__class__ = {nn.GELU: NewGELU, nn.Mish: NewMish, nn.GroupNorm: NewGroupNorm}.get(type(module), type(module))
    return model


class NewGELU(nn.GELU):
    def forward(self, x):
        return emit(NEWER + "::Gelu", super().forward, x, approximate_s=self.approximate)


class NewMish(nn.Mish):
    def forward(self, x):
        return emit(NEWER + "::Mish", super().forward, x)


class NewGroupNorm(nn.GroupNorm):
    """Opset 21: scale and bias per channel."""
    def forward(self, x):
        function = lambda x, w, b: F.group_norm(x, self.num_groups, w, b, self.eps)
        return emit(NEWER + "::GroupNormalization", function, x, self.weight, self.bias,
                    num_groups_i=self.num_groups, epsilon_f=self.eps)


class GroupNorm18(nn.Module):
    """Opset 18: scale and bias per group."""
    def __init__(self, groups, channels):
        super().__init__()
        self.groups, self.each = groups, channels // groups
        self.weight, self.bias = nn.Parameter(torch.ones(groups)), nn.Parameter(torch.zeros(groups))

    def forward(self, x):
        def function(x, w, b):
            return F.group_norm(x, self.groups, w.repeat_interleave(self.each), b.repeat_interleave(self.each))
        return emit(NEWER + "::GroupNormalization", function, x, self.weight, self.bias,
                    num_groups_i=self.groups, epsilon_f=1e-5)


@net((3, 16, 16), ())
def gelu_mish():
    return newer(convolutional(alternate([nn.GELU(), nn.GELU(approximate="tanh"), nn.Mish()])))


@net((3, 16, 16), ())
def mish():
    return newer(convolutional(alternate([nn.Mish(), nn.ReLU(), nn.Mish()])))


@net((3, 16, 16), ())
def padding_wrap():
    """Opset 19: Pad with mode "wrap"."""
    def wrap(x):
        function = lambda x, pads: F.pad(x, (2, 3, 1, 0), "circular")
        return emit(NEWER + "::Pad", function, x, torch.tensor([0, 0, 1, 2, 0, 0, 0, 3]), mode_s="wrap")

    return convolutional([nn.Conv2d(3, 8, 3), nn.Tanh(), Lambda(wrap), nn.Conv2d(8, 8, 3), nn.Tanh()])


@net((3, 16, 16), ())
def groupnorm18():
    return convolutional([nn.Conv2d(3, 16, 3), GroupNorm18(4, 16), nn.Tanh(), nn.Conv2d(16, 12, 3), GroupNorm18(3, 12), nn.ReLU()])


@net((3, 16, 16), ())
def groupnorm21():
    return newer(convolutional([
        nn.Conv2d(3, 16, 3), nn.GroupNorm(4, 16), nn.Tanh(), nn.Conv2d(16, 12, 3), nn.GroupNorm(3, 12), nn.ReLU()]))


# ---------------------------------------------------------------- exports

@dataclass
class Export:
    """One file: a network and how it is exported."""
    net: Net
    suffix: str
    opset: int
    folding: bool = False
    training: TrainingMode = TrainingMode.PRESERVE
    keep_inputs: bool = False
    batch: int = BATCH
    dynamic: bool = True
    tail: Optional[Callable[[], nn.Module]] = None
    half: Optional[str] = None
    dropout: Optional[float] = None
    fresh: bool = False

    @property
    def name(self):
        return f"{self.net.name}_op{self.opset}{self.suffix}"


VARIANTS = [
    # The exporter's default: constants folded, batch-norm folded into the convolution in front.
    ("_default", dict(folding=True, training=TrainingMode.EVAL), {
        "resnet": (9, 13, 17), "resnext": (14,), "mobilenet_v3": (13, 17), "mobilenet_v2": (11,), "vgg_dropout": (9, 13),
        "densenet": (13,), "regnet_y": (14,), "efficientnet": (14,), "shufflenet_v2": (13,), "squeezenet": (11,),
        "vit": TRANSFORMER, "swin": (14, 17), "convnext": (14, 17), "mixer": (13,), "encoder": (14,), "conv1d": (13,),
        "einsum_attention": (13,), "groupnorm": (14,), "convtranspose": (13,), "conv3d": (14,)}),
    # Constants folded, batch-norm kept.
    ("_fold", dict(folding=True), {
        "resnet": (9, 14), "googlenet_transform": (13,), "vit": (14,), "swin": (14,), "swin_v2": (14,), "maxvit": (14,),
        "shufflenet_v2": (11, 13), "activations": (9, 13), "padding": (11,), "indexing": (13,), "integers": (13,),
        "broadcasting": (13,), "gemm": (13,), "cosine_head": (14,), "resizing": (11, 13)}),
    # Initializers that are graph inputs as well.
    ("_inputs", dict(keep_inputs=True), {
        "resnet": (7, 8, 9, 13), "lenet": (7,), "squeezenet": (8,), "vit": (14,), "mlp": (8, 13), "convtranspose": (8,)}),
    # Batch-norm in training mode, Dropout kept.
    ("_training", dict(training=TrainingMode.TRAINING, dropout=0.0), {
        "resnet": CNN, "densenet": (11, 14), "batchnorms": (9, 13, 14, 17), "mobilenet_v3": (14,), "conv1d": (15,)}),
    ("_dropout0", dict(training=TrainingMode.TRAINING, dropout=0.0), {
        "vgg_dropout": (9, 11, 12, 13, 14, 17), "vit": (14,), "encoder": (14,)}),
    ("_dropout50", dict(training=TrainingMode.TRAINING, dropout=0.5), {
        "vgg_dropout": (9, 11, 12, 13, 14, 17), "vit": (14,), "alexnet": (13,)}),
    # A batch size that cannot change.
    ("_batch4", dict(batch=4, dynamic=False), {
        "resnet": (11,), "vgg_dropout": (9, 13), "vit": (14,), "swin": (14,), "shufflenet_v2": (13,), "indexing": (13,)}),
    ("_batch4_default", dict(batch=4, dynamic=False, folding=True, training=TrainingMode.EVAL), {
        "resnet": (13,), "vgg_dropout": (13,), "vit": (14,), "swin": (14,), "shufflenet_v2": (11,)}),
    ("_batch1", dict(batch=1, dynamic=False), {
        "vgg_dropout": (13,), "vit": (14,), "convnext": (14,), "groupnorm": (13,), "lenet": (9,)}),
    # Never trained: initializers of equal values are one, read by the others' places through Identity.
    ("_fresh", dict(fresh=True), {"resnet": (9, 13, 14), "convnext": (14,), "mixer": (14,), "mobilenet_v3": (17,)}),
    ("_fresh_default", dict(fresh=True, folding=True, training=TrainingMode.EVAL), {"convnext": (14,), "mixer": (14,)}),
    # Probabilities at the end.
    ("_softmax", dict(tail=partial(nn.Softmax, 1)), {
        "resnet": (9, 13, 17), "vit": (14,), "squeezenet": (9, 13), "lenet": (7, 11), "tensorflow_like": (11, 13)}),
    ("_logsoftmax", dict(tail=partial(nn.LogSoftmax, 1)), {
        "resnet": (9, 13), "mixer": (14,), "mlp": (7, 17)}),
    ("_softmax_negative", dict(tail=partial(nn.Softmax, -1), folding=True), {"vgg_dropout": (11, 13)}),
    # float16 weights, arithmetic, input and output; or input and output in float32, cast at entry and exit.
    ("_fp16", dict(half="io"), {"resnet": (9, 13, 17), "vit": (14,), "convnext": (17,), "mobilenet_v3": (14,), "lenet": (11,)}),
    ("_fp16_cast", dict(half="cast"), {"resnet": (9, 13), "vit": (17,), "groupnorm": (13,), "vgg_dropout": (14,)}),
]

# Opset 18 and later, which this exporter does not know: written as opset 17, then brought up by hand.
LATER = {
    "resnet": (18, 20, 22, 23), "densenet": (18, 21), "mobilenet_v3": (18, 22), "convnext": (18, 20, 23), "vit": (18, 20, 21, 23),
    "swin": (18, 23), "mixer": (19, 23), "einsum_attention": (18, 23), "encoder": (20,), "cosine_head": (18, 21),
    "variadic": (18, 23), "convtranspose_attributes": (22,), "pooling_attributes": (19, 22),
    "reductions": (18, 20, 23), "reductions_more": (18, 23), "activations": (18, 22), "activations_new": (18, 23),
    "padding": (18, 19, 21, 23),
    "resizing": (18, 19), "resizing_sizes": (18, 19, 23), "pooling": (19, 22), "pooling_ceil": (19, 22), "pixelshuffle": (20,),
    "indexing": (18, 23), "integers": (18, 23), "broadcasting": (18, 23), "convtranspose": (18, 22), "instancenorm": (18, 22),
    "groupnorm": (18, 23), "batchnorms": (18, 23), "conv1d": (21,), "conv3d": (21,), "tensorflow_like": (18, 23), "gemm": (18, 23),
    "shufflenet_v2": (18,), "efficientnet": (21,), "regnet_y": (23,), "squeezenet": (22,), "googlenet_transform": (19,),
    "gelu_mish": (20, 23), "mish": (18, 22), "padding_wrap": (19, 23), "groupnorm18": (18, 20), "groupnorm21": (21, 23),
}


def exports():
    by_name = {n.name: n for n in NETS}
    for n in NETS:
        for opset in n.opsets + LATER.get(n.name, ()):
            yield Export(n, "", opset)
    for suffix, how, nets in VARIANTS:
        for name, opsets in nets.items():
            for opset in opsets:
                yield Export(by_name[name], suffix, opset, **how)
    for name in ("vit", "convnext", "mixer", "encoder"):
        n = by_name[name]
        yield Export(Net(name, lambda n=n: newer(n.make()), n.shape, ()), "_gelu", 20)


def build(n, fresh):
    """The network with a seed of its own, all constant parameters and statistics made random unless fresh."""
    torch.manual_seed(zlib.crc32(n.name.encode()))
    model = n.make()
    if fresh:
        return model
    with torch.no_grad():
        for p in model.parameters():
            if p.numel() > 1 and p.min() == p.max():
                p.copy_(p + 0.1 * torch.randn_like(p))
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model


class Tailed(nn.Module):
    def __init__(self, model, tail):
        super().__init__()
        self.model, self.tail = model, tail

    def forward(self, x):
        return self.tail(self.model(x))


def strip_prefix(graph, prefix):
    """Initializers are named as in the model without its tail."""
    for node in graph.node:
        node.input[:] = [i[len(prefix):] if i.startswith(prefix) else i for i in node.input]
    for value in list(graph.initializer) + list(graph.input):
        if value.name.startswith(prefix):
            value.name = value.name[len(prefix):]


def set_dropout(model, p):
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = p
        elif isinstance(module, nn.MultiheadAttention):
            module.dropout = p


def without_dropout(model):
    model = copy.deepcopy(model)
    set_dropout(model, 0.0)
    return model


def numbers(model, x, y, dtype):
    """(eval logits, eval loss, train loss, train gradients by parameter name), in dtype."""
    model = without_dropout(model).to(dtype)
    x = x.to(dtype)
    with torch.no_grad():
        logits = model.eval()(x)
        eval_loss = F.cross_entropy(logits, y)
    model.train()
    loss = F.cross_entropy(model(x), y)
    named = dict(model.named_parameters())
    grads = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return logits, eval_loss, loss.detach(), {k: g for k, g in zip(named, grads) if g is not None}


def worst_difference(exact, rough):
    """Largest difference of two sets of gradients, each relative to its own largest entry."""
    scale = max(float(g.abs().max()) for g in exact.values())
    worst = 0.0
    for k, g in exact.items():
        own = float(g.abs().max())
        if own > 1e-6 * scale:  # below: zero but for rounding, e.g. a bias in front of batch-norm
            worst = max(worst, float((g - rough[k].double()).abs().max()) / own)
    return worst


def reference(model, shape, batch, y, half):
    for attempt in range(10):
        generator = torch.Generator().manual_seed(1000 + attempt)
        x = torch.randn((batch,) + shape, generator=generator)
        if half:
            x = x.half().float()
        exact = numbers(model, x, y, torch.float64)
        worst = worst_difference(exact[3], numbers(model, x, y, torch.float32)[3])
        if worst < CONDITION:
            return x, exact, worst
    raise RuntimeError(f"no well-conditioned input found, last difference {worst:.1e}")


def arrange(values, parameter):
    """How the parameter must be permuted or reshaped to give the initializer's values, or None."""
    def same(a):
        return a.shape == values.shape and np.allclose(a, values, rtol=1e-5, atol=1e-7)

    if parameter.size != values.size:
        return None
    if same(parameter):
        return lambda g: g
    if parameter.ndim == values.ndim:
        for axes in itertools.permutations(range(parameter.ndim)):
            if same(parameter.transpose(axes)):
                return lambda g: g.transpose(axes)
    if same(parameter.reshape(values.shape)):
        return lambda g: g.reshape(values.shape)
    return None


def gradients_by_initializer(graph, model, grads):
    parameters = {k: p.detach().numpy() for k, p in model.named_parameters()}
    grads = dict(grads)
    owners = {initializer.name for initializer in graph.initializer}
    for k in [k for k in parameters if k not in owners]:
        # Merged with another parameter of the same values: one initializer, the sum of both gradients.
        for owner in owners.intersection(grads):
            if np.array_equal(parameters[k], parameters[owner]):
                grads[owner] = grads[owner] + grads[k]
                del parameters[k]
                break
    found = {}
    for initializer in graph.initializer:
        if initializer.data_type not in (TensorProto.FLOAT, TensorProto.FLOAT16):
            continue
        values = numpy_helper.to_array(initializer).astype(np.float32)
        order = sorted(parameters, key=lambda k: k != initializer.name)
        for k in order:
            how = arrange(values, parameters[k])
            if how is not None:
                found.setdefault(k, []).append((initializer.name, how))
                break
    # A parameter folded into several initializers: its gradient is their sum, which says nothing of each.
    return {uses[0][0]: uses[0][1](grads[k].numpy()) for k, uses in found.items()
            if len(uses) == 1 and k in grads}


def folded(model, x):
    """What the exporter's default makes of the model: batch-norm inside the convolution in front of it."""
    model.eval()
    made_by, pairs, hooks = {}, [], []
    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            hooks.append(module.register_forward_hook(lambda m, i, o, name=name: made_by.update({id(o): (name, o)})))
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            hooks.append(module.register_forward_pre_hook(
                lambda m, i, name=name: pairs.append((made_by[id(i[0])][0], name)) if id(i[0]) in made_by else None))
    model(x)
    for hook in hooks:
        hook.remove()
    for convolution_name, norm_name in pairs:
        fused = fuse_conv_bn_eval(model.get_submodule(convolution_name), model.get_submodule(norm_name))
        for name, module in ((convolution_name, fused), (norm_name, nn.Identity())):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, module)
    return model


def restore_statistics(graph, model):
    """An export in training mode runs the model once, which moves its running statistics: put them back."""
    buffers = dict(model.named_buffers())
    for initializer in graph.initializer:
        if initializer.name in buffers:
            initializer.CopyFrom(numpy_helper.from_array(buffers[initializer.name].numpy(), initializer.name))


def to_half(proto, entry):
    """Makes the model float16, as converters do: initializers, constants, casts; sizes of Resize stay float32."""
    graph = proto.graph
    keep = {name for node in graph.node if node.op_type in ("Resize", "Upsample") for name in node.input[1:]}

    def convert(tensor):
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))

    for initializer in graph.initializer:
        if initializer.name not in keep:
            convert(initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR and not keep.intersection(node.output):
                convert(attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
    if entry == "io":
        for value in list(graph.input) + list(graph.output):
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
        return
    for node in graph.node:
        node.input[:] = ["input_fp16" if i == "input" else i for i in node.input]
        node.output[:] = ["logits_fp16" if o == "logits" else o for o in node.output]
    graph.node.insert(0, helper.make_node("Cast", ["input"], ["input_fp16"], "entry", to=TensorProto.FLOAT16))
    graph.node.append(helper.make_node("Cast", ["logits_fp16"], ["logits"], "exit", to=TensorProto.FLOAT))


def bring_up(proto, opset):
    """From opset 17 to a later one: reductions take their axes as an input, Split its number of outputs."""
    nodes = []
    for node in proto.graph.node:
        if node.domain == NEWER:
            node.domain = ""
        axes = [a for a in node.attribute if a.name == "axes"]
        if node.op_type.startswith("Reduce") and axes:
            name = node.output[0] + "_axes"
            nodes.append(helper.make_node("Constant", [], [name], name, value=helper.make_tensor(
                name, TensorProto.INT64, [len(axes[0].ints)], axes[0].ints)))
            node.input.append(name)
            node.attribute.remove(axes[0])
        if node.op_type == "Split" and len(node.input) < 2:
            node.attribute.append(helper.make_attribute("num_outputs", len(node.output)))
        nodes.append(node)
    nodes = [copy.deepcopy(node) for node in nodes]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    del proto.opset_import[:]
    proto.opset_import.append(helper.make_opsetid("", opset))
    proto.ir_version = 8 if opset < 19 else 9 if opset < 21 else 10 if opset < 23 else 11


def write(export, folder):
    model = build(export.net, export.fresh)
    if export.half:
        model = model.half().float()  # the numbers are those of the rounded weights, in full precision
    labels = torch.arange(export.batch) % CLASSES
    fold = export.training == TrainingMode.EVAL
    measured = folded(copy.deepcopy(model), torch.zeros((2,) + export.net.shape)) if fold else model
    x, (logits, eval_loss, train_loss, grads), worst = reference(
        measured, export.net.shape, export.batch, labels, export.half)

    exported = copy.deepcopy(model).eval()
    if export.dropout is not None:
        set_dropout(exported, export.dropout)
    if export.tail:
        exported = Tailed(exported, export.tail())
    target = io.BytesIO()
    torch.onnx.export(
        exported, x, target, opset_version=min(export.opset, 17), training=export.training,
        do_constant_folding=export.folding, keep_initializers_as_inputs=export.keep_inputs,
        input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}} if export.dynamic else None)
    proto = onnx.load_from_string(target.getvalue())
    if export.tail:
        strip_prefix(proto.graph, "model.")
    restore_statistics(proto.graph, model)
    if export.opset > 17:
        bring_up(proto, export.opset)
    else:
        onnx.checker.check_model(proto)
    if export.keep_inputs and export.opset <= 8:
        proto.ir_version = 3

    arrays = {
        "input": x.numpy(), "labels": labels.numpy(),
        "eval_logits": logits.numpy(), "eval_loss": eval_loss.numpy()}
    if export.tail:
        arrays["eval_output"] = export.tail()(logits).numpy()
    gradients = {}
    if not export.dropout:
        arrays["train_loss"] = train_loss.numpy()
        gradients = gradients_by_initializer(proto.graph, measured, grads)
        arrays.update({"train_grad/" + k: g for k, g in gradients.items()})
    arrays = {k: a.astype(np.float32) if a.dtype == np.float64 else a for k, a in arrays.items()}
    if export.half:
        to_half(proto, export.half)
        onnx.checker.check_model(proto)
    path = os.path.join(folder, export.name)
    onnx.save(proto, path + ".onnx")
    np.savez(path + ".npz", **arrays)
    print(f"{export.name}: {len(proto.graph.node)} nodes, {len(gradients)}/{len(grads)} gradients, "
          f"float32 within {worst:.0e}, {os.path.getsize(path + '.onnx') >> 10} KiB", flush=True)


def main(arguments):
    if not arguments:
        raise SystemExit(__doc__)
    folder, patterns = arguments[0], arguments[1:] or ["*"]
    os.makedirs(folder, exist_ok=True)
    for export in exports():
        if any(fnmatch.fnmatch(export.name, p) and (p.startswith("full_") or not export.net.full) for p in patterns):
            try:
                write(export, folder)
            except (torch.onnx.errors.OnnxExporterError, RuntimeError) as e:
                print(f"{export.name}: left out, {str(e).strip().splitlines()[0]}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
