"""Generated street scenes as a data set."""

from dataclasses import fields
from typing import Any

from mmengine.logging import print_log
from mmseg.datasets import CityscapesDataset as MMSegCityscapesDataset

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.datasets.data_folders import CheckedFolders
from ltseg.datasets.minicity.scenes import StreetScenes
from ltseg.registry import DATASETS

__all__ = ['MiniCityDataset']


@DATASETS.register_module()
class MiniCityDataset(CheckedFolders, MMSegCityscapesDataset):
    """Generated street scenes with Cityscapes' 19 classes, folders and skewed shares of the pixels.

    Args:
        generate: Settings of ``StreetScenes``, e.g. ``dict(seed=0, skew=1.0)``: where the data root is missing or
            empty, the scenes are written there. None only reads.
        kwargs: Arguments of ``BaseSegDataset``.

    Raises:
        ValueError: If a setting of ``generate`` is unknown or out of range.
        FileExistsError: If the data root holds scenes made with other settings, or other files.
        FileNotFoundError: If there are no data and ``generate`` is None.

    Example:
        >>> import tempfile
        >>> from ltseg.datasets import MiniCityDataset
        >>> folders = dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train')
        >>> with tempfile.TemporaryDirectory() as root:
        ...     data = MiniCityDataset(
        ...         generate=dict(seed=0, height=64, width=64, train=3, val=1, test=1),
        ...         data_root=root, data_prefix=folders)
        ...     print(len(data), data.metainfo['classes'][:3])
        3 ('road', 'sidewalk', 'building')
    """

    short_name = 'MiniCity'

    GUIDE = """
Make the scenes with
    ltseg minicity {root}
or set generate=dict(seed=0) in the data set."""

    def __init__(self, generate: dict[str, Any] | None = None, **kwargs: Any) -> None:
        names = [field.name for field in fields(StreetScenes)]
        for name in generate or {}:
            check_choice('MiniCityDataset.generate', name, names)
        self.scenes = None if generate is None else StreetScenes(**generate)
        if generate is not None and not kwargs.get('data_root'):
            raise InvalidValueError('MiniCityDataset.data_root', 'a folder to write to', repr(kwargs.get('data_root')))
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Writes the scenes where they are missing, then lists them."""
        if self.scenes is not None and self.scenes.write(self.data_root):
            number = self.scenes.train + self.scenes.val + self.scenes.test
            print_log(f'MiniCityDataset: wrote {number} street scenes into {self.data_root}', logger='current')
        return super().load_data_list()
