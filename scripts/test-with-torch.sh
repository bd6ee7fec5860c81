#!/usr/bin/env bash
# Runs all tests on the libtorch of a Python package torch, then goes back to the one that was in use.
#
#   scripts/test-with-torch.sh                    installs torch into build/venv (FOVEA_TORCH_SPEC, default "torch")
#   scripts/test-with-torch.sh /path/to/python    uses the torch that this Python has
#
#   FOVEA_TORCH_SPEC="torch==2.6.0" scripts/test-with-torch.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

spec=${FOVEA_TORCH_SPEC:-torch}

if [ $# -gt 0 ]; then
  python=$1
else
  python=build/venv/bin/python
  if ! [ -x "$python" ]; then
    echo "• making build/venv: torch is to be installed apart from the system's Python"
    if ! python3 -m venv build/venv; then
      rm -rf build/venv
      echo "error: python3 cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install -y python3-venv" >&2
      exit 1
    fi
  fi
  echo "• installing $spec into build/venv"
  "$python" -m pip install --quiet --disable-pip-version-check "$spec"
fi

# found without importing it, which takes seconds
if ! folder=$("$python" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null); then
  echo "error: $python does not run, or has no module torch." >&2
  exit 1
fi

# without LIBTORCH of our own: whatever the caller's environment asks for is what comes back
trap 'echo "• going back to the libtorch that was in use"; node scripts/setup.mjs >/dev/null || true' EXIT

echo "• testing with the libtorch in $folder"
LIBTORCH="$folder" npm test
