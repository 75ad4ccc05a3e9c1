#!/usr/bin/env bash
# Purifies the bundled backdoored classifier and measures it before and after.
# Leaves the purified model and the report in artifacts/example/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

eng/bootstrap.sh
dotnet build src/Ulrl.Cli -c Release -v q

ulrl() { dotnet artifacts/bin/Ulrl.Cli/release/ulrl.dll "$@"; }

data=examples/cifar10-badnet
model=$data/preact_badnet_t0.onnx
out=artifacts/example
normalisation=(--mean .4914,.4822,.4465 --std .247,.243,.261)
mkdir -p $out

ulrl purify $model --clean $data/clean500.npz "${normalisation[@]}" --out $out/purified.onnx --report $out/report.html \
    --test $data/test1000.npz --triggered $data/triggered.npz --target 0
