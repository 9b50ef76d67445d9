"""Per-class results that papers have printed, to put beside measured ones.

Source: Xie, Yang, Cai, He: Neural Collapse Inspired Attraction-Repulsion-Balanced Loss for Imbalanced Learning,
Neurocomputing 2023, Table 4 (Cityscapes, in percent). Two printed means are not the means of their rows; both numbers
are shown then. For DeepLabv3+ with ARB-Loss the IoU rows average 78.44 where 79.49 is printed; a wall IoU of 58.15
instead of 38.15 would close the gap. For U-Net with ARB-Loss the Acc rows average 79.64 where 79.69 is printed.
"""

from ltseg.core.errors import InvalidValueError
from ltseg.reports.published_accuracy import ACCURACIES
from ltseg.reports.published_run import PublishedRun

__all__ = ['PUBLISHED', 'PublishedRun', 'find_published']

# A class per line: IoU and Acc of U-Net with cross entropy, U-Net with ARB, DeepLabv3+ with cross entropy and with ARB.
ARB_TABLE_4 = """
road          96.82 98.61 97.01 97.86 98.31 99.08 97.99 98.49
sidewalk      77.25 86.47 78.92 88.57 86.12 93.07 89.97 93.11
building      90.05 96.33 92.83 93.37 93.10 96.82 91.93 94.62
wall          31.86 35.54 39.73 48.40 54.84 59.60 38.15 62.26
fence         45.77 52.81 50.86 60.18 61.31 69.51 64.64 72.19
pole          63.33 73.40 61.05 82.74 69.62 81.66 67.51 87.95
traffic_light 73.74 83.91 70.68 94.05 75.11 86.41 73.46 95.64
traffic_sign  78.43 85.31 75.34 91.16 81.82 89.41 78.18 94.71
vegetation    91.89 96.35 90.98 94.43 92.90 96.83 91.91 94.89
terrain       57.94 68.11 55.96 72.41 65.51 74.68 63.10 80.40
sky           94.38 97.97 92.83 98.96 95.20 98.37 93.16 99.30
person        79.51 92.00 78.12 93.60 84.08 92.93 82.36 95.38
rider         48.82 55.94 55.11 65.77 63.63 74.01 72.08 80.06
car           92.97 97.44 95.46 96.75 95.87 98.12 96.62 97.87
truck         33.63 36.51 38.71 48.21 77.36 84.80 75.61 85.26
bus           62.80 70.04 59.17 67.50 88.21 96.04 86.64 92.52
train         34.65 40.91 33.85 60.04 75.41 78.08 83.97 90.28
motorcycle    53.16 61.39 49.98 69.24 68.68 79.29 64.86 82.82
bicycle       76.63 87.48 73.33 89.93 80.17 90.54 78.24 92.33
mean          67.56 74.55 67.89 79.69 79.33 86.28 79.49 88.95
"""


def _read_table(table: str, runs: dict[str, tuple[str, str]]) -> dict[str, PublishedRun]:
    """Runs of a table of the ARB paper, two columns each; ``runs`` gives method and model by the name of the run."""
    lines = [line.split() for line in table.strip().splitlines()]
    columns = [
        dict(zip((line[0].replace('_', ' ') for line in lines), map(float, c), strict=True))
        for c in zip(*(line[1:] for line in lines), strict=True)
    ]
    found = {}
    for position, (name, (method, model)) in enumerate(runs.items()):
        rates = dict(zip(('IoU', 'Acc'), columns[2 * position : 2 * position + 2], strict=True))
        means = {rate: values.pop('mean') for rate, values in rates.items()}
        found[name] = PublishedRun('ARB paper', method, model, 'Cityscapes', rates, means, len(lines) - 1)
    return found


ROWS = _read_table(
    ARB_TABLE_4,
    {
        'arb/unet/ce': ('cross entropy', 'U-Net'),
        'arb/unet/arb': ('ARB-Loss', 'U-Net'),
        'arb/deeplabv3plus/ce': ('cross entropy', 'DeepLabv3+'),
        'arb/deeplabv3plus/arb': ('ARB-Loss', 'DeepLabv3+'),
    },
)


PUBLISHED = {**ROWS, **ACCURACIES}


def find_published(name: str) -> list[PublishedRun]:
    """The runs whose name is ``name`` or starts with it: 'arb/unet' stands for 'arb/unet/ce' and 'arb/unet/arb'.

    Classifiers are found by data set, paper and method: 'cifar10lt100', 'cifar10lt100/arb', 'imagenetlt/bcl'.

    Raises:
        ValueError: If there is none; names those that there are.
    """
    found = [run for key, run in PUBLISHED.items() if f'{key}/'.startswith(f'{name}/')]
    if not found:
        near = [key for key in PUBLISHED if key.startswith(name.partition('/')[0])]
        raise InvalidValueError('published run', 'one of ' + ', '.join(near or PUBLISHED), repr(name))
    return found
