#!/usr/bin/env bash
# Builds a backdoored TorchSharp classifier from the bundled weights, purifies it by way of ONNX, and measures the live module
# before and after. Leaves the purified module and model in artifacts/torchsharp-example/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../eng/environment.sh"

eng/bootstrap.sh
dotnet build examples/torchsharp/PurifyModule -c Release -v q
dotnet artifacts/bin/PurifyModule/release/PurifyModule.dll examples/cifar10-badnet artifacts/torchsharp-example
