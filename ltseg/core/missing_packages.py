"""What to do about a package that is not installed, in one wording."""

from ltseg.core.errors import MissingPackageError

__all__ = ['MASKS', 'missing_package']

# mmengine, mmcv, mmseg and mmpretrain each come from two distributions that overwrite each other. So ltseg requires
# neither, and its extras install the maintained ones.
OPENMMLAB = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain')
EXTRAS = (
    "For segmentation: pip install 'ltseg[mmseg]'. For classification: pip install 'ltseg[mmpretrain]'. "
    'Where parts of OpenMMLab are installed: ltseg check-env says what fits them.'
)
MASKS = "For MaskFormer and Mask2Former: pip install 'ltseg[masks]'."


def missing_package(where: str, package: str) -> MissingPackageError:
    """The error of whatever needs ``package``, which is not installed.

    Args:
        where: What needs it, e.g. 'ltseg train'.
        package: As it is imported, e.g. 'mmengine'.
    """
    other = MASKS if package == 'mmdet' else 'ltseg check-env says how to install it.'
    hint = EXTRAS if package in OPENMMLAB else other
    return MissingPackageError(where, f'the package {package}', 'none installed', hint)
