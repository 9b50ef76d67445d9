#!/bin/sh
# Evaluates CHECKPOINT on several GPUs of one machine: sh tools/dist_test.sh CONFIG CHECKPOINT GPUS [flags of tools/test.py]
# PORT chooses the port that the processes meet at; PYTHON the interpreter.
set -e
if [ $# -lt 3 ]; then
    echo "usage: sh tools/dist_test.sh CONFIG CHECKPOINT GPUS [flags of tools/test.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
gpus=$3
shift 3
exec "${PYTHON:-python}" -m torch.distributed.run --nproc_per_node="$gpus" --master_port="${PORT:-29500}" \
    "$(dirname "$0")/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
