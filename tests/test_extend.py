"""The files on docs/extend.md, in a project beside this repository, used as their configs say."""

import doctest
import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, METRICS, MODELS
from tiny_runs import cut_down, quick_runners, write_camvid, write_sample
from torch.nn import functional as F

from ltseg.cli.runner import build_runner
from ltseg.core.features import FeatureBatch
from ltseg.regularizers import RegularizerGroup

pytestmark = pytest.mark.usefixtures('mmseg_registered')

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/extend.md').read_text(encoding='utf-8')
FILES = dict(re.findall(r'```python\n# ((?:my_project|configs)/\S+\.py)\n(.*?)```', PAGE, re.DOTALL))
Read = Callable[[str], Config]


@pytest.fixture(scope='module')
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Reads a config of the project, which registers what it imports; afterwards nothing is registered any more."""
    folder = tmp_path_factory.mktemp('extend')
    (folder / 'ltseg').symlink_to(ROOT)
    for name, text in {'my_project/__init__.py': '', **FILES}.items():
        (folder / 'project' / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / 'project' / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch, quick_runners():
        patch.syspath_prepend(str(folder / 'project'))
        yield lambda name: Config.fromfile(folder / f'project/configs/{name}.py')
    for registry in (MODELS, DATASETS, METRICS):
        for name in [name for name, made in registry.module_dict.items() if made.__module__.startswith('my_project')]:
            del registry._module_dict[name]
    for name in [name for name in sys.modules if name.partition('.')[0] == 'my_project']:
        del sys.modules[name]


def trained(config: Config, data: Path, folder: Path) -> Any:
    """The runner after one iteration and a validation on tiny images."""
    cut_down(config, data, folder / 'run')
    runner = build_runner(config)
    runner.train()
    return runner


def logged(runner: Any, key: str) -> float:
    return runner.message_hub.get_scalar(key).current()


def check_example(made: Any) -> None:
    test = doctest.DocTestParser().get_doctest(made.__doc__, {made.__name__: made}, made.__name__, None, None)
    report = io.StringIO()
    with redirect_stdout(report):
        assert test.examples and doctest.DocTestRunner(verbose=False).run(test).failed == 0, report.getvalue()


def test_every_block_is_a_file_and_every_module_has_a_config() -> None:
    assert PAGE.count('```python') == len(FILES)
    imports = {name for text in FILES.values() for name in re.findall(r"imports=\['(\S+)'\]", text)}
    assert imports == {name[:-3].replace('/', '.') for name in FILES if not name.startswith('configs/')}


def test_rule(read: Read, tmp_path: Path) -> None:
    config = read('unet_log_weighting_camvid')
    check_example(MODELS.get('LogWeighting'))
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    loss = MODELS.build({**config.model.decode_head.loss_decode, 'counts': [700, 100, 100]})
    expected = F.cross_entropy(logits, labels, weight=torch.tensor([1.0, 3.0, 3.0]))
    torch.testing.assert_close(loss(logits, labels), expected)
    equal = MODELS.build({**config.model.decode_head.loss_decode, 'counts': [5, 5, 5]})
    torch.testing.assert_close(equal(logits, labels), F.cross_entropy(logits, labels))
    with pytest.raises(ValueError, match='LogWeighting a floor'):
        MODELS.build({**config.model.decode_head.loss_decode, 'counts': 'batch'})
    runner = trained(config, write_camvid(tmp_path / 'camvid'), tmp_path)
    assert 0 < logged(runner, 'train/decode.loss_long_tail') < 100


def test_loss(read: Read, tmp_path: Path) -> None:
    config = read('unet_poly1_camvid')
    given, labels = {'type': 'Poly1Loss', 'counts': [75, 25]}, torch.tensor([0, 1, 255])
    logits = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    cross_entropy = F.cross_entropy(logits, labels, ignore_index=255)
    torch.testing.assert_close(MODELS.build({**given, 'epsilon': 0.0})(logits, labels, ignore_index=255), cross_entropy)
    other = logits.softmax(1)[[0, 1], [1, 0]]  # 1 - p_y
    expected = cross_entropy + 2 * (0.25 * other[0] + 0.75 * other[1]) / 2
    torch.testing.assert_close(MODELS.build({**given, 'epsilon': 2.0})(logits, labels, ignore_index=255), expected)
    runner = trained(config, write_camvid(tmp_path / 'camvid'), tmp_path)
    assert 0 < logged(runner, 'train/decode.loss_poly1') < 100


def test_regularizer(read: Read, tmp_path: Path) -> None:
    config = read('unet_norm_balance_camvid')
    check_example(MODELS.get('NormBalance'))
    group = RegularizerGroup([dict(type='NormBalance')], num_classes=3, feature_dim=4)
    vectors = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    batch = FeatureBatch(torch.zeros(0, 1, 4), torch.zeros(0).long(), 3, vectors)
    (gradient,) = torch.autograd.grad(group(batch)['loss_norm_balance'], vectors)
    torch.testing.assert_close(torch.linalg.cross(gradient[:, :3], vectors[:, :3]), torch.zeros(3, 3).double())
    alike = FeatureBatch(batch.features, batch.labels, 3, F.normalize(vectors) * 7)
    assert group(alike)['loss_norm_balance'] < 1e-20
    runner = trained(config, write_camvid(tmp_path / 'camvid'), tmp_path)
    assert logged(runner, 'train/decode.loss_norm_balance') >= 0


def test_data_set(read: Read, tmp_path: Path) -> None:
    config = read('unet_balanced_softmax_harbor')
    with pytest.raises(FileNotFoundError, match='Layout: data/harbor/images'):
        DATASETS.build(config.train_dataloader.dataset)
    for split in ('train', 'val'):
        for index in range(2):
            image, labels = tmp_path / f'images/{split}/{index}.jpg', tmp_path / f'labels/{split}/{index}.png'
            write_sample(image, labels, num_classes=4, void=255, size=(36, 48), seed=index)
    runner = trained(config, tmp_path, tmp_path)
    assert 0 < logged(runner, 'train/decode.loss_balanced_softmax') < 100
    counts = runner.model.decode_head.loss_decode.counts
    assert counts.class_names == ('water', 'quay', 'ship', 'buoy')
    assert counts.filled.samples.sum() == 2 * 35 * 48  # all but the void line of each image
    assert counts.filled.samples.argsort(descending=True).tolist() == [0, 1, 2, 3]


def test_metric(read: Read, tmp_path: Path) -> None:
    config = read('unet_fwiou_camvid')
    metric = METRICS.build(config.val_evaluator)
    metric.dataset_meta = {'classes': ('road', 'car', 'pole')}
    label, guess = torch.tensor([[0, 0, 0, 1, 255]]), torch.tensor([[0, 0, 1, 1, 0]])
    metric.process(None, [{'pred_sem_seg': {'data': guess}, 'gt_sem_seg': {'data': label}}])
    values = metric.evaluate(size=1)
    assert values['fwIoU'] == pytest.approx(100 * (3 / 4 * 2 / 3 + 1 / 4 * 1 / 2)) and 'mIoU_tail' in values
    runner = trained(config, write_camvid(tmp_path / 'camvid'), tmp_path)
    assert 0 <= logged(runner, 'val/fwIoU') <= 100
    assert list((tmp_path / 'run').glob('best_fwIoU_*.pth'))
