#!/bin/sh
# Makes .benchharness/peers, the environment of the peers that benchmarks/peers.py measures beside us.
#
#   sh benchmarks/peers/install.sh     (PYTHON=python3.12 picks the interpreter)
#
# torch and sentence-transformers are those of .venv, so that both sides run the same kernels.
set -eu
cd "$(dirname "$0")/../.."

VENV=.benchharness/peers
OURS=.venv/bin/python

version_of() {
    "$OURS" -c "import importlib.metadata as m; print(m.version('$1').split('+')[0])"
}

pip() {
    "$VENV/bin/python" -m pip --disable-pip-version-check "$@"
}

[ -x "$OURS" ] || {
    echo "peers/install.sh: .venv is missing; run first: sh install.sh dev" >&2
    exit 3
}
mkdir -p .benchharness
[ -x "$VENV/bin/python" ] || "${PYTHON:-$OURS}" -m venv "$VENV"

# torch first: without it, the others would take the default index's build, which is CUDA's.
pip install "torch==$(version_of torch)"
# ranx, pytrec_eval and the others share one environment as long as pip can resolve it.
pip install \
    "torch==$(version_of torch)" \
    "sentence-transformers==$(version_of sentence-transformers)" \
    "transformers==$(version_of transformers)" \
    "numpy==$(version_of numpy)" \
    "ranx==$(version_of ranx)" \
    beir faiss-cpu ir_measures mteb pytest psutil pytrec_eval-terrier
pip check || echo "peers/install.sh: the lines above are the packages that disagree" >&2
