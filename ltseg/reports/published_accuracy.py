"""Accuracies of classifiers that papers have printed, to put beside measured ones.

Sources (in percent, ResNet-32 on CIFAR):
Xie, Yang, Cai, He: Neural Collapse Inspired Attraction-Repulsion-Balanced Loss for Imbalanced Learning, Neurocomputing
2023 (ARB), Tables 1 and 2. Its caption says ResNet-152 for iNaturalist, its released code ResNet-50.
Liu, Zhang, Hu, Cao, Pan, Yao: Inducing Neural Collapse in Deep Long-tailed Learning, AISTATS 2023 (NCR), Tables 3, 4.
Zhu, Wang, Chen, Chen, Jiang: Balanced Contrastive Learning for Long-Tailed Visual Recognition, CVPR 2022 (BCL),
Tables 3 to 6.
Zhang, Li, Geng, Chen: All-around Neural Collapse for Imbalanced Classification (AllNC); AllNC++ rebalances weights. Its
accuracies on balanced CIFAR are above what others reach with ResNet-32.
Logit weight repulsion, a poster (LWR).
What the papers copied from others is left out, but for the baselines of ARB and NCR.
"""

from ltseg.reports.published_run import PublishedRun

__all__ = ['ACCURACIES']

# Paper, method, and top-1 at imbalance factors 200, 100, 50, 10, and of the balanced set; '-' where there is none.
CIFAR_10 = """
ARB   | cross entropy | -     70.4  74.8  86.4  92.8
ARB   | mixup         | -     73.1  77.8  87.1  92.0
ARB   | LDAM-DRW      | -     74.9  -     86.7  -
ARB   | Remix-DRW     | -     79.8  -     89.1  -
ARB   | BBN           | -     79.9  82.2  88.4  -
ARB   | MiSLAS        | -     82.1  85.7  90.0  -
ARB   | ARB-Loss      | -     83.3  85.7  90.2  92.6
NCR   | cross entropy | -     70.4  -     86.4  -
NCR   | CE-RS         | -     72.8  -     87.8  -
NCR   | CE-RW         | -     74.4  -     87.9  -
NCR   | CE-DRW        | -     75.1  -     86.4  -
NCR   | LDAM-DRW      | -     77.0  -     88.2  -
NCR   | ETF           | -     76.5  -     87.7  -
NCR   | NC-DRW        | -     81.9  -     89.8  -
NCR   | NC-DRW-cRT    | -     82.6  -     90.2  -
BCL   | BCL           | -     84.32 87.24 91.12 -
AllNC | AllNC         | 85.46 88.77 92.12 95.22 97.57
AllNC | AllNC++       | 86.08 90.12 92.43 95.56 -
"""
CIFAR_100 = """
ARB   | cross entropy | -     38.4  43.9  55.8  68.7
ARB   | mixup         | -     39.6  45.0  58.2  68.7
ARB   | LDAM-DRW      | -     40.3  -     57.3  -
ARB   | Remix-DRW     | -     46.8  -     61.3  -
ARB   | BBN           | -     42.6  47.1  59.2  -
ARB   | MiSLAS        | -     47.0  52.3  63.2  -
ARB   | ARB-Loss      | -     47.2  52.6  62.1  68.6
NCR   | cross entropy | -     38.4  -     55.7  -
NCR   | CE-RS         | -     36.7  -     57.7  -
NCR   | CE-RW         | -     32.5  -     58.2  -
NCR   | CE-DRW        | -     42.5  -     56.2  -
NCR   | LDAM-DRW      | -     43.5  -     58.7  -
NCR   | ETF           | -     45.3  -     -     -
NCR   | NC-DRW        | -     48.6  -     63.1  -
NCR   | NC-DRW-cRT    | -     48.7  -     63.6  -
BCL   | BCL           | -     51.93 56.59 64.87 -
AllNC | AllNC         | 51.29 56.63 62.94 73.48 83.78
AllNC | AllNC++       | 51.50 57.01 62.42 73.60 -
"""
# Data set, paper, method, model, and many, medium, few and top-1.
SHOTS = """
cifar100lt100   | BCL   | BCL 200 epochs    | ResNet-32  | 67.2  53.1  32.9  51.9
cifar100lt100   | BCL   | BCL 400 epochs    | ResNet-32  | 69.7  53.8  35.5  53.9
cifar100lt100   | LWR   | balanced softmax  | ResNet-32  | 63.9  46.7  25.0  46.3
cifar100lt100   | LWR   | LWR               | ResNet-32  | 66.6  50.0  32.2  50.7
imagenetlt      | ARB   | cross entropy     | ResNet-50  | 65.5  40.3  13.1  45.6
imagenetlt      | ARB   | ARB-Loss          | ResNet-50  | 60.2  51.8  38.3  52.8
imagenetlt      | NCR   | NC-DRW            | ResNeXt-50 | 67.1  49.7  29.0  53.6
imagenetlt      | NCR   | NC-DRW-cRT        | ResNeXt-50 | 65.6  51.2  35.4  54.2
imagenetlt      | BCL   | BCL               | ResNet-50  | -     -     -     56.0
imagenetlt      | BCL   | BCL 90 epochs     | ResNeXt-50 | 67.2  53.9  36.5  56.7
imagenetlt      | BCL   | BCL 180 epochs    | ResNeXt-50 | 67.9  54.2  36.6  57.1
imagenetlt      | AllNC | AllNC             | ResNeXt-50 | 68.0  54.5  32.6  56.5
imagenetlt      | AllNC | AllNC++           | ResNeXt-50 | 67.9  54.9  33.7  56.9
imagenetlt      | LWR   | balanced softmax  | ResNet-50  | 60.5  46.2  24.0  48.7
imagenetlt      | LWR   | LWR               | ResNet-50  | 62.6  49.2  30.7  51.5
placeslt        | ARB   | ARB-Loss          | ResNet-50  | 41.9  41.5  32.1  39.7
inaturalist2018 | ARB   | cross entropy     | ResNet-152 | 72.8  63.7  58.4  62.3
inaturalist2018 | ARB   | ARB-Loss          | ResNet-152 | 71.9  72.1  71.7  71.7
inaturalist2018 | BCL   | BCL               | ResNet-50  | -     -     -     71.8
inaturalist2018 | AllNC | AllNC             | ResNet-50  | 72.6  72.0  70.8  71.5
inaturalist2018 | AllNC | AllNC++           | ResNet-50  | 72.3  72.2  71.6  71.9
"""
FACTORS = ('200', '100', '50', '10', '')
MEANS = ('accuracy/many', 'accuracy/medium', 'accuracy/few', 'accuracy/top1')
DATA_SETS = {
    'cifar100lt100': ('CIFAR-100-LT 100', 100),
    'imagenetlt': ('ImageNet-LT', 1000),
    'placeslt': ('Places-LT', 365),
    'inaturalist2018': ('iNaturalist 2018', 8142),
}


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split('|')] for line in table.strip().splitlines()]


def _name(dataset: str, paper: str, method: str) -> str:
    return f'{dataset}/{paper}/{method.replace(" ", "_")}'.lower()


def _by_factor(table: str, num_classes: int) -> dict[str, PublishedRun]:
    found = {}
    for paper, method, printed in _rows(table):
        for factor, value in zip(FACTORS, printed.split(), strict=True):
            if value == '-':
                continue
            dataset = f'CIFAR-{num_classes}-LT {factor}' if factor else f'CIFAR-{num_classes}'
            short = dataset.replace('-', '').replace(' ', '')
            means = {'accuracy/top1': float(value)}
            run = PublishedRun(f'{paper} paper', method, 'ResNet-32', dataset, {}, means, num_classes)
            found[_name(short, paper, method)] = run
    return found


def _by_shots(table: str) -> dict[str, PublishedRun]:
    found = {}
    for short, paper, method, model, printed in _rows(table):
        dataset, num_classes = DATA_SETS[short]
        means = {key: float(value) for key, value in zip(MEANS, printed.split(), strict=True) if value != '-'}
        run = PublishedRun(f'{paper} paper', method, model, dataset, {}, means, num_classes)
        variant = '' if model == 'ResNet-32' else f' {model}'
        found[_name(short, paper, method + variant)] = run
    return found


ACCURACIES = {**_by_factor(CIFAR_10, 10), **_by_factor(CIFAR_100, 100), **_by_shots(SHOTS)}
