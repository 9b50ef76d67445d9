"""Each key of the metric works as ``save_best`` and in the logs, nan included."""

import json
import math
from pathlib import Path

import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

NAMES = ['road', 'traffic light', 'bus', 'rider']


class FourPixels(Dataset):
    """Two images of four pixels, without any rider."""

    metainfo = {'classes': NAMES}

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict:
        return {'inputs': torch.zeros(1), 'label': torch.tensor([[0, 1], [2, 255]])}


class LearnsOneClass(BaseModel):
    """Predicts class 0 first, and then more and more of class 2."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.trained = 0

    def forward(self, inputs: torch.Tensor, label: torch.Tensor, mode: str) -> object:
        if mode == 'loss':
            self.trained += 1
            return {'loss': (self.weight - 1).square().sum()}
        prediction = torch.zeros(1, 2, 2, dtype=torch.int64)
        prediction[0, 1, 0] = 2 if self.trained > 1 else 0
        return [{'pred_sem_seg': {'data': prediction}, 'gt_sem_seg': {'data': mask[None]}} for mask in label]


def test_nan_passes_through_logs_and_save_best(tmp_path: Path) -> None:
    loader = {'dataset': FourPixels(), 'sampler': {'type': 'DefaultSampler', 'shuffle': False}, 'batch_size': 1}
    best = ['mIoU_tail', 'IoU/bus', 'IoU/rider']
    runner = Runner(
        model=LearnsOneClass(),
        work_dir=str(tmp_path),
        train_dataloader=loader,
        val_dataloader=loader,
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        train_cfg={'type': 'IterBasedTrainLoop', 'max_iters': 2, 'val_interval': 1},
        val_cfg={},
        val_evaluator=Evaluator([{'type': 'ltseg.LongTailIoU', 'counts': [8, 4, 1, 2]}]),
        default_hooks={
            'logger': {'type': 'LoggerHook', 'log_metric_by_epoch': False},
            'checkpoint': {'type': 'CheckpointHook', 'by_epoch': False, 'save_best': best, 'rule': 'greater'},
        },
        log_processor={'by_epoch': False},
        default_scope='mmengine',
        experiment_name='four_pixels',
    )
    runner.train()
    saved = sorted(path.name for path in tmp_path.glob('best_*.pth'))
    assert saved == ['best_IoU_bus_iter_2.pth', 'best_mIoU_tail_iter_2.pth']  # nan is never the best
    (scalars,) = tmp_path.rglob('scalars.json')
    logged = [json.loads(line) for line in scalars.read_text().splitlines() if 'mIoU' in line]
    assert [entry['IoU/bus'] for entry in logged] == [0, 100]
    assert all(math.isnan(entry['Precision/rider']) for entry in logged)
