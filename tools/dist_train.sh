#!/bin/sh
# Trains CONFIG on several GPUs of one machine: sh tools/dist_train.sh CONFIG GPUS [flags of tools/train.py]
# PORT chooses the port that the processes meet at; PYTHON the interpreter.
set -e
if [ $# -lt 2 ]; then
    echo "usage: sh tools/dist_train.sh CONFIG GPUS [flags of tools/train.py]" >&2
    exit 2
fi
config=$1
gpus=$2
shift 2
exec "${PYTHON:-python}" -m torch.distributed.run --nproc_per_node="$gpus" --master_port="${PORT:-29500}" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
