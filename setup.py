"""Installs the package.

The exact versions that are tested together are in requirements.txt. Nothing here names a distribution of mmengine,
mmcv, mmseg or mmpretrain outside the extras: an installation that already provides these modules is used as it is.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
SEGMENTATION = ['onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6', 'onedl-mmsegmentation>=1.4.2', 'opencv-python']
CLASSIFICATION = ['onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6', 'onedl-mmpretrain>=1.3.6', 'torchvision']
VERSION = re.search(r"__version__ = '(.+)'", (ROOT / 'ltseg/__init__.py').read_text(encoding='utf-8')).group(1)

setup(
    name='ltseg',
    version=VERSION,
    description='Long-tailed semantic segmentation for MMSegmentation, and classification for MMPretrain',
    license='Apache-2.0',
    packages=find_packages(include=['ltseg', 'ltseg.*']),
    package_data={'ltseg.reports': ['papers/*.json'], 'ltseg.reports.page': ['templates/*']},
    python_requires='>=3.10',
    install_requires=[
        'torch>=2.0',
        'numpy',
        'scipy',
        'rich',
        'matplotlib',
        'scikit-learn',
        'jinja2',
        'markupsafe',
    ],
    extras_require={
        'mmseg': SEGMENTATION,
        'mmpretrain': CLASSIFICATION,
        'dev': ['pytest', 'hypothesis', 'ruff', 'mypy', 'playwright'],
    },
)
