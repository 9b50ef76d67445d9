"""Every registered loss, so that a new one cannot escape the property tests."""

import torch

COUNTS = [900, 300, 120, 40, 8]
K = len(COUNTS)

# One config or more of each registered loss, but for those with a file of their own: DotRegressionLoss, ISDALoss and
# RISDALoss need features, LFMELoss experts, ExpertDiversityLoss several rows for a sample, and MaskClassificationLoss a
# class without a count.
LOSSES = [
    dict(type='ltseg.LongTailLoss', rules=[dict(type='ltseg.PriorBias'), dict(type='ltseg.Weighting')], counts=COUNTS),
    dict(type='ltseg.CrossEntropyLoss'),
    dict(type='ltseg.CrossEntropyLoss', class_weight=[1.0, 2.0, 3.0, 4.0, 5.0]),
    dict(type='ltseg.CrossEntropyLoss', class_weight='inverse', counts=COUNTS),
    dict(type='ltseg.CrossEntropyLoss', label_smoothing=0.1),
    dict(type='ltseg.ARBLoss'),
    dict(type='ltseg.ARBLoss', counts='ema'),
    dict(type='ltseg.ARBLoss', counts=COUNTS),
    dict(type='ltseg.BalancedSoftmaxLoss', counts=COUNTS),
    dict(type='ltseg.LogitAdjustedLoss', tau=0.5, counts=COUNTS),
    dict(type='ltseg.LDAMLoss', counts=COUNTS),
    dict(type='ltseg.CDTLoss', counts=COUNTS),
    dict(type='ltseg.VSLoss', counts=COUNTS),
    dict(type='ltseg.FocalLoss'),
    dict(type='ltseg.FocalLoss', gamma=0.5),
    dict(type='ltseg.FocalLoss', keep_mean=True),
    dict(type='ltseg.ClassBalancedLoss', counts=COUNTS),
    dict(type='ltseg.ClassBalancedLoss', counts=COUNTS, beta='1-1/N', focusing=1.0),
    dict(type='ltseg.ReweightedLoss', counts=COUNTS),
    dict(type='ltseg.ReweightedLoss', scheme='enet', counts='batch'),
    dict(type='ltseg.SeesawLoss'),
    dict(type='ltseg.SeesawLoss', counts=COUNTS),
    dict(type='ltseg.EqualizationLoss', frequency_threshold=0.05, counts=COUNTS),
    dict(type='ltseg.BLVLoss', counts=COUNTS),
    dict(type='ltseg.GCLLoss', counts=COUNTS),
    dict(type='ltseg.LabelAwareSmoothingLoss', counts=COUNTS),
    dict(type='ltseg.RecallLoss'),
    dict(type='ltseg.DifficultyBalancedLoss'),
    dict(type='ltseg.SquaredErrorLoss'),
]

# Those that are no mean over samples: without reductions, and sample weights as factors.
REGION_LOSSES = [
    dict(type='ltseg.TverskyLoss'),
    dict(type='ltseg.TverskyLoss', exponent=0.75, class_weight='sqrt_inverse', counts=COUNTS),
    dict(type='ltseg.TverskyLoss', rules=[dict(type='ltseg.PriorBias'), dict(type='ltseg.Margin')], counts=COUNTS),
    dict(type='ltseg.TverskyLoss', rules=[dict(type='ltseg.PriorBias')], counts='batch', average='weight'),
    dict(type='ltseg.JaccardLoss'),
    dict(type='ltseg.JaccardLoss', class_weight=[1.0, 2.0, 3.0, 4.0, 5.0], average='weight'),
    dict(type='ltseg.DiceLoss', smooth=1.0, exponent=2.0),
    dict(type='ltseg.DiceLoss', per='image'),
    dict(type='ltseg.PairwiseRankingLoss'),
    dict(type='ltseg.PairwiseRankingLoss', rules=[dict(type='ltseg.PriorBias')], counts='batch', average='weight'),
    dict(type='ltseg.LADERLoss', counts=COUNTS),
    dict(
        type='ltseg.LADERLoss',
        penalty=0.0,
        class_weight='sqrt_inverse',
        rules=[dict(type='ltseg.Margin')],
        counts=COUNTS,
    ),
    dict(type='ltseg.LADERLoss', per='image', counts=COUNTS),
]

# Those that see all pixels, or those of each image, at once: neither fused nor with a formula for soft labels.
UNFUSED_LOSSES = [
    dict(type='ltseg.LovaszLoss'),
    dict(type='ltseg.LovaszLoss', class_weight='sqrt_inverse', rules=[dict(type='ltseg.Margin')], counts=COUNTS),
    dict(type='ltseg.LovaszLoss', rules=[dict(type='ltseg.PriorBias')], counts='batch', average='weight'),
    dict(type='ltseg.LovaszLoss', per='image', class_weight=[1.0, 2.0, 3.0, 4.0, 5.0], average='weight'),
    dict(type='ltseg.PairwiseRankingLoss', per='image', class_weight='sqrt_inverse', counts=COUNTS),
]


# Losses that draw random numbers, and arguments under which these decide nothing.
CERTAIN = {
    'ltseg.EqualizationLoss': dict(gamma=1.0),
    'ltseg.BLVLoss': dict(sigma=1e9),
    'ltseg.GCLLoss': dict(sigma=1e9),
}
OF_COSINES = ('ltseg.LDAMLoss', 'ltseg.GCLLoss')  # warn of other logits


def without_chance(config: dict) -> dict:
    """The loss with nothing left to chance."""
    return {**config, **CERTAIN.get(config['type'], {})}


def name_of(config: dict) -> str:
    """A short test id."""
    return '-'.join(str(v).removeprefix('ltseg.') for k, v in config.items() if k not in ('counts', 'rules'))


def batch(
    *size: int, dtype: torch.dtype = torch.float64, ignored: bool = True, device: str = 'cpu'
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, K, *) within [-1, 1], as losses of cosines want them, and labels (N, *) with 255 where ignored."""
    torch.manual_seed(0)
    logits = torch.rand(size[0], K, *size[1:], dtype=dtype) * 2 - 1
    labels = torch.randint(0, K, size)
    if ignored:
        labels.view(-1)[:: max(2, labels.numel() // 5)] = 255
    return logits.to(device), labels.to(device)
