"""What a user does with ltseg in an installation of OpenMMLab, run in the Python that runs this file.

    python tests/stacks/checks.py STACK [CHECK ...]

Each check leaves a log. All checks together write the stack's section of docs/stacks.md.
"""

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests'))

PAGE = ROOT / 'docs/stacks.md'
SHOWN = {
    'torch': ('torch',),
    'mmengine': ('mmengine', 'onedl-mmengine'),
    'mmcv': ('mmcv', 'mmcv-lite', 'onedl-mmcv'),
    'mmseg': ('mmsegmentation', 'onedl-mmsegmentation'),
    'mmpretrain': ('mmpretrain', 'onedl-mmpretrain'),
    'numpy': ('numpy',),
}
ARB = "loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')"
ONE_LINE = f'model = dict(decode_head=dict({ARB}))'
CASCADE = """model = dict(decode_head=[
    dict(head, loss_decode=dict(type='ltseg.ARBLoss')) for head in _base_.model.decode_head])"""
KNET = f'model = dict(decode_head=dict(kernel_generate_head=dict({ARB})))'
# These heads name no ignored label to their losses.
DDRNET = "model = dict(decode_head=dict(loss_decode=[dict(type='ltseg.ARBLoss', ignore_index=255)] * 2))"
PIDNET = """arb = dict(type='ltseg.ARBLoss', ignore_index=255)
model = dict(decode_head=dict(loss_decode=[arb, arb, _base_.model.decode_head.loss_decode[2], arb]))"""
ARCHITECTURES = {  # a stock config, and what a user writes below ``_base_``
    'U-Net': ('unet/unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024.py', ONE_LINE),
    'DeepLabv3+': ('deeplabv3plus/deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024.py', ONE_LINE),
    'SegFormer': ('segformer/segformer_mit-b0_8xb1-160k_cityscapes-1024x1024.py', ONE_LINE),
    'OCRNet': ('ocrnet/ocrnet_hr18s_4xb2-40k_cityscapes-512x1024.py', CASCADE),
    'PointRend': ('point_rend/pointrend_r50_4xb2-80k_cityscapes-512x1024.py', CASCADE),
    'UPerNet-Swin': ('swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py', ONE_LINE),
    'K-Net': ('knet/knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512.py', KNET),
    'DDRNet': ('ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024.py', DDRNET),
    'PIDNet': ('pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes.py', PIDNET),
    'BiSeNetV2': ('bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024.py', ONE_LINE),
    'EncNet': ('encnet/encnet_r50-d8_4xb2-40k_cityscapes-512x1024.py', ONE_LINE),
    'CCNet': ('ccnet/ccnet_r50-d8_4xb2-40k_cityscapes-512x1024.py', ONE_LINE),
    'Segmenter': ('segmenter/segmenter_vit-t_mask_8xb1-160k_ade20k-512x512.py', ONE_LINE),
    'SegNeXt': ('segnext/segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512.py', ONE_LINE),
}
NEEDS_OPERATORS = ('PointRend', 'CCNet')  # call mmcv's compiled operators


class CheckError(Exception):
    """A command that ended otherwise than expected."""


class Session:
    """A folder to work in, and a log of all commands."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder, self.log = folder, log
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def run(self, *command: Any, expected: int = 0, timeout: int = 900, **variables: str) -> str:
        """The output of a command, which must end with the exit code ``expected``."""
        words = [str(word) for word in command]
        options: dict[str, Any] = {'cwd': self.folder, 'env': os.environ | variables, 'timeout': timeout}
        try:
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
            output, end = done.stdout.decode(errors='replace'), f'ended with {done.returncode}'
            as_expected = done.returncode == expected
        except subprocess.TimeoutExpired as error:
            output, end, as_expected = (error.stdout or b'').decode(errors='replace'), f'took over {timeout} s', False
        with self.log.open('a') as log:
            log.write(f'$ {" ".join(words)}\n{output}[{end}]\n\n')
        if not as_expected:
            raise CheckError(f'`{" ".join(words[1:3])}` {end}: {output.strip().splitlines()[-1:]}')
        return output

    def python(self, *command: Any, **options: Any) -> str:
        return self.run(sys.executable, *command, **options)


def script_of(package: str, name: str) -> Path:
    """A script of MMSegmentation or MMPretrain, as their packages bring it."""
    found = find_spec(package)
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / '.mim' / 'tools' / f'{name}.py'


def start(package: str, name: str) -> list[Any]:
    """How the script is started: by itself, but where torchvision does not load beside torch."""
    script = script_of(package, name)
    loads = subprocess.run([sys.executable, '-c', 'import torchvision'], capture_output=True).returncode == 0
    if loads:
        return [script]
    return ['-c', f'import ltseg.compat, runpy; runpy.run_path({str(script)!r}, run_name="__main__")']


def write_stock(name: str, session: Session) -> None:
    """stock.py: a config of MMSegmentation for one iteration on a few tiny pictures."""
    from mmengine.config import Config
    from tiny_runs import CUT, MODEL_CUT, parts

    config = Config.fromfile(script_of('mmseg', 'train').parents[1] / 'configs' / name)
    for key, value in config._cfg_dict.items():
        cut = MODEL_CUT | {'size': (64, 64)} if key == 'model' else CUT | {'crop_size': (64, 64), 'scale': (128, 64)}
        for part in parts(value):
            part.update({k: cut[k] for k in cut if k in part})
            if 'data_root' in part:
                part['data_root'] = str(session.folder / ('ade' if 'ade20k' in name else 'cityscapes'))
            if (part.get('init_cfg') or {}).get('type') == 'Pretrained':
                part['init_cfg'] = None
    config.work_dir = str(session.folder / 'run')
    config.log_processor = {'by_epoch': False}
    config.dump(session.folder / 'stock.py')


def write_data(folder: Path) -> None:
    import numpy as np
    from PIL import Image
    from tiny_runs import write_cityscapes, write_sample

    write_cityscapes(folder / 'cityscapes')
    for split in ('training', 'validation'):
        for index in range(2):
            image = folder / f'ade/images/{split}/{index}.jpg'
            labels = folder / f'ade/annotations/{split}/{index}.png'
            write_sample(image, labels, num_classes=150, void=0, size=(64, 160), seed=index)
            pixels = np.asarray(Image.open(labels)).copy()
            pixels[1:] += 1
            Image.fromarray(pixels).save(labels)


def faults_here() -> list[str]:
    """What check_env has to name in this installation."""
    there = {
        'has no compiled operators': 'lite' in str(version_of('mmcv')) and find_spec('mmcv._ext') is None,
        'does not load beside torch': torchvision_is_broken(),
        'cannot load the checkpoints': loads_weights_only(),
    }
    return [fault for fault, is_there in there.items() if is_there]


def installation(session: Session) -> str:
    """check_env names what is wrong and nothing else."""
    expected = faults_here()
    output = session.python(ROOT / 'tools/check_env.py', expected=int(bool(expected)))
    faults = re.findall(r'FAULT: (.*)', output)
    if len(faults) != len(expected) or any(part not in fault for part, fault in zip(expected, faults, strict=True)):
        raise CheckError(f'check_env: {faults}')
    return f'{len(faults)} fault(s) named, as there are' if faults else 'no fault found'


def torchvision_is_broken() -> bool:
    return subprocess.run([sys.executable, '-c', 'import torchvision'], capture_output=True).returncode != 0


def loads_weights_only() -> bool:
    """Whether mmengine cannot load its own checkpoints with this torch."""
    try:
        return release_of('torch') >= (2, 6) and release_of('mmengine') <= (0, 10, 7)
    except PackageNotFoundError:
        return False


def mmsegmentation(session: Session) -> str:
    """MMSegmentation's own scripts, with a stock config and the line of README."""
    write_data(session.folder)
    lite = any(name in str(version_of('mmcv')) for name in ('lite', 'onedl'))
    done = []
    for name, (stock, lines) in ARCHITECTURES.items():
        if lite and name in NEEDS_OPERATORS:
            continue
        shutil.rmtree(session.folder / 'run', ignore_errors=True)
        write_stock(stock, session)
        (session.folder / 'arb.py').write_text(f"_base_ = './stock.py'\n{lines}\n")
        output = session.python(*start('mmseg', 'train'), 'arb.py')
        if 'ltseg.ARBLoss' not in (session.folder / 'run/arb.py').read_text() or 'mIoU' not in output:
            raise CheckError(f'{name}: no ltseg.ARBLoss in the config that was trained, or no mIoU in the log')
        done.append(name)
    (session.folder / 'evaluate.py').write_text(EVALUATE)
    variables = {'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': '1'} if loads_weights_only() else {}
    output = session.python(*start('mmseg', 'test'), 'evaluate.py', 'run/iter_1.pth', **variables)
    if 'mIoU_tail' not in output:
        raise CheckError('test: no mIoU_tail in the log')
    return f'{len(done)} architectures: {", ".join(done)}; test script with ltseg.LongTailIoU'


EVALUATE = """
_base_ = './arb.py'
test_evaluator = dict(_delete_=True, type='ltseg.LongTailIoU')
"""
CLASSIFICATION = """
_base_ = {stock!r}
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
custom_hooks = [dict(type='ltseg.CountClasses')]
train_cfg = dict(max_epochs=1, val_interval=1)
val_evaluator = dict(_delete_=True, type='ltseg.LongTailAccuracy')
test_evaluator = val_evaluator
"""


def mmpretrain(session: Session) -> str:
    """MMPretrain's own scripts, with a stock config for CIFAR-10 and a few lines."""
    from tiny_images import write_cifar_batches

    write_cifar_batches(session.folder / 'data/cifar10', per_class=4)
    stock = script_of('mmpretrain', 'train').parents[1] / 'configs/resnet/resnet18_8xb16_cifar10.py'
    (session.folder / 'config.py').write_text(CLASSIFICATION.format(stock=str(stock)))
    kept = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    options = [f'{key}.dataset.type=ltseg.CIFARDataset' for key in kept]
    options += [f'{key}.dataset.data_root={session.folder / "data/cifar10"}' for key in kept]
    options += [f'{key}.num_workers=0' for key in kept] + [f'{key}.persistent_workers=False' for key in kept]
    output = session.python(*start('mmpretrain', 'train'), 'config.py', '--work-dir', 'run', '--cfg-options', *options)
    if 'accuracy/few' not in output:
        raise CheckError('train: no accuracy/few in the log')
    variables = {'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': '1'} if loads_weights_only() else {}
    output = session.python(
        *start('mmpretrain', 'test'), 'config.py', 'run/epoch_1.pth', '--cfg-options', *options, **variables
    )
    if 'accuracy/few' not in output:
        raise CheckError('test: no accuracy/few in the log')
    return 'train and test scripts, ResNet-18 on CIFAR-10, balanced softmax, ltseg.LongTailAccuracy'


def tools(session: Session) -> str:
    """The tools of ltseg on generated street scenes."""
    config = ROOT / 'configs/deeplabv3plus_arb_minicity.py'
    run = 'work_dirs/deeplabv3plus_arb_minicity'
    short = ['--cfg-options', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2']
    trained = [config, f'{run}/iter_4.pth']
    commands: list[list[Any]] = [
        ['make_minicity', 'data/minicity'],
        ['count_classes', config],
        ['train', config, *short, 'train_cfg.max_iters=2'],
        ['train', config, '--resume', *short, 'train_cfg.max_iters=4'],
        *([name, *trained] for name in ('test', 'adjust_logits', 'diagnose', 'analyze_collapse')),
        ['compare_runs', run],
        ['report', run, '--images', 2, '--out', 'report.html'],
    ]
    for name, *arguments in commands:
        output = session.python(ROOT / f'tools/{name}.py', *arguments)
        if '--resume' in arguments and 'iter_2.pth' not in output:
            raise CheckError('train --resume did not resume')
    installed_command(session)
    names = ', '.join(' '.join([c[0], *(['--resume'] if '--resume' in c else [])]) for c in commands)
    return f'DeepLabv3+ with ARB: {names}; the command ltseg: configs, cp, check-env'


def installed_command(session: Session) -> None:
    """The command ``ltseg`` of the installed wheel, which brings the configs."""
    command = Path(sys.executable).with_name('ltseg')
    if not command.is_file():
        raise CheckError('the wheel has no command ltseg')
    name = 'deeplabv3plus_arb_minicity.py'
    if name.removesuffix('.py') not in session.run(command, 'configs', '--method', 'arb', '--data', 'minicity'):
        raise CheckError(f'ltseg configs does not list {name}')
    session.run(command, 'cp', name, '.')
    if not (session.folder / name).is_file():
        raise CheckError(f'ltseg cp did not write {name}')
    session.run(command, 'check-env', expected=int(bool(faults_here())))


def hints(session: Session) -> str:
    """What check_env advises, followed to the letter: afterwards the fault is gone.

    The environment has other versions then: run.sh makes it anew the next time.
    """
    pip = [sys.executable, '-m', 'pip']
    (Path(sys.prefix) / 'requirements.txt').unlink(missing_ok=True)  # by which run.sh knows it
    done = []
    for module in ('mmpretrain', 'mmseg', 'mmengine', 'cv2', 'sklearn'):
        names = {'cv2': ['opencv-python'], 'sklearn': ['scikit-learn']}.get(module) or SHOWN[module]
        session.run(*pip, 'uninstall', '-q', '-y', *names)
        what = 'Libraries that ltseg needs are missing' if module == 'sklearn' else f'{module} is missing'
        done.append(follow(session, what))
    if 'lite' not in str(version_of('mmcv')):
        session.run(*pip, 'uninstall', '-q', '-y', *SHOWN['mmcv'])
        done.append(follow(session, 'mmcv is missing'))
        if 'onedl' not in str(version_of('mmcv')):
            session.run(*pip, 'uninstall', '-q', '-y', 'mmcv')
            session.run(*pip, 'install', '-q', '--no-deps', 'mmcv-lite==2.1.0')
            done.append(follow(session, 'which has no compiled operators'))
            session.run(*pip, 'uninstall', '-q', '-y', 'mmcv')
            session.run(*pip, 'install', '-q', '--no-deps', 'mmcv-lite==2.2.0')
            done.append(follow(session, 'is too new for mmseg'))
    if version('numpy') < '2' and release_of('torch') < (2, 3):
        session.run(*pip, 'install', '-q', '--no-deps', 'numpy==2.0.2')
        done.append(follow(session, 'was built for numpy 1'))
    return f'{len(done)} faults made and mended by what check_env advises: {", ".join(done)}'


def follow(session: Session, what: str) -> str:
    """Runs the hint of the fault that contains ``what``; then check_env must not name it any more."""
    check = ROOT / 'tools/check_env.py'
    output = session.run('sh', '-c', f'{sys.executable} {check} || true')
    found = re.search(rf'(?:FAULT|Note): (.*{re.escape(what)}.*)\n  Hint: (.*)', output)
    if found is None:
        raise CheckError(f'check_env does not say {what!r}')
    session.run('sh', '-c', found[2].replace('pip ', f'{sys.executable} -m pip '), timeout=3600)
    after = session.run('sh', '-c', f'{sys.executable} {check} || true')
    if found[1] in after:
        raise CheckError(f'{found[2]!r} leaves {found[1]!r}')
    return what


def tests(session: Session) -> str:
    """The test suite, with a time limit for each test."""
    session.folder = ROOT
    options = ['-p', 'no:cacheprovider', '--timeout=600', '-rfE']
    try:
        output = session.python('-m', 'pytest', *options, timeout=7200)
    except CheckError as failed:
        output = session.log.read_text()
        summary = re.findall(r'^(?:FAILED|ERROR) (\S+)', output, re.MULTILINE)
        raise CheckError(f'{len(summary)} failed: {", ".join(summary[:20])}') from failed
    return passed(output)


def passed(output: str) -> str:
    """The summary that pytest writes last."""
    found = re.findall(r'^\d+ passed.*$', output, re.MULTILINE)
    if not found:
        raise CheckError(f'no summary of pytest: {output.strip().splitlines()[-1:]}')
    return found[-1]


CHECKS: dict[str, Callable[[Session], str]] = {
    check.__name__: check for check in (installation, mmsegmentation, mmpretrain, tools, tests, hints)
}


def version_of(module: str) -> str | None:
    """Distribution and version that provide a module."""
    for name in SHOWN[module]:
        try:
            return version(name) if name == module else f'{name} {version(name)}'
        except PackageNotFoundError:
            continue
    return None


def release_of(module: str) -> tuple[int, ...]:
    """The numbers of a version, such as (0, 10, 7)."""
    return tuple(int(part) for part in version(module).split('+')[0].split('.') if part.isdigit())


def versions_here() -> str:
    """The versions that the checks run with; asked before them, since ``hints`` installs others."""
    return ', '.join([f'Python {sys.version.split()[0]}', *(f'{module} {version_of(module)}' for module in SHOWN)])


def section(versions: str, results: dict[str, tuple[str, float]]) -> str:
    """What docs/stacks.md says of a stack."""
    commit = subprocess.run(['git', 'describe', '--always', '--dirty'], cwd=ROOT, capture_output=True, text=True)
    lines = [
        f'{versions}. Run on {datetime.date.today()}, commit {commit.stdout.strip()}.',
        '',
        '| check | result | minutes |',
        '|---|---|---|',
        *(f'| {name} | {result} | {seconds / 60:.1f} |' for name, (result, seconds) in results.items()),
    ]
    return '\n'.join(lines)


def write_section(stack: str, text: str) -> None:
    """Replaces the section of a stack between its marks."""
    page = PAGE.read_text(encoding='utf-8')
    mark, end = f'<!-- stack: {stack} -->', '<!-- end -->'
    before, _, rest = page.partition(mark)
    PAGE.write_text(f'{before}{mark}\n\n{text}\n\n{end}{rest.partition(end)[2]}', encoding='utf-8')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('stack')
    parser.add_argument('checks', nargs='*', metavar='CHECK', help=', '.join(CHECKS))
    parser.add_argument('--logs', type=Path, default=Path('stack_logs'), help='folder for logs and data')
    options = parser.parse_args()
    unknown = [name for name in options.checks if name not in CHECKS]
    if unknown:
        parser.error(f'unknown checks {unknown}: {", ".join(CHECKS)}')
    logs = options.logs.resolve()
    logs.mkdir(parents=True, exist_ok=True)
    versions, results, failed = versions_here(), {}, []
    for name in options.checks or CHECKS:
        (logs / f'{name}.log').unlink(missing_ok=True)
        begin = time.monotonic()
        try:
            result = CHECKS[name](Session(logs / name, logs / f'{name}.log'))
        except CheckError as error:
            result = f'FAILED: {error}'
            failed.append(name)
        results[name] = (result, time.monotonic() - begin)
        print(f'{name}: {result} ({results[name][1] / 60:.1f} min)', flush=True)
    if not options.checks:
        write_section(options.stack, section(versions, results))
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
