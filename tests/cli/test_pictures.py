"""Predictions of images with the same name in several folders are all kept, or refused before the evaluation."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hinted import hinted
from PIL import Image

from ltseg.cli.pictures import NumberedPictures, check_prediction_names
from ltseg.core.errors import UsageError
from ltseg.registry import METRICS


@pytest.mark.usefixtures('mmpretrain_registered')
def test_each_image_of_a_classifier_has_a_picture(tmp_path: Path) -> None:
    from mmpretrain.structures import DataSample
    from mmpretrain.visualization import UniversalVisualizer

    UniversalVisualizer.get_instance('pictures').dataset_meta = {'classes': ('cat', 'dog')}
    hook = NumberedPictures(out_dir=str(tmp_path / 'shown'))
    paths = ['cat/0.png', 'dog/0.png', 'dog/1.png', None]
    for batch, size in ((paths[:3], 3), (paths[3:], 1)):
        samples = [DataSample(metainfo={'img_path': path} if path else {}).set_pred_label(1) for path in batch]
        images = torch.full((size, 3, 32, 32), 9 * size, dtype=torch.uint8)
        hook.after_test_iter(SimpleNamespace(), 0, {'inputs': images}, samples)
        assert [sample.get('img_path') for sample in samples] == batch  # as other hooks and metrics see them
    made = sorted((tmp_path / 'shown').iterdir())
    assert [path.name for path in made] == ['0_0.png_0.png', '1_0.png_0.png', '2_1.png_0.png', '3_0.png']
    assert all(Image.open(path).size == (32, 32) for path in made)


def runner_of(paths: list[str], *metrics: object) -> SimpleNamespace:
    class Images(list):
        def get_data_info(self, index: int) -> dict:
            return {'img_path': self[index]}

    whole = SimpleNamespace(datasets=[Images(paths[:1]), Images(paths[1:])])
    loader, evaluator = SimpleNamespace(dataset=whole), SimpleNamespace(metrics=metrics)
    return SimpleNamespace(test_dataloader=loader, test_evaluator=evaluator)


TWICE = ['a/seq1/0001.jpg', 'a/seq2/0002.jpg', 'a/seq2/0001.png']
FLAT, IN_FOLDERS = SimpleNamespace(output_dir='out'), SimpleNamespace(output_dir='out', image_root='')


@pytest.mark.parametrize('metrics', [(FLAT,), (IN_FOLDERS, FLAT)])
def test_predictions_that_would_be_overwritten_are_refused(metrics: tuple) -> None:
    with pytest.raises(UsageError, match=r'a/seq1/0001\.jpg and a/seq2/0001\.png.*LongTailIoU'):
        check_prediction_names(runner_of(TWICE, *metrics))
    hinted(
        "Evaluate with test_evaluator=dict(type='ltseg.LongTailIoU'), which keeps the folders of the images.",
        lambda: check_prediction_names(runner_of(TWICE, *metrics)),
    )
    check_prediction_names(runner_of(TWICE, METRICS.build({'type': 'ltseg.LongTailIoU', 'output_dir': 'out'})))
    check_prediction_names(runner_of(TWICE[:2], *metrics))
    check_prediction_names(runner_of([TWICE[0], TWICE[0]], *metrics))  # one image twice, of which one file is enough


def test_metrics_that_write_nothing_or_keep_folders_may_meet_such_names() -> None:
    check_prediction_names(runner_of(TWICE, IN_FOLDERS, SimpleNamespace(output_dir=None), SimpleNamespace()))
