#!/usr/bin/env bash
# Lets libLibTorchSharp.so load where libstdc++ is older than GCC 13's (Debian 12, Ubuntu 22.04).
#
#   eng/older-libstdcxx.sh FOLDER/libLibTorchSharp.so
#
# TorchSharp 0.107.0's native library asks for the symbol version GLIBCXX_3.4.32 on account of one symbol that nothing calls,
# std::ios_base_library_init(). This marks the request as weak (the two bytes of flags after the version's hash in
# .gnu.version_r), which changes nothing on newer systems. Run again, it changes nothing either.
set -euo pipefail
export LC_ALL=C
for library in "$@"; do
    grep -qaP '\x42\xf8\x97\x02\x00\x00' "$library" || continue
    # Written aside and with the time of the original: the build neither follows a link into the package nor copies anew.
    sed 's/\x42\xf8\x97\x02\x00\x00/\x42\xf8\x97\x02\x02\x00/' "$library" >"$library.new"
    touch -r "$library" "$library.new"
    mv -f "$library.new" "$library"
done
