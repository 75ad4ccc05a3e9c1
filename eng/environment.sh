# Sourced by the scripts beside it: goes to the repository's root and quietens the .NET command line.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DOTNET_NOLOGO=1
export DOTNET_CLI_TELEMETRY_OPTOUT=1
export DOTNET_CLI_UI_LANGUAGE=en
# A minimal Debian has no libicu, without which the .NET command line does not start otherwise.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

command -v dotnet >/dev/null || fail "dotnet is not on PATH: install the .NET SDK 10"
