import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from ltseg.reports.record import RunRecord

NAMES = ('road', 'car', 'rider')
TOOL = runpy.run_path(str(Path(__file__).parents[2] / 'tools/adjust_logits.py'))


def write_split(folder: Path, split: str, images: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for index in range(images):
        labels = random.choice(4, (24, 32), p=(0.7, 0.2, 0.05, 0.05)).astype(np.uint8)
        labels[labels == 3] = 255
        pixels = (random.normal(60 * labels[..., None], 60, (24, 32, 3)) % 255).astype(np.uint8)
        for kind, array, suffix in (('img', pixels, 'png'), ('ann', labels, 'png')):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(folder / kind / split / f'{index}.{suffix}')


def loader(folder: Path, split: str) -> dict[str, Any]:
    loading = [{'type': 'LoadImageFromFile'}, {'type': 'Resize', 'scale': (16, 12), 'keep_ratio': True}]
    return {
        'batch_size': 2,
        'num_workers': 0,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'dataset': {
            'type': 'BaseSegDataset',
            'data_root': str(folder),
            'img_suffix': '.png',
            'data_prefix': {'img_path': f'img/{split}', 'seg_map_path': f'ann/{split}'},
            'metainfo': {'classes': NAMES, 'palette': [[0, 0, 0]] * 3},
            'pipeline': [*loading, {'type': 'LoadAnnotations'}, {'type': 'PackSegInputs'}],
        },
    }


def small_model() -> dict[str, Any]:
    stages = {'strides': (1, 1), 'enc_num_convs': (1, 1), 'dec_num_convs': (1,), 'enc_dilations': (1, 1)}
    head = {'type': 'FCNHead', 'in_channels': 8, 'in_index': 0, 'channels': 4, 'num_convs': 0, 'concat_input': False}
    return {
        'type': 'EncoderDecoder',
        'data_preprocessor': {'type': 'SegDataPreProcessor', 'mean': [127.0] * 3, 'std': [64.0] * 3},
        'backbone': {
            'type': 'UNet',
            'base_channels': 4,
            'num_stages': 2,
            'downsamples': (True,),
            'dec_dilations': (1,),
            **stages,
        },
        'decode_head': head | {'channels': 8, 'num_classes': 3, 'loss_decode': {'type': 'ltseg.CrossEntropyLoss'}},
        'test_cfg': {'mode': 'whole'},
    }


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory, mmseg_registered: None) -> tuple[Path, Path]:
    """Config and checkpoint of a model with random weights."""
    folder = tmp_path_factory.mktemp('run')
    for seed, split in enumerate(('train', 'val', 'test')):
        write_split(folder, split, 3, seed)
    loaders = {f'{split}_dataloader': loader(folder, split) for split in ('train', 'val', 'test')}
    evaluator = {'type': 'ltseg.LongTailIoU', 'groups': {'head': ['road'], 'medium': ['car'], 'tail': ['rider']}}
    evaluators = {f'{split}_evaluator': evaluator for split in ('val', 'test')}
    config = {'default_scope': 'mmseg', 'model': small_model(), 'work_dir': str(folder / 'work_dirs/unet_ce_random')}
    Config({**config, **loaders, **evaluators}).dump(folder / 'unet_ce_random.py')
    torch.manual_seed(3)
    model = MODELS.build(Config(config).model)
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, folder / 'last.pth')
    return folder / 'unet_ce_random.py', folder / 'last.pth'


def adjust(run: tuple[Path, Path], *options: str) -> None:
    TOOL['main']([*map(str, run), *options])


def test_curve_choice_record_and_folded_checkpoint_agree(
    run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folded checkpoint at tau = 0 evaluates to what the original does at the chosen tau."""
    folded = tmp_path / 'folded.pth'
    taus = ('--tau', '-1', '...', '1', '--criterion', 'mAcc')
    adjust(run, *taus, '--work-dir', str(tmp_path), '--fold-into', str(folded))
    record = RunRecord.load(tmp_path / 'records/test_posthoc.json')
    chosen = record.settings['posthoc']['tau']
    assert chosen != 0, 'the folded checkpoint would equal the original'
    assert [point['tau'] for point in record.tau_curve] == [k / 4 for k in range(-4, 5)]
    at_chosen = next(point for point in record.tau_curve if point['tau'] == chosen)
    assert at_chosen['mIoU'] == pytest.approx(record.metrics()['mIoU'])
    on_val = {point['tau']: point['mAcc'] for point in record.settings['posthoc']['curve']}
    assert on_val[chosen] == max(on_val.values())
    assert (record.method, record.split) == ('cross entropy + post-hoc', 'test')
    assert (record.model, record.dataset) == ('U-Net', run[0].parent.name)
    assert record.evaluation.groups.rule == 'as listed by the user'
    assert (tmp_path / 'reports/test_tau_curve.png').exists()
    shown = capsys.readouterr().out
    assert f'tau = {chosen:g} has the best mAcc on val' in shown and 'head (1): road' in shown

    second = tmp_path / 'second'
    adjust((run[0], folded), '--tau', '0', '--work-dir', str(second))
    after = RunRecord.load(second / 'records/test_posthoc.json')
    difference = (after.evaluation.matrix - record.evaluation.matrix).abs().sum()
    assert difference <= 2  # pixels whose two best classes are equal up to rounding


def test_a_fixed_tau_is_reported_and_none_chosen(
    run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adjust(run, '--tau', '0', '--fixed', '0.7', '--work-dir', str(tmp_path))
    record = RunRecord.load(tmp_path / 'records/test_posthoc.json')
    assert record.settings['posthoc'] == {'tau': 0.7, 'chosen_on': 'nothing: fixed in advance'}
    assert record.tau_curve[1]['mIoU'] == pytest.approx(record.metrics()['mIoU'])
    shown = capsys.readouterr().out
    assert 'tau = 0.7 is fixed. On test:' in shown and 'flatters' not in shown


def test_tau_normalisation_and_its_folded_checkpoint_agree(
    run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folded = tmp_path / 'folded.pth'
    options = ('--by', 'norm', '--tau', '3', '--criterion', 'mAcc', '--work-dir', str(tmp_path))
    adjust(run, *options, '--fold-into', str(folded))
    record = RunRecord.load(tmp_path / 'records/test_tau_norm.json')
    assert record.settings['posthoc']['tau'] == 3, 'the folded checkpoint would equal the original'
    assert (record.method, record.settings['posthoc']['adjustment']) == ('cross entropy + tau-norm', 'norm')
    assert 'conv_seg.weight /= norm ** 3, bias 0' in capsys.readouterr().out
    adjust((run[0], folded), '--tau', '0', '--work-dir', str(tmp_path / 'second'))
    after = RunRecord.load(tmp_path / 'second/records/test_posthoc.json')
    assert (after.evaluation.matrix - record.evaluation.matrix).abs().sum() <= 2
    with pytest.raises(SystemExit):
        adjust((run[0], folded), *options, '--fold-into', str(tmp_path / 'again.pth'))
    assert 'tau = 3.0 folded in' in capsys.readouterr().err


def test_one_pass_equals_mmengine_at_tau_zero(run: tuple[Path, Path], tmp_path: Path) -> None:
    """MMSegmentation's own runner and metric on the same checkpoint."""
    from mmengine.runner import Runner

    config = Config.fromfile(run[0])
    config.merge_from_dict({'work_dir': str(tmp_path), 'load_from': str(run[1]), 'test_cfg': {}})
    config.test_evaluator = {'type': 'IoUMetric'}
    for key in ('train_dataloader', 'val_dataloader', 'val_evaluator'):
        config.pop(key)
    reference = Runner.from_cfg(config).test()
    adjust(run, '--tau', '0', '--work-dir', str(tmp_path))
    ours = RunRecord.load(tmp_path / 'records/test_posthoc.json').metrics()
    assert ours['mIoU'] == pytest.approx(reference['mIoU'], abs=0.01)
    assert ours['mAcc'] == pytest.approx(reference['mAcc'], abs=0.01)


def test_record_of_the_same_results_gets_the_curve(run: tuple[Path, Path], tmp_path: Path) -> None:
    adjust(run, '--tau', '0', '--work-dir', str(tmp_path))
    path = (tmp_path / 'records/test_posthoc.json').rename(tmp_path / 'records/test.json')
    content = json.loads(path.read_text()) | {'method': 'CE', 'tau_curve': []}
    path.write_text(json.dumps(content))
    adjust(run, '--tau', '0', '1', '--work-dir', str(tmp_path))
    assert [point['tau'] for point in RunRecord.load(path).tau_curve] == [0.0, 1.0]
    assert RunRecord.load(tmp_path / 'records/test_posthoc.json').method == 'CE + post-hoc'

    other = [[row[-1], *row[:-1]] for row in content['matrix']]
    path.write_text(json.dumps(content | {'matrix': other}))
    adjust(run, '--tau', '0', '1', '--work-dir', str(tmp_path))
    assert RunRecord.load(path).tau_curve == []
    assert RunRecord.load(tmp_path / 'records/test_posthoc.json').method == 'cross entropy + post-hoc'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('--tau', 'x'), 'tau: expected'),
        (('--tau', '0', '1e300'), "tau: expected numbers in [-100, 100] and '...', got '1e300'"),
        (('--fixed', 'nan'), '--fixed: expected a number in [-100, 100], got nan'),
        (('--fixed', 'inf'), '--fixed: expected a number in [-100, 100], got inf'),
        (('--fixed', '1e300'), '--fixed: expected a number in [-100, 100], got 1e+300'),
        (('--floor', 'nan'), '--floor: expected'),
        (('--floor', '-1'), '--floor: expected'),
        (('--criterion', 'mIoU_tial'), "Did you mean 'mIoU_tail'"),
        (('--prior', 'absent.json'), 'counts table'),
        (('--fold-into', '{checkpoint}'), 'another file than the checkpoint'),
        (('--cfg-options', 'model.decode_head.num_classes=4'), 'the classes of test_dataloader'),
        (('--cfg-options', 'model.decode_head.num_convs=1'), 'weights of this model'),
    ],
)
def test_bad_input_ends_in_one_line_before_the_evaluation(
    run: tuple[Path, Path],
    tmp_path: Path,
    options: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [option.format(checkpoint=run[1]) for option in options]
    with pytest.raises(SystemExit):
        adjust(run, *filled, '--work-dir', str(tmp_path / 'out'))
    shown = capsys.readouterr()
    assert message in shown.err and shown.err.count('\n') == 1 and not shown.out
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('by', ['prior', 'norm'])
def test_the_largest_tau_gives_a_record_that_can_be_read(run: tuple[Path, Path], tmp_path: Path, by: str) -> None:
    adjust(run, '--tau', '-100', '100', '--by', by, '--work-dir', str(tmp_path))
    (path,) = (tmp_path / 'records').glob('*.json')
    record = RunRecord.load(path)
    assert [point['tau'] for point in record.settings['posthoc']['curve']] == [-100, 0, 100]


def test_choosing_and_reporting_on_the_same_images_is_said(
    run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adjust(run, '--tau', '0', '--report-on', 'val', '--work-dir', str(tmp_path))
    assert 'on the same images' in capsys.readouterr().out
