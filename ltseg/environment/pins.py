"""Versions that are known to work together, and the commands that install them."""

__all__ = ['COMPILE_MMCV', 'LIBRARIES', 'OF_MMSEG', 'OLDEST', 'ONEDL', 'OPENMMLAB', 'ORIGINAL', 'RECOMPILE_MMCV']

OPENMMLAB = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain')
ONEDL = {  # the maintained builds, which requirements.txt has
    'torch': 'torch==2.13.0',
    'cv2': 'opencv-python==5.0.0.93',
    'mmengine': 'onedl-mmengine==0.10.12',
    'mmcv': 'onedl-mmcv==2.3.6',
    'mmseg': 'onedl-mmsegmentation==1.4.2',
    'mmpretrain': 'onedl-mmpretrain==1.3.6',
}
ORIGINAL = {  # the last releases of OpenMMLab, and what they work with
    'torch': 'torch==2.1.2',
    'cv2': "'opencv-python<4.12'",
    'mmengine': 'mmengine==0.10.7',
    'mmcv': 'mmcv==2.1.0',
    'mmseg': 'mmsegmentation==1.2.2',
    'mmpretrain': 'mmpretrain==1.2.0',
}
# What setup.py requires beside torch; an installation with --no-deps leaves it out.
LIBRARIES = {
    'numpy': 'numpy',
    'scipy': 'scipy',
    'sklearn': 'scikit-learn',
    'matplotlib': 'matplotlib',
    'rich': 'rich',
    'jinja2': 'jinja2',
    'markupsafe': 'markupsafe',
}
OF_MMSEG = ('ftfy', 'regex')  # mmsegmentation 1.2.2 imports them and does not declare them
OLDEST = {'torch': (2, 0), 'mmengine': (0, 10), 'mmcv': (2, 1), 'mmseg': (1, 2), 'mmpretrain': (1, 2)}
COMPILE_MMCV = "pip install 'setuptools<70' wheel && pip install --no-build-isolation mmcv==2.1.0"
# pip keeps the wheel that it compiled for another torch.
RECOMPILE_MMCV = COMPILE_MMCV.replace('mmcv==', '--force-reinstall --no-deps --no-cache-dir mmcv==')
