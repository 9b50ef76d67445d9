"""Trains the same small model with cross entropy and with ARB-Loss on generated street scenes, and compares them.

    python tools/demo.py

Runs the commands that a user would run, and shows each of them. Needs no GPU and no data.
"""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ltseg.cli.parser import command_parser  # noqa: E402

METHODS = ('ce', 'arb')


def parse_arguments() -> argparse.Namespace:
    parser = command_parser(__doc__)
    parser.add_argument('--iterations', type=int, default=500, help='training iterations of each model (default: 500)')
    parser.add_argument('--folder', default='work_dirs/demo', help='where everything is written')
    return parser.parse_args()


def commands(iterations: int, folder: Path) -> list[list[str]]:
    """What the demonstration consists of."""
    steps = [['tools/make_minicity.py', 'data/minicity']]
    schedule = (
        f'train_cfg.max_iters={iterations}',
        f'train_cfg.val_interval={iterations}',
        f'param_scheduler.0.end={iterations}',
        f'default_hooks.checkpoint.interval={iterations}',
    )
    for method in METHODS:
        config, run = f'configs/deeplabv3plus_{method}_minicity.py', folder / method
        steps.append(['tools/train.py', config, '--work-dir', str(run), '--cfg-options', *schedule])
        steps.append(['tools/test.py', config, str(run / f'iter_{iterations}.pth'), '--work-dir', str(run)])
    runs = [str(folder / method) for method in METHODS]
    steps.append(['tools/compare_runs.py', *runs, '--split', 'test', '--tables', 'IoU', 'Acc'])
    steps.append(['tools/report.py', *runs, '--split', 'test', '--images', '4', '--out', str(folder / 'report.html')])
    return steps


def main() -> None:
    options = parse_arguments()
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH'))))}
    for step in commands(options.iterations, Path(options.folder)):
        print(f'\n$ python {shlex.join(step)}', flush=True)
        finished = subprocess.run([sys.executable, *step], cwd=ROOT, env=environment, check=False)
        if finished.returncode:
            sys.exit(f'demo: this command failed with exit code {finished.returncode}: python {shlex.join(step)}')
    report = (ROOT / options.folder / 'report.html').resolve()
    print(f'\nData: data/minicity. Checkpoints, logs, reports and records: {options.folder}/{{{",".join(METHODS)}}}')
    print(f'What changed, and for which classes, as a page for the browser: {report}')


if __name__ == '__main__':
    main()
