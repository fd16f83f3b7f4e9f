#!/bin/sh
# Makes .venv and installs benchharness into it, with one or more extras (default: demo).
#
#   sh install.sh          what `pytest suites/` needs
#   sh install.sh dev      that, and what the project's own tests need
#
# PYTHON=python3.12 picks the interpreter. TORCH=cpu|gpu|any overrides the choice of torch's
# build: without an NVIDIA GPU, Linux would otherwise download several GB of CUDA libraries.
set -eu
cd "$(dirname "$0")"

TORCH_VERSION=2.13.0
EXTRAS=$(printf '%s,' "${@:-demo}" | sed 's/,$//')

stop() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 3
}

is_supported() {
    "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
        2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
        if is_supported "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    stop "no Python 3.11, 3.12 or 3.13 was found; name one with PYTHON=/path/to/python sh install.sh"
}

wants_cpu_build() {
    case "${TORCH:-auto}" in
    cpu) return 0 ;;
    gpu | any) return 1 ;;
    auto) [ "$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1 ;;
    *) stop "TORCH is '$TORCH'; use cpu, gpu or any" ;;
    esac
}

install_cpu_torch() {
    # First from the indexes that pip is set up with; then uv, which knows where PyTorch keeps
    # its CPU builds. Nothing is taken from the default index, whose Linux build is CUDA's.
    pip install "torch==$TORCH_VERSION+cpu" >.venv/install-torch.log 2>&1 && return
    pip install uv >>.venv/install-torch.log 2>&1 &&
        .venv/bin/uv pip install --python .venv/bin/python --torch-backend=cpu \
            "torch==$TORCH_VERSION" >>.venv/install-torch.log 2>&1 && return
    stop "no CPU build of torch $TORCH_VERSION could be installed for $(.venv/bin/python -V) (see .venv/install-torch.log). Try another Python (PYTHON=python3.11), install torch into .venv yourself and run this again, or accept the CUDA build of about 3 GB with TORCH=gpu."
}

pip() {
    .venv/bin/python -m pip --disable-pip-version-check "$@"
}

if [ ! -x .venv/bin/python ]; then
    python=$(find_python)
    "$python" -m venv .venv || stop "$python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"
fi
is_supported .venv/bin/python || stop ".venv holds $(.venv/bin/python -V 2>&1); remove it and run this again"

if ! .venv/bin/python -c 'import importlib.util as u; raise SystemExit(u.find_spec("torch") is None)' && wants_cpu_build; then
    install_cpu_torch
fi
pip install --quiet -e ".[$EXTRAS]" || stop "the installation failed; the lines above say why"
printf 'Installed with [%s]. Next: .venv/bin/pytest suites/\n' "$EXTRAS"
