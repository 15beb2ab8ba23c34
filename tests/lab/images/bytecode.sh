#!/bin/sh
# A hook of dpkg on hosts of the images kit-*: before packages are configured, brings the byte code of the modules that were unpacked.
[ "$DPKG_HOOK_ACTION" = configure ] || exit 0
cd "$(dirname "$0")" || exit
find . -name __pycache__ | while read -r compiled; do
    if [ -d "/${compiled%/__pycache__}" ] && [ ! -d "/$compiled" ]; then
        echo "$compiled"
    fi
done | tar --create --files-from=- | tar --extract --directory=/
