#!/usr/bin/env bash
# Everything that needs a GPU, in two calls of less than eight minutes each, on a machine that reaches no package index:
#
#     benchmarks/gpu/session.sh 1     tests on the device; time and memory against MMSegmentation and MMPretrain
#     benchmarks/gpu/session.sh 2     CIFAR-10-LT at its full length; CamVid with a pretrained encoder
#
# --quick behind the number only shows that it runs: on the CPU, with tiny shapes. Set in the environment, if need be:
#
#     OUT      folder of the results (work_dirs/gpu): call-1.tar.gz with records and logs, and call-1.log
#     CARRY    folder with what the machine lacks (shared): wheels/*.whl to install, weights/*.pth as ltseg weights
#              writes them, data/cifar10* (a folder or zip file) and data/camvid
#     PYTHON   an interpreter with torch (python3)
#     BUDGET   seconds of a call (470); what does not fit is left out or cut off, and the log says so
#     JOBS     training runs side by side on the GPU (7), EPOCHS of each on CIFAR (200)
#
# The tables of docs/benchmarks.md come from the records:
#
#     tar xzf call-1.tar.gz -C docs/gpu benchmarks runs && python tools/build_docs.py
set -uo pipefail
cd "$(dirname "$0")/../.."
case ${1-} in 1 | 2) call=$1 ;; *) echo 'usage: benchmarks/gpu/session.sh 1|2 [--quick]' >&2; exit 2 ;; esac
quick=${2-}
out=${OUT:-work_dirs/gpu} carry=${CARRY:-shared}
export PYTHON=${PYTHON:-python3} EPOCHS=${EPOCHS:-200} PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
export DEADLINE=$(($(date +%s) + ${BUDGET:-470}))
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export RESULTS=$scratch/results SCRATCH=$scratch
mkdir -p "$out" "$RESULTS"/{benchmarks,runs,logs}
failed=0
: > "$out/call-$call.log"

say() { echo "$(date +%T) $*" | tee -a "$out/call-$call.log"; }

left() { local rest=$((DEADLINE - $(date +%s))); echo $((rest > 1 ? rest : 1)); }  # timeout takes 0 for no limit

pack() { tar czf "$out/call-$call.tar.gz" -C "$RESULTS" benchmarks runs logs; }

# step NAME SECONDS COMMAND...: runs a command for so long at most, shows the end of its output, and packs what there is.
step() {
  local name=$1 limit=$2 rest status; shift 2
  rest=$(left)
  if ((rest < 5)); then say "$name: left out, no time is left"; return; fi
  timeout $((limit < rest ? limit : rest)) "$@" > "$RESULTS/logs/$name.log" 2>&1
  status=$?
  tail -n 12 "$RESULTS/logs/$name.log" | cut -c 1-200 | tee -a "$out/call-$call.log"
  case $status in
    0) say "$name: done" ;;
    124) say "$name: cut off" ;;
    *) say "$name: failed with status $status"; failed=1 ;;
  esac
  pack
}

# cifar NAME SEED: trains, tests the last epoch, and keeps the record of the test.
cifar() {
  local name=resnet32_$1_cifar10lt100
  local config=configs/classification/$name.py work=$SCRATCH/$name-seed$2
  timeout "$(left)" "$PYTHON" -m ltseg train "$config" --data-root "$CIFAR" --work-dir "$work" --seed "$2" \
    --cfg-options train_cfg.max_epochs="$EPOCHS" train_cfg.val_interval=100 default_hooks.checkpoint.interval=100 \
    optim_wrapper.type=ltseg.AutocastOptimWrapper \
    && keep "$config" "$work/epoch_$EPOCHS.pth" "$work" --data-root "$CIFAR"
}

# camvid NAME: the same for a config of segmentation, with its own seed.
camvid() {
  local work=$SCRATCH/$1-seed0
  timeout "$(left)" "$PYTHON" -m ltseg train "configs/$1.py" --data-root "$CAMVID" --work-dir "$work" \
    && keep "configs/$1.py" "$(cat "$work/last_checkpoint")" "$work" --data-root "$CAMVID"
}

# keep CONFIG CHECKPOINT WORK_DIR OPTION...
keep() {
  "$PYTHON" -m ltseg test "$1" "$2" --work-dir "$3" "${@:4}" \
    && cp "$3/records/test.json" "$RESULTS/runs/$(basename "$3")-test.json"
}

# one FUNCTION ARGUMENT...: calls a function with a log of its own; to be cut off at the deadline is no failure.
one() {
  local log
  log=$RESULTS/logs/$(echo "$*" | tr ' ' -).log
  "$@" > "$log" 2>&1 || [ $? = 124 ] || { tail -n 3 "$log"; return 1; }
}

# side_by_side FILE: does what its lines say, JOBS of them at a time.
side_by_side() { xargs -a "$1" -P "${JOBS:-7}" -L 1 bash -c 'one "$@"' -; }
export -f left cifar camvid keep one side_by_side

if compgen -G "$carry/wheels/*.whl" > /dev/null; then
  step wheels 60 "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --target "$scratch/site" "$carry"/wheels/*.whl
fi
export PYTHONPATH=$PWD:$scratch/site${PYTHONPATH:+:$PYTHONPATH}
if [ -d "$carry/weights" ]; then
  mkdir -p weights
  cp -n "$carry"/weights/*.pth weights/  # where the configs look for them
fi

# measure NAME OPTION...: a benchmark with its record.
measure() {
  local name=$1; if [[ $* = *--compile* ]]; then name+=_compiled; fi
  step "$name" 90 "$PYTHON" "benchmarks/$1.py" "${@:2}" --record "$RESULTS/benchmarks"
}

if [ "$call" = 1 ]; then
  step environment 60 bash -c '"$PYTHON" -m ltseg check-env || true'  # a fault that it names need not concern us
  if [ -n "$quick" ]; then
    measure fused_loss --quick --threads 1
  else
    command -v nvidia-smi > /dev/null && step gpu 10 nvidia-smi --query-gpu=name,driver_version,memory.used --format=csv
    if [ -d tests/device ]; then
      step tests 150 "$PYTHON" -m pytest -q -p no:cacheprovider --device cuda tests/device
    else
      say 'tests: left out, there is no tests/device'
    fi
    half='--device cuda --batch-size 8 --amp bfloat16'
    for name in fused_loss plain_loss training_iteration; do measure $name $half; done
    for name in confusion training_loop; do measure $name --device cuda; done
    measure fused_loss $half --compile
    measure regularizers $half
  fi
else
  CIFAR=$(compgen -G "$carry/data/cifar10*" | head -n 1) CAMVID=$carry/data/camvid encoder=weights/tf_efficientnet_lite0.pth
  export CIFAR CAMVID
  touch "$scratch/queue"
  for name in segformer-lite0_ce_camvid segformer-lite0_arb_camvid; do
    if [ -f "configs/$name.py" ] && [ -f "$encoder" ] && [ -d "$CAMVID" ] && [ -z "$quick" ]; then
      echo "camvid $name" >> "$scratch/queue"
    else
      say "$name: left out, it needs configs/$name.py, $encoder and $CAMVID"
    fi
  done
  methods='ce arb balanced_softmax ldam_drw class_balanced_focal' seeds='0 1 2'
  if [ -n "$quick" ]; then methods=ce seeds=0; fi
  if [ -n "$CIFAR" ]; then
    # All methods of a seed come before the next seed, so that what time allows can be compared.
    for seed in $seeds; do for method in $methods; do echo "cifar $method $seed"; done; done >> "$scratch/queue"
  else
    say "CIFAR-10-LT: left out, it needs $carry/data/cifar10*"
  fi
  step training 600 bash -c "side_by_side '$scratch/queue'"
  say "$(find "$RESULTS/runs" -name '*.json' | wc -l) runs ended and have a record"
fi
pack
exit $failed
