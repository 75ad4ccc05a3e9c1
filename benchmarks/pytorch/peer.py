"""PyTorch's half of the benchmarks: the same networks, weights, data and steps as Ulrl's half.

Every command prints one line of JSON. Needs PyTorch and NumPy. Started by Ulrl.Benchmarks; see docs/benchmarks.md.
"""
import argparse
import inspect
import json
import math
import os
import resource
import sys
import time

try:
    import numpy as np
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as error:
    sys.exit(f"{sys.executable} lacks a module that this comparison needs ({error}): install torch and numpy, or name another interpreter")

MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(3, 1, 1)
STD = torch.tensor([0.247, 0.243, 0.261]).view(3, 1, 1)
NETWORKS = {"example": ([16, 32, 64, 128], 1), "resnet18": ([64, 128, 256, 512], 2)}  # widths, blocks per stage


class PreActBlock(nn.Module):
    """He et al., Identity Mappings in Deep Residual Networks (arXiv 1603.05027), figure 4 (e)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        projects = stride != 1 or inputs != outputs
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False)) if projects else None

    def forward(self, x):
        out = F.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.conv1(out)
        return self.conv2(F.relu(self.bn2(out))) + shortcut


class PreActResNet(nn.Module):
    def __init__(self, widths, blocks):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        layers, channels = [], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(PreActBlock(channels, width, 2 if stage > 0 and block == 0 else 1))
                channels = width
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(channels, 10)

    def forward(self, x):
        return self.linear(F.adaptive_avg_pool2d(self.layers(self.conv1(x)), 1).flatten(1))


def load(name, weights):
    """A network with the values of the ONNX model's initializers."""
    net = PreActResNet(*NETWORKS[name])
    with np.load(weights) as values:
        missing, unexpected = net.load_state_dict({k: torch.from_numpy(values[k]) for k in values.files}, strict=False)
    if unexpected or any(not k.endswith("num_batches_tracked") for k in missing):
        sys.exit(f"{weights} does not hold the weights of the network '{name}'")
    return net


def read(path):
    """Pixels [N, 3, 32, 32] in [0, 1] and labels."""
    with np.load(path) as values:
        x, y = values["x"], values["y"]
    return torch.from_numpy(x).permute(0, 3, 1, 2).float().div(255).contiguous(), torch.from_numpy(y)


def normalise(pixels):
    return (pixels - MEAN) / STD


def augment(pixels):
    """RandomCrop with padding 4 on the pixels, horizontal flip, normalisation."""
    n, _, height, width = pixels.shape
    padded = F.pad(pixels, (4, 4, 4, 4))
    out = torch.empty_like(pixels)
    draws = zip(torch.randint(9, (n, 2)).tolist(), (torch.rand(n) < 0.5).tolist())
    for i, ((down, right), flip) in enumerate(draws):
        crop = padded[i, :, down:down + height, right:right + width]
        out[i] = crop.flip(-1) if flip else crop
    return normalise(out)


def unlearning_step(net, optimizer, x, y):
    logits = net(x)
    loss = -F.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 20)
    optimizer.step()
    return loss.item(), (logits.argmax(1) == y).sum().item()


def relearning_step(net, optimizer, x, y, original, neurons):
    logits = net(x)
    loss = F.cross_entropy(logits, y)
    if neurons:
        loss = loss + 0.7 * F.cosine_similarity(net.linear.weight[neurons], original[neurons]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), (logits.argmax(1) == y).sum().item()


def unlearning_optimizer(net):
    return torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)


def epoch(net, optimizer, pixels, labels, rate, step, *more):
    """Trains one epoch; gives its accuracy and its number of steps."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    batches = torch.randperm(len(labels)).split(128)
    correct = sum(step(net, optimizer, augment(pixels[b]), labels[b], *more)[1] for b in batches)
    return correct / len(labels), len(batches)


def accuracy(net, pixels, labels):
    net.eval()
    with torch.no_grad():
        correct = sum((net(normalise(x)).argmax(1) == y).sum().item() for x, y in zip(pixels.split(100), labels.split(100)))
    net.train()
    return correct / len(labels)


def suspicious(before, after):
    change = (after - before).abs().sum(1)
    deviation = (change - change.median()).abs()
    z = deviation / (1.4826 * deviation.median())
    return ((z > 3.5) & (change > change.median())).nonzero().flatten().tolist()[:2]


def purify(net, pixels, labels):
    """ULRL with the published CIFAR-10 settings; gives the suspicious neurons and the number of steps."""
    torch.manual_seed(0)
    accuracy(net, pixels, labels)
    given = {k: v.clone() for k, v in net.state_dict().items()}
    original = given["linear.weight"]
    steps = 0
    net.train()
    optimizer = unlearning_optimizer(net)
    for e in range(20):
        right, n = epoch(net, optimizer, pixels, labels, 0.01 * 0.1 ** (e >= 10), unlearning_step)
        steps += n
        if right <= 0.2:
            break
    neurons = suspicious(original, net.linear.weight.detach())
    net.load_state_dict(given)
    with torch.no_grad():
        bound = math.sqrt(2 / original.shape[1])
        net.linear.weight[neurons] = torch.empty(len(neurons), original.shape[1]).uniform_(-bound, bound)
        net.linear.bias[neurons] = 0
    optimizer = torch.optim.SGD(net.parameters(), lr=0.005, momentum=0.9)
    for e in range(20):
        rate = 0.5 * 0.005 * (1 + math.cos(math.pi * e / 20))
        steps += epoch(net, optimizer, pixels, labels, rate, relearning_step, original, neurons)[1]
    accuracy(net, pixels, labels)
    return neurons, steps


def peak_memory():
    """Bytes of the largest resident set so far."""
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def measure_step(args):
    pixels, labels = read(args.data)
    x, y = normalise(pixels[:args.batch]), labels[:args.batch]
    before = peak_memory()
    net = load(args.network, args.weights).train()
    optimizer = unlearning_optimizer(net)
    losses = [unlearning_step(net, optimizer, x, y)[0] for _ in range(args.warmup)]
    seconds, cpu = [], time.process_time()
    for _ in range(args.steps):
        start = time.perf_counter()
        losses.append(unlearning_step(net, optimizer, x, y)[0])
        seconds.append(time.perf_counter() - start)
    cpu = time.process_time() - cpu
    return {"seconds": seconds, "cpuSeconds": cpu, "steps": args.steps, "losses": losses,
            "memoryBefore": before, "memoryPeak": peak_memory()}


def measure_purification(args):
    before, cpu, start = peak_memory(), time.process_time(), time.perf_counter()
    neurons, steps = purify(load(args.network, args.weights), *read(args.data))
    return {"seconds": [time.perf_counter() - start], "cpuSeconds": time.process_time() - cpu, "steps": steps,
            "neurons": neurons, "memoryBefore": before, "memoryPeak": peak_memory()}


def measure_startup(args):
    before = peak_memory()
    unlearning_optimizer(load(args.network, args.weights).train())
    return {"memoryBefore": before, "memoryPeak": peak_memory()}


def export(args):
    """Writes a freshly initialised network; values differ everywhere, so the exporter merges no initializers."""
    torch.manual_seed(0)
    net = PreActResNet(*NETWORKS[args.network])
    for bn in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        for tensor, around in ((bn.weight, 1), (bn.bias, 0), (bn.running_mean, 0), (bn.running_var, 1)):
            nn.init.uniform_(tensor, around - 0.1, around + 0.1)
    legacy = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        net.eval(), torch.zeros(2, 3, 32, 32), args.out, opset_version=13, input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}}, do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE, **legacy)
    return {"parameters": sum(p.numel() for p in net.parameters())}


def gradients(args):
    """Loss and gradients in single and, as the reference, in double precision."""
    pixels, labels = read(args.data)
    x, y = normalise(pixels[:args.batch]), labels[:args.batch]
    losses, found = [], {}
    for precision, dtype in (("single", torch.float32), ("double", torch.float64)):
        net = load(args.network, args.weights).train().to(dtype)
        loss = F.cross_entropy(net(x.to(dtype)), y)
        loss.backward()
        losses.append(loss.item())
        found.update({f"{precision}/{k}": p.grad.numpy() for k, p in net.named_parameters()})
    np.savez(args.out, **found)
    return {"losses": losses}


def about(args):
    return {"version": f"PyTorch {torch.__version__}"}


def main():
    commands = {"step": measure_step, "purification": measure_purification, "startup": measure_startup,
                "export": export, "gradients": gradients, "about": about}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=commands)
    parser.add_argument("--network", choices=NETWORKS, default="example")
    parser.add_argument("--weights", help=".npz with the ONNX model's initializers by name")
    parser.add_argument("--data", help=".npz with x and y")
    parser.add_argument("--out", help="file to write")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(json.dumps(commands[args.command](args)), flush=True)


if __name__ == "__main__":
    main()
