#!/usr/bin/env bash
# Builds everything and runs every test project. The last line is "N passed, N failed", with
# ", N skipped" after it where tests were skipped; the exit code is 0 only if nothing failed.
# A build that fails, or a test project that breaks off, counts as one failure.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

passed=0
failed=0
skipped=0

if eng/bootstrap.sh && dotnet build Ulrl.sln -c Release -v q; then
    mkdir -p artifacts
    results=$(mktemp -d artifacts/test-results.XXXXXX)
    trap 'rm -rf "$results"' EXIT
    for project in tests/*/*.csproj; do
        name=$(basename "$project" .csproj)
        # eng/bootstrap.sh has said why.
        [ "$(dotnet msbuild "$project" -getProperty:UlrlLeftOut)" != true ] || continue
        status=0
        dotnet test "$project" -c Release --no-build -v q --logger "console;verbosity=minimal" --results-directory "$results" --logger "trx;LogFileName=$name.trx" \
            --blame-hang-timeout 10min --blame-hang-dump-type none || status=$?
        # The summary's attributes, one per line: total="3" executed="3" passed="3" failed="0" ...
        counters=$(grep -o '<Counters [^>]*' "$results/$name.trx" 2>/dev/null | tr ' ' '\n' || true)
        count() { echo "$counters" | sed -n "s/^$1=\"\([0-9]*\)\".*/\1/p"; }
        total=$(count total)
        executed=$(count executed)
        good=$(count passed)
        bad=$((${executed:-0} - ${good:-0}))
        # Nothing reported as failed, yet the run did not succeed: the test process broke off.
        if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "${total:-0}" -eq 0 ]; }; then
            echo "$name broke off or ran no test (exit code $status)" >&2
            bad=1
        fi
        passed=$((passed + ${good:-0}))
        failed=$((failed + bad))
        skipped=$((skipped + ${total:-0} - ${executed:-0}))
    done
else
    echo "the set-up or the build failed: no test was run" >&2
    failed=1
fi

if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
