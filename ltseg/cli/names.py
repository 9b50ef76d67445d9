"""What reports call the model, the method and the data set of a config."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ['names_of']

MODELS = {
    'unet': 'U-Net',
    'deeplabv3plus': 'DeepLabv3+',
    'resnet32': 'ResNet-32',
    'resnet50': 'ResNet-50',
    'resnet152': 'ResNet-152',
    'resnext50': 'ResNeXt-50',
}
LONG_TAILED = {'cifar10lt100': 'CIFAR-10-LT 100', 'cifar100lt100': 'CIFAR-100-LT 100'}  # with the imbalance factor
LARGE = {  # where ARB takes the counts of the data set
    'imagenetlt': 'ImageNet-LT',
    'placeslt': 'Places-LT',
    'inaturalist2018': 'iNaturalist 2018',
}
OWN_MODEL, OWN_DATA = 'own model', 'own data'  # where the name of a config does not say
DATA_SETS = {'camvid': 'CamVid', 'cityscapes': 'Cityscapes', 'minicity': 'MiniCity', **LARGE, **LONG_TAILED}
METHODS = {
    'ce': 'cross entropy',
    'ce_mixup': 'cross entropy, mixup',
    'ce_drw': 'CE-DRW',
    'arb_ncr': 'ARB, NCR',
    'arb_p2p': 'ARB, P2P',
    'balanced_softmax_lwr': 'balanced softmax, LWR',
    'logit_adjusted_bcl': 'logit adjusted (0.5), BCL',
    'arb': 'ARB (batch)',
    'arb_dataset': 'ARB (dataset)',
    'balanced_softmax': 'balanced softmax',
    'logit_adjusted': 'logit adjusted (0.5)',
    'ldam': 'LDAM',
    'ldam_drw': 'LDAM-DRW',
    'class_balanced': 'class-balanced',
    'focal': 'focal',
    'seesaw': 'Seesaw',
    'remix': 'Remix',
    'vs': 'VS',
    'crt': 'cRT',
    'lws': 'LWS',
    'etf': 'ETF',
    'bbn': 'BBN',
    'ride': 'RIDE',
    'mislas': 'MiSLAS',
    'disalign': 'DisAlign',
    'allnc': 'AllNC',
}
CLASSIFICATION = {
    **METHODS,
    'logit_adjusted': 'logit adjusted',
    'class_balanced_focal': 'class-balanced focal',
    'reweighted': 're-weighting',
    'equalization': 'equalization',
    'label_aware_smoothing': 'label-aware smoothing',
    'resample_class_balanced': 're-sampling (class-balanced)',
    'resample_square_root': 're-sampling (square root)',
    'resample_progressive': 're-sampling (progressive)',
    'resample_repeat_factor': 're-sampling (repeat factor)',
    'weight_balancing': 'weight balancing',
    'focal_drw': 'focal, DRW',
    'remix_drw': 'Remix-DRW',
    'center_loss_drw': 'center loss, DRW',
    'supcon': 'SupCon',
    'kcl': 'KCL',
    'tsc': 'TSC',
    'bcl': 'BCL',
    'ncr_drw': 'NC-DRW',
    'ncr_drw_crt': 'NC-DRW-cRT',
    'ncr_ldam_drw': 'LDAM-DRW, NCR',
    'ncr_logit_adjusted': 'logit adjusted, NCR',
    'ncr_ride': 'RIDE, NCR',
    'lwr_balanced_softmax': 'balanced softmax, LWR',
    'lwr_ce_drw': 'CE-DRW, LWR',
    'lwr_focal': 'focal, LWR',
    'lwr_logit_adjusted': 'logit adjusted, LWR',
    'allnc_plus': 'AllNC++',
    'ce_monitored': 'cross entropy',
    'arb_monitored': 'ARB (batch)',
}


def names_of(config: str, settings: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Name, model, method and data set of a config file, by its name.

    ``<model>_<method>_<dataset>[_<variant>].py`` says all three, ``<model>_<method>.py`` two, if the method is one of
    this package; any other name is that of the method.

    Args:
        config: Path of the config file.
        settings: What differs from it, by dotted keys: an imbalance factor becomes part of the data set's name.
    """
    stem = Path(config).stem
    methods = CLASSIFICATION if 'classification' in Path(config).parts else METHODS
    model, method, dataset = _parts(stem.split('_'), methods)
    if method == 'arb' and dataset.partition('_')[0] in LARGE:
        method = 'arb_dataset'
    known, *variant = dataset.split('_')
    name = DATA_SETS.get(known, known)
    factor = next((value for key, value in (settings or {}).items() if key.endswith('imbalance_factor')), None)
    if factor is not None and known in LONG_TAILED:
        name = f'{name.rpartition(" ")[0]} {factor}'
    return {
        'name': stem,
        'model': MODELS.get(model, model),
        'method': methods.get(method, method) or stem,
        'dataset': ' '.join([name, *variant]),
    }


def _parts(words: list[str], methods: Mapping[str, str]) -> tuple[str, str, str]:
    """Model, method and data set, each of them words joined by underscores."""
    last = next((index for index, word in enumerate(words) if index and word in DATA_SETS), None)
    if last is None:
        for start in range(1, len(words)):  # the longest method first
            if (method := '_'.join(words[start:])) in methods:
                return '_'.join(words[:start]), method, OWN_DATA
        if len(words) < 3:
            return OWN_MODEL, '_'.join(words), OWN_DATA
        last = len(words) - 1
    return words[0], '_'.join(words[1:last]), '_'.join(words[last:])
