"""MMSegmentation's own configs, runner and train script, with nothing changed but what the test is about."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_runs import cut_down, quick_runners, write_cityscapes

from ltseg import compat

pytestmark = pytest.mark.usefixtures('mmseg_registered')

ROOT = Path(__file__).parents[1]
UNET = 'unet/unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024.py'
PSPNET = 'pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py'
UPERNET = 'upernet/upernet_r50_4xb2-40k_cityscapes-512x1024.py'
OCRNET = 'ocrnet/ocrnet_r101-d8_4xb2-40k_cityscapes-512x1024.py'
ARB = {'type': 'ltseg.ARBLoss'}


def with_cosine_classifier(head_type: str) -> dict[str, Any]:
    head = {'type': 'ltseg.LongTailSegHead', 'head_type': head_type, 'classifier': {'type': 'ltseg.CosineClassifier'}}
    head['loss_decode'] = {'type': 'ltseg.LDAMLoss', 'counts': list(range(19, 0, -1))}
    return {f'model.decode_head.{key}': value for key, value in head.items()}


@pytest.fixture(scope='module', autouse=True)
def quick() -> Iterator[None]:
    with quick_runners():
        yield


@pytest.fixture(scope='module')
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cityscapes(tmp_path_factory.mktemp('mmseg') / 'cityscapes')


def stock(name: str, data_root: Path, work_dir: Path, changes: dict[str, Any]) -> Config:
    """MMSegmentation's config with the settings at the dotted paths of ``changes`` replaced."""
    import mmseg

    config = Config.fromfile(Path(mmseg.__file__).parent / '.mim/configs' / name)
    cut_down(config, data_root, work_dir)
    for path, value in changes.items():
        *parents, last = (int(key) if key.isdigit() else key for key in path.split('.'))
        part = config
        for key in parents:
            part = part[key]
        part[last] = value
    return config


def train(config: Config) -> dict[str, float]:
    """What one iteration of MMSegmentation's runner, and a validation, log."""
    runner = Runner.from_cfg(config)
    before = {name: value.clone() for name, value in runner.model.state_dict().items() if 'conv_seg.weight' in name}
    runner.train()
    after = runner.model.state_dict()
    assert before and all(not torch.equal(after[name], value) for name, value in before.items())
    return {name: buffer.current() for name, buffer in runner.message_hub.log_scalars.items()}


@pytest.mark.parametrize(
    ('name', 'changes', 'losses'),
    [
        pytest.param(
            UNET,
            {
                'model.decode_head.loss_decode': [
                    ARB,
                    {'type': 'ltseg.FocalLoss', 'loss_weight': 0.5},
                    {'type': 'DiceLoss'},
                ]
            },
            ['decode.loss_arb', 'decode.loss_focal', 'decode.loss_dice', 'aux.loss_ce'],
            id='several-losses-on-one-head',
        ),
        pytest.param(
            UNET,
            {'model.auxiliary_head.loss_decode': {'type': 'ltseg.SeesawLoss', 'loss_weight': 0.4}},
            ['decode.loss_ce', 'aux.loss_seesaw'],
            id='auxiliary-head',
        ),
        pytest.param(
            UNET,
            {
                'model.decode_head.loss_decode': ARB,
                'model.decode_head.sampler': {'type': 'OHEMPixelSampler', 'thresh': 0.7, 'min_kept': 50},
            },
            ['decode.loss_arb', 'aux.loss_ce'],
            id='pixel-sampler',
        ),
        pytest.param(
            UNET,
            {
                'model.decode_head.loss_decode': {'type': 'ltseg.BalancedSoftmaxLoss', 'counts': 'dataset'},
                'custom_hooks': [{'type': 'ltseg.CountClasses'}],
            },
            ['decode.loss_balanced_softmax', 'aux.loss_ce'],
            id='counts-of-the-data-set',
        ),
        pytest.param(
            OCRNET,
            {'model.decode_head.0.loss_decode': ARB, 'model.decode_head.1.loss_decode': ARB},
            ['decode_0.loss_arb', 'decode_1.loss_arb'],
            id='cascade-of-heads',
        ),
        pytest.param(
            PSPNET,
            with_cosine_classifier('PSPHead'),
            ['decode.loss_ldam', 'aux.loss_ce'],
            id='psp-head-with-cosine-classifier',
        ),
        pytest.param(
            UPERNET,
            with_cosine_classifier('UPerHead'),
            ['decode.loss_ldam', 'aux.loss_ce'],
            id='uper-head-with-cosine-classifier',
        ),
    ],
)
def test_stock_configs_train_with_it(
    name: str, changes: dict[str, Any], losses: list[str], data_root: Path, tmp_path: Path
) -> None:
    logged = train(stock(name, data_root, tmp_path, changes))
    found = {key.removeprefix('train/'): value for key, value in logged.items() if '.loss_' in key}
    assert sorted(found) == sorted(losses)
    assert all(math.isfinite(value) and value > 0 for value in found.values())
    assert logged['train/loss'] == pytest.approx(sum(found.values()), rel=1e-5)
    assert 'val/mIoU' in logged


def test_counts_of_the_data_set_without_the_hook_say_what_to_add(data_root: Path, tmp_path: Path) -> None:
    changes = {'model.decode_head.loss_decode': ARB | {'counts': 'dataset'}}
    with pytest.raises(RuntimeError, match=r"custom_hooks=\[dict\(type='ltseg.CountClasses'\)\]"):
        train(stock(UNET, data_root, tmp_path, changes))


def test_train_script_of_mmsegmentation_needs_one_line(data_root: Path, tmp_path: Path) -> None:
    """No custom_imports: a stock config, and one that inherits from it and replaces ``loss_decode``."""
    import mmseg

    script = Path(mmseg.__file__).parent / '.mim/tools/train.py'
    stock(UNET, data_root, tmp_path / 'run', {}).dump(tmp_path / 'stock.py')
    changed = (
        "_base_ = './stock.py'\nmodel = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))\n"
    )
    (tmp_path / 'arb.py').write_text(changed)
    command = [str(script)]
    if compat._declarations is not None:
        # torchvision does not load beside this torch, and without it the script does not start, whatever the config.
        start = f"import ltseg.compat, runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
        command = ['-c', start]
    environment = os.environ | {'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, *command, str(tmp_path / 'arb.py')]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-2000:]
    assert 'decode.loss_arb' in output and 'aux.loss_ce' in output and 'mIoU' in output
    assert (tmp_path / 'run/iter_1.pth').is_file()
