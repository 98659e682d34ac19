#!/bin/sh
# Installs what the image holds: the locked packages and this program, compiled, and nothing that only a build needs.
#
#   deploy/image/install.sh TARGET
#
# TARGET is a folder that is not there yet, by its absolute path: scripts in it name it, so it cannot be moved. Needs Python with
# venv (PYTHON=... names another than python3) and PyPI, no root and no compiler. The same checkout, Python and TARGET give
# the same bytes. What it installs runs from a tree that nobody may write to.
set -eu

case ${1:-} in
/*) target=$1 ;;
*)
    echo "usage: deploy/image/install.sh /ABSOLUTE/TARGET" >&2
    exit 2
    ;;
esac
if [ -e "$target" ]; then
    echo "install.sh: $target is there already" >&2
    exit 1
fi

source=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
# The time of everything that is installed, and within the wheel: the first that a zip file can say.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-315532800}
export SOURCE_DATE_EPOCH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What builds the program is in an environment of its own, and what it leaves in the sources is in a copy of them.
"$python" -m venv "$work/build"
"$work/build/bin/python" -m pip install -qq --require-hashes --only-binary :all: -r "$source/requirements-build.lock"
mkdir "$work/source"
for name in pyproject.toml README.md LICENSE providers.yaml hyperinfer formats engine providers nodes testing api; do
    cp -R "$source/$name" "$work/source/"
done
"$work/build/bin/python" -m pip wheel -qq --no-deps --no-build-isolation --wheel-dir "$work/dist" "$work/source"

"$python" -m venv --without-pip "$target"
into_target() { "$work/build/bin/python" -m pip --python "$target/bin/python" install -qq --no-compile "$@"; }
into_target --require-hashes --only-binary :all: -r "$source/requirements.lock"
into_target --no-deps --no-index --find-links "$work/dist" hyperinfer

# Compiled files that name no time, and are never compared with their sources: nobody can write there any more. Also of
# what pip has loaded, and so compiled, itself (-f). One after the other: what a file is compiled to depends, in small things, on
# what the process has compiled before.
PYTHONHASHSEED=0 "$target/bin/python" -m compileall -qq -f --invalidation-mode unchecked-hash "$target/lib"
chmod -R go-w,a+rX "$target"
find "$target" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

"$target/bin/hyperinfer" --version
du -sm "$target" | while read -r size _; do echo "$size MB in $target"; done
