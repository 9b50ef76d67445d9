#!/usr/bin/env bash
# Makes a virtual environment of a stack, named versions of PyTorch and OpenMMLab, and runs ltseg in it.
#
#   tests/stacks/run.sh STACK [CHECK ...]       STACK: openmmlab, oldest, torch-2.4, torch-2.6 or newest
#
# Checks are those of checks.py; without any, all of them run, and the stack's section of docs/stacks.md is written.
# "names" writes the list of names that tests/test_supported_names.py looks at (stacks oldest and newest).
# Environments, logs and compiled wheels of mmcv are kept in $STACKS (default: ~/.cache/ltseg-stacks).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ $# = 0 ]; then
  echo "usage: tests/stacks/run.sh STACK [CHECK ...]" >&2
  exit 2
fi
stack=$1
shift
STACKS=${STACKS:-$HOME/.cache/ltseg-stacks}
venv=$STACKS/$stack
requirements=$here/$stack.txt
[ "$stack" = newest ] && requirements=$root/requirements.txt
[ -f "$requirements" ] || { echo "run.sh: no stack '$stack': $(cd "$here" && echo *.txt) newest" >&2; exit 2; }
version=$(sed -n 's/^# python //p' "$requirements")
python=python${version:-3}
export PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} PYTHONWARNINGS=ignore
unset PYTHONPATH

if ! cmp -s "$requirements" "$venv/requirements.txt"; then
  rm -rf "$venv"
  if command -v pyenv >/dev/null && [ -n "$version" ]; then
    python=$(ls -d "$(pyenv root)"/versions/"$version".*/bin/python | tail -n 1)
  fi
  "$python" -m venv "$venv"
  # mmcv needs torch, and an old setuptools, in order to be built.
  grep -v '^#\|^mm' "$requirements" > "$venv/first.txt"
  "$venv/bin/pip" install -q -r "$venv/first.txt"
  if grep -q '^mmcv==' "$requirements"; then
    wheels=$STACKS/wheels/$(grep '^torch==' "$requirements")-python$version
    ls "$wheels"/mmcv-*.whl >/dev/null 2>&1 ||
      "$venv/bin/pip" wheel --no-deps --no-build-isolation -w "$wheels" "$(grep '^mmcv==' "$requirements")"
    export PIP_FIND_LINKS="$wheels"
  fi
  "$venv/bin/pip" install -q --no-build-isolation -r "$requirements"
  if grep -q '^mmcv-lite' "$requirements"; then
    # MMSegmentation 1.2 imports operators that mmcv-lite lacks; no model in these checks calls one.
    cat > "$("$venv/bin/python" -c 'import mmcv; print(mmcv.__path__[0])')/_ext.py" <<'PYTHON'
def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)

    def missing(*args, **kwargs):
        raise RuntimeError(f'mmcv-lite has no {name}')

    return missing
PYTHON
  fi
  "$venv/bin/pip" install -q $(grep '^pytest\|^hypothesis\|^timm\|^efficientnet' "$root/requirements-dev.txt") pytest-timeout
  cp "$requirements" "$venv/requirements.txt"
fi
"$venv/bin/pip" install -q --force-reinstall --no-deps "$root"
"$venv/bin/pip" install -q "$root"  # what ltseg requires, and nothing that is there in another version
if [ "$*" = names ]; then exec "$venv/bin/python" "$here/names.py" "$stack"; fi
exec "$venv/bin/python" "$here/checks.py" --logs "$STACKS/logs/$stack" "$stack" "$@"
