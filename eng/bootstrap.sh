#!/usr/bin/env bash
# Finds out which packages the configured NuGet sources have, brings ONNX Runtime from npm into
# eng/feed where they lack it, and says what is left out. With a complete feed it changes nothing,
# and plain `dotnet build` and `dotnet test` need no script.
#
#   eng/bootstrap.sh [--gpu] [--again]
#     --gpu     also see to the CUDA build of ONNX Runtime; implied by UlrlDevice=cuda
#     --again   look again, even if nothing has changed since the last time
#
# ULRL_FORCE_LOCAL_FEED=1 treats ONNX Runtime as missing, to try out the npm way.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

npm_version=0.4.9
npm_onnxruntime_version=1.29.0
npm_package=com.github.asus4.onnxruntime
npm_integrity=sha512-BkzxduSZ9IkeDP6Q8lz2TFU2ie7hSSvS7ZIfzMooExoq0CNzJnuuGaUJ7IsojBgqO4ouD1jXah8OYyJbCN29Fg==
npm_gpu_package=com.github.asus4.onnxruntime.linux-x64-gpu
npm_gpu_integrity=sha512-FopIhNE/Ng+v2X65wVc9clPCBCvhvA53Hxo2U0Kf5fGdVsC7iCA+mZ0KLWggcQAj7TIZ6pNidR4AC10g74Xo6w==

gpu_nupkg=eng/feed/Microsoft.ML.OnnxRuntime.Gpu.$npm_onnxruntime_version.nupkg
gpu=false
again=false
[ "${UlrlDevice:-}" = cuda ] && gpu=true
[ -e "$gpu_nupkg" ] && gpu=true
for option in "$@"; do
    case $option in
        --gpu) gpu=true ;;
        --again) again=true ;;
        *) fail "unknown option '$option'; known are --gpu and --again" ;;
    esac
done
force_local=${ULRL_FORCE_LOCAL_FEED:-0}

# The last outcome holds as long as nothing it rests on has changed: state/key names that, state/said what was printed.
state=artifacts/bootstrap
key=$({ echo "$gpu $force_local"; cat eng/bootstrap.sh Directory.Packages.props nuget.config \
    "$HOME"/.nuget/NuGet/NuGet.Config "$HOME"/.nuget/config/* 2>/dev/null || true; } | cksum)
if [ "$again" = false ] && [ -e "$state/said" ] && [ "$(cat "$state/key" 2>/dev/null)" = "$key" ] \
    && [ "$(cat "$state/props" 2>/dev/null)" = "$(cat eng/packages.local.props 2>/dev/null)" ]; then
    missing=false
    while read -r nupkg; do [ -e "$nupkg" ] || missing=true; done <"$state/feed"
    if [ "$missing" = false ]; then
        cat "$state/said"
        exit 0
    fi
fi

mkdir -p artifacts eng/feed
work=$(mktemp -d "$PWD/artifacts/bootstrap.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Keeps the throw-away projects clear of the repository's own build settings.
for file in Directory.Build.props Directory.Build.targets Directory.Packages.props; do
    echo '<Project />' >"$work/$file"
done
mkdir "$work/next"
: >"$work/next/said"
: >"$work/next/feed"

say() { echo "$*" | tee -a "$work/next/said"; }

# version_of PACKAGE: the version that Directory.Packages.props pins.
version_of() {
    local version
    version=$(sed -n "s|.*<PackageVersion Include=\"$1\" Version=\"\([^\"]*\)\".*|\1|p" Directory.Packages.props)
    if [ "$version" = '$(OnnxRuntimeVersion)' ]; then
        version=$(sed -n 's|.*<OnnxRuntimeVersion [^>]*>\([^<]*\)<.*|\1|p' Directory.Packages.props)
    fi
    [ -n "$version" ] || fail "Directory.Packages.props pins no version of $1"
    echo "$version"
}

# resolve PACKAGE...: whether a restore finds all of them at their pinned versions.
resolve() {
    local package folder
    folder=$(mktemp -d "$work/probe.XXXXXX")
    {
        echo '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>false</NuGetAudit></PropertyGroup><ItemGroup>'
        for package in "$@"; do echo "<PackageReference Include=\"$package\" Version=\"$(version_of "$package")\" />"; done
        echo '</ItemGroup></Project>'
    } >"$folder/Probe.csproj"
    dotnet restore "$folder/Probe.csproj" -v q >"$folder/log" 2>&1 && return
    # A source that cannot be reached says nothing about what it has, and no later restore would get past it.
    ! grep -q NU1301 "$folder/log" || fail "$(sed -n 's/.*error NU1301: //p' "$folder/log" | head -1 | sed 's/\. *$//'): make it reachable or disable it (dotnet nuget disable source NAME)"
    return 1
}

# first_missing PACKAGE...: prints the first that does not resolve, nothing when all do.
first_missing() {
    local package
    for package in "$@"; do
        if ! resolve "$package"; then
            echo "$package $(version_of "$package")"
            return
        fi
    done
}

# fetch PACKAGE INTEGRITY FOLDER: downloads from npm, checks the hash, unpacks.
fetch() {
    local archive actual
    mkdir -p "$3/download"
    npm pack "$1@$npm_version" --ignore-scripts --loglevel=error --pack-destination "$3/download" >/dev/null ||
        fail "npm could not download $1@$npm_version: see the message above"
    archive=$(echo "$3"/download/*.tgz)
    actual=sha512-$(node -e 'process.stdout.write(require("crypto").createHash("sha512").update(require("fs").readFileSync(process.argv[1])).digest("base64"))' "$archive")
    [ "$actual" = "$2" ] || fail "$1@$npm_version has integrity $actual instead of $2: it is not used"
    tar -xzf "$archive" -C "$3" --no-same-owner
    rm "$archive"
}

# pack PROJECT-FOLDER: builds the package into $work/packages.
pack() {
    dotnet pack "$1" -c Release -o "$work/packages" -v q >"$1/log" 2>&1 || { cat "$1/log" >&2; fail "packing $(basename "$1") failed"; }
}

# native_project ID FILES: a package without an assembly of its own that carries native libraries.
native_project() {
    mkdir "$work/$1"
    cat >"$work/$1/$1.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net8.0</TargetFramework>
    <Version>$npm_onnxruntime_version</Version>
    <Description>ONNX Runtime native libraries, repacked from npm $npm_package@$npm_version.</Description>
    <Authors>Microsoft</Authors>
    <PackageLicenseExpression>MIT</PackageLicenseExpression>
    <IncludeBuildOutput>false</IncludeBuildOutput>
    <NoWarn>\$(NoWarn);NU5128</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <ProjectReference Include="../Microsoft.ML.OnnxRuntime.Managed/Microsoft.ML.OnnxRuntime.Managed.csproj" />
    <None Include="../npm/package/ThirdPartyNotices.txt" Pack="true" PackagePath="" />
$2
  </ItemGroup>
</Project>
PROJECT
    pack "$work/$1"
}

native() { echo "    <None Include=\"../$1\" Pack=\"true\" PackagePath=\"runtimes/$2/native\" />"; }

# ONNX Runtime under its official package ids, out of the npm package, into eng/feed.
repack_onnxruntime() {
    command -v npm >/dev/null || fail "npm is not on PATH, and ONNX Runtime can only come from npm here: install npm"
    fetch "$npm_package" "$npm_integrity" "$work/npm"
    mkdir "$work/Microsoft.ML.OnnxRuntime.Managed"
    cat >"$work/Microsoft.ML.OnnxRuntime.Managed/Microsoft.ML.OnnxRuntime.Managed.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net8.0</TargetFramework>
    <AssemblyName>Microsoft.ML.OnnxRuntime</AssemblyName>
    <PackageId>Microsoft.ML.OnnxRuntime.Managed</PackageId>
    <Version>$npm_onnxruntime_version</Version>
    <Description>ONNX Runtime for .NET, compiled from the managed sources in npm $npm_package@$npm_version.</Description>
    <Authors>Microsoft</Authors>
    <PackageLicenseExpression>MIT</PackageLicenseExpression>
    <AllowUnsafeBlocks>true</AllowUnsafeBlocks>
    <GenerateDocumentationFile>true</GenerateDocumentationFile>
    <WarningLevel>0</WarningLevel>
    <NoWarn>\$(NoWarn);CS1591;CS1573;CS1572;CS1574;CS1587;CS1570;CS1734;NU1603</NoWarn>
    <NuGetAudit>false</NuGetAudit>
  </PropertyGroup>
  <ItemGroup>
    <Compile Include="../npm/package/Runtime/**/*.cs" />
    <Using Include="System.Reflection" />
    <PackageReference Include="System.Numerics.Tensors" Version="9.0.0" />
    <None Include="../npm/package/ThirdPartyNotices.txt" Pack="true" PackagePath="" />
  </ItemGroup>
</Project>
PROJECT
    pack "$work/Microsoft.ML.OnnxRuntime.Managed"
    native_project Microsoft.ML.OnnxRuntime "$(
        native 'npm/package/Plugins/Linux/x64/*.so' linux-x64
        native 'npm/package/Plugins/Windows/x64/*.dll' win-x64
        native 'npm/package/Plugins/Windows/arm64/*.dll' win-arm64
        native 'npm/package/Plugins/macOS/arm64/*.dylib' osx-arm64)"
    if [ "$gpu" = true ]; then
        fetch "$npm_gpu_package" "$npm_gpu_integrity" "$work/npm-gpu"
        native_project Microsoft.ML.OnnxRuntime.Gpu "$(
            native 'npm/package/Plugins/Linux/x64/libonnxruntime.so' linux-x64
            native 'npm-gpu/package/Plugins/Linux/x64/libonnxruntime_providers_shared.so' linux-x64
            native 'npm-gpu/package/Plugins/Linux/x64/libonnxruntime_providers_cuda.so' linux-x64)"
    fi
    local nupkg
    for nupkg in "$work"/packages/*.nupkg; do
        mv -f "$nupkg" eng/feed/
        echo "eng/feed/$(basename "$nupkg")" >>"$work/next/feed"
    done
}

runtime=(Microsoft.ML.OnnxRuntime.Managed Microsoft.ML.OnnxRuntime)
mlnet=(Microsoft.ML Microsoft.ML.OnnxTransformer)
images=(Microsoft.ML.ImageAnalytics)
case $(uname -s) in
    Linux) torchsharp=(TorchSharp libtorch-cpu-linux-x64) torchsharp_cuda=TorchSharp-cuda-linux ;;
    Darwin) torchsharp=(TorchSharp libtorch-cpu-osx-arm64) torchsharp_cuda= ;;
    *) torchsharp=(TorchSharp libtorch-cpu-win-x64) torchsharp_cuda=TorchSharp-cuda-windows ;;
esac
skiasharp=(SkiaSharp SkiaSharp.NativeAssets.Linux.NoDependencies)

runtime_missing=
gpu_missing=
mlnet_missing=
images_missing=
torchsharp_missing=
torchsharp_cuda_missing=
skiasharp_missing=
if ! resolve "${runtime[@]}" "${mlnet[@]}" "${images[@]}" "${torchsharp[@]}" "${skiasharp[@]}"; then
    runtime_missing=$(first_missing "${runtime[@]}")
    mlnet_missing=$(first_missing "${mlnet[@]}")
    images_missing=$(first_missing "${images[@]}")
    torchsharp_missing=$(first_missing "${torchsharp[@]}")
    skiasharp_missing=$(first_missing "${skiasharp[@]}")
fi
[ "$force_local" = 1 ] && runtime_missing="Microsoft.ML.OnnxRuntime $(version_of Microsoft.ML.OnnxRuntime)"
if [ "$gpu" = true ]; then
    gpu_missing=$(first_missing Microsoft.ML.OnnxRuntime.Gpu)
    [ -z "$torchsharp_cuda" ] || torchsharp_cuda_missing=$(first_missing "$torchsharp_cuda")
fi

properties=
property() { properties+="    <$1${3:+ Condition=\"$3\"}>$2</${1}>"$'\n'; }
absent="does not resolve from the configured sources"

if [ -n "$runtime_missing" ]; then
    repack_onnxruntime
    say "ONNX Runtime $npm_onnxruntime_version comes from npm: $runtime_missing $absent"
    property OnnxRuntimeVersion "$npm_onnxruntime_version"
elif [ -n "$gpu_missing" ]; then
    repack_onnxruntime
    say "ONNX Runtime $npm_onnxruntime_version for CUDA comes from npm: $gpu_missing $absent"
    property OnnxRuntimeVersion "$npm_onnxruntime_version" "'\$(UlrlDevice)' == 'cuda'"
fi
if [ -n "$mlnet_missing" ]; then
    say "Ulrl.MLNet is left out: $mlnet_missing $absent"
    property UlrlHasMLNet false
elif [ -n "$images_missing" ]; then
    say "The ML.NET examples are left out: $images_missing $absent"
    property UlrlHasImageAnalytics false
fi
if [ -n "$skiasharp_missing" ]; then
    say "Ulrl.Images is left out, and ulrl defend reads no PNG and JPEG images: $skiasharp_missing $absent"
    property UlrlHasSkiaSharp false
fi
if [ -n "$torchsharp_missing" ]; then
    say "Ulrl.TorchSharp is left out: $torchsharp_missing $absent"
    property UlrlHasTorchSharp false
elif [ -n "$torchsharp_cuda_missing" ]; then
    say "libtorch runs on the CPU: $torchsharp_cuda_missing $absent"
    property UlrlHasTorchSharpCuda false
fi

# An absent file means that everything resolves.
if [ -n "$properties" ]; then
    printf '<Project>\n  <!-- Written by eng/bootstrap.sh. -->\n  <PropertyGroup>\n%s  </PropertyGroup>\n</Project>\n' "$properties" >"$work/next/props"
    cp "$work/next/props" "$work/props"
    mv -f "$work/props" eng/packages.local.props
else
    rm -f eng/packages.local.props
fi
echo "$key" >"$work/next/key"
rm -rf "$state"
mv "$work/next" "$state"
