#!/bin/sh
# Names everything that the machine itself lacks, with one command, before anything is installed.
# Usage: check_system.sh [PYTHON]
python=${1:-python3}
packages=

command -v git >/dev/null 2>&1 || packages="$packages git"
if ! command -v "$python" >/dev/null 2>&1; then
    packages="$packages python3 python3-venv"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "$python is $("$python" --version 2>&1), and ltseg needs Python 3.10 or newer." >&2
    echo "Name another one, for example: make PYTHON=python3.11 (remove .venv first if it exists)" >&2
    exit 1
else
    "$python" -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
    # The shared libraries that OpenCV's wheel loads from the system, and the packages that hold them.
    for entry in libGL.so.1:libgl1 libglib-2.0.so.0:libglib2.0-0 libgthread-2.0.so.0:libglib2.0-0 libxcb.so.1:libxcb1
    do
        "$python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "${entry%%:*}" 2>/dev/null && continue
        case " $packages " in *" ${entry##*:} "*) ;; *) packages="$packages ${entry##*:}" ;; esac
    done
fi

[ -z "$packages" ] && exit 0
echo "This machine lacks:$packages. On Debian or Ubuntu:" >&2
echo "    sudo apt update && sudo apt install$packages" >&2
exit 1
