#!/usr/bin/env bash
# Makes the packages in artifacts/packages and tries them: a new project restores Ulrl.MLNet (and with it Ulrl.Training) from
# there, purifies the bundled model and loads the saved pipeline; the tool is installed from there and looks at the result.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

eng/bootstrap.sh
out=$PWD/artifacts/packages
rm -rf "$out"
for project in Ulrl.Training Ulrl.Images Ulrl.Cli Ulrl.MLNet Ulrl.TorchSharp Ulrl.MLNet.TorchSharp; do dotnet pack src/$project -c Release -o "$out" -v q; done
ls -1 "$out"

[ -e "$out/Ulrl.MLNet.$(dotnet msbuild src/Ulrl.MLNet -getProperty:Version).nupkg" ] || exit 0
check=$PWD/artifacts/pack-check
rm -rf "$check"
mkdir -p "$check"
for file in Directory.Build.props Directory.Build.targets Directory.Packages.props; do echo '<Project />' >"$check/$file"; done
sed "s|<packageSources>|<packageSources><add key=\"packed\" value=\"$out\" />|; s|value=\"eng/feed\"|value=\"$PWD/eng/feed\"|" nuget.config >"$check/nuget.config"
version() { dotnet msbuild src/Ulrl.MLNet -getProperty:"$1"; }
cat >"$check/Consumer.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net10.0</TargetFramework>
    <OutputType>Exe</OutputType>
    <ImplicitUsings>enable</ImplicitUsings>
    <NuGetAudit>false</NuGetAudit>
    <NoWarn>NU1603</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Ulrl.MLNet" Version="$(version Version)" />
    <PackageReference Include="Microsoft.ML.OnnxRuntime" Version="$(version OnnxRuntimeVersion)" />
  </ItemGroup>
</Project>
PROJECT
cat >"$check/Program.cs" <<'PROGRAM'
using Microsoft.ML;
using Microsoft.ML.Data;
using Ulrl.MLNet;
using Ulrl.Training.Data;

var samples = DataSetReader.Read(Path.Combine(args[0], "clean500.npz")).Normalize(ChannelNormalization.Cifar10).Take(64);
var context = new MLContext(seed: 1);
var data = context.Data.LoadFromEnumerable(Enumerable.Range(0, samples.Count).Select(i => new Row { Features = samples.Sample(i).ToArray(), Label = samples.Labels[i] }));
var fitted = context.Transforms.PurifyBackdoor(new PurifyBackdoorEstimator.Options
{
    ModelFile = Path.Combine(args[0], "preact_badnet_t0.onnx"),
    Purification = new() { UnlearningEpochs = 1, RelearningEpochs = 1 },
}).Fit(data);
fitted.SaveOnnx(args[1]);
using var file = new MemoryStream();
context.Model.Save(fitted, data.Schema, file);
var loaded = new MLContext().Model.Load(file, out _).Transform(data).GetColumn<float[]>("Score").SelectMany(s => s);
Console.WriteLine(fitted.Transform(data).GetColumn<float[]>("Score").SelectMany(s => s).SequenceEqual(loaded) ? "the saved pipeline scores the same" : throw new InvalidOperationException("the scores differ"));

internal sealed class Row
{
    [VectorType(3, 32, 32)]
    public float[] Features { get; set; } = [];

    public int Label { get; set; }
}
PROGRAM

# Packages of the same version from an earlier run must not be taken from the user's cache.
export NUGET_FALLBACK_PACKAGES=${NUGET_PACKAGES:-$HOME/.nuget/packages}
export NUGET_PACKAGES=$check/cache
dotnet run --project "$check" -v q -- "$PWD/examples/cifar10-badnet" "$check/purified.onnx"
dotnet tool install Ulrl.Cli --version "$(version Version)" --tool-path "$check/tool" --configfile "$check/nuget.config" -v q
"$check/tool/ulrl" inspect "$check/purified.onnx"
echo "The packages in $out work"
