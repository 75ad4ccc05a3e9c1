#!/usr/bin/env bash
# Purifies the bundled classifier in an ML.NET pipeline, then classifies images with the saved pipeline in an application
# that does not reference Ulrl, and checks that the scores are the same to the last digit.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../eng/environment.sh"

eng/bootstrap.sh
for project in PurifyPipeline ScoringApp; do dotnet build examples/mlnet/$project -c Release -v q; done

out=artifacts/mlnet-example
dotnet artifacts/bin/PurifyPipeline/release/PurifyPipeline.dll examples/cifar10-badnet $out
echo "The saved pipeline in an application without Ulrl:"
mapfile -t images < <(cut -d, -f1 $out/scores.csv)
dotnet artifacts/bin/ScoringApp/release/ScoringApp.dll $out/pipeline.zip "${images[@]}" >$out/loaded-scores.csv
cut -d, -f1,2 $out/loaded-scores.csv | sed "s|^$PWD/||" | head -5
cmp $out/scores.csv $out/loaded-scores.csv && echo "${#images[@]} images, identical scores"
