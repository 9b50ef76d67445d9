"""One message for data that are not there, shared by all data sets."""

import os
from typing import Any

from mmseg.datasets import BaseSegDataset

from ltseg.core.errors import MissingFileError

__all__ = ['CheckedFolders']


class CheckedFolders(BaseSegDataset):
    """Looks for the files before training starts, and says how to get them where they are missing.

    It also tells each data info ``num_classes`` and ``ignore_index``, so that ``ltseg.LoadCheckedAnnotations`` can
    check the labels' values.

    Attributes:
        GUIDE: Where the data come from and how they are laid out; ``{root}`` stands for the data root.

    Example:
        >>> from ltseg.datasets.data_folders import CheckedFolders
        >>> class Harbors(CheckedFolders):
        ...     METAINFO = {'classes': ('water', 'ship')}
        ...     GUIDE = 'Unpack harbors.zip into {root}.'
        >>> try:
        ...     Harbors(data_root='data/harbors', data_prefix={'img_path': 'images', 'seg_map_path': 'labels'})
        ... except FileNotFoundError as error:
        ...     print(error.got, '-', error.hint)
        no such folder - Unpack harbors.zip into data/harbors.
    """

    GUIDE = ''

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMSegmentation's list of files.

        Raises:
            FileNotFoundError: If a folder or a label is missing, or there are no images.
        """
        images, labels = self.data_prefix.get('img_path'), self.data_prefix.get('seg_map_path')
        local = (self.backend_args or {}).get('backend', 'local') == 'local'
        for what, folder in (('images', images), ('labels', labels)):
            if local and folder and not os.path.isdir(folder):
                raise self._missing(f'{what} in the folder {folder!r}', 'no such folder')
        data_list = super().load_data_list()
        if not data_list:
            expected = f'images *{self.img_suffix} in the folder {images!r}'
            raise self._missing(expected, 'none')
        if local and labels:
            self._check_labels([info['seg_map_path'] for info in data_list])
        return data_list

    def get_data_info(self, index: int) -> dict[str, Any]:
        """MMSegmentation's data info with the number of classes in the label files and the ignored label."""
        num_classes = len(self.METAINFO.get('classes') or self.metainfo['classes'])
        return super().get_data_info(index) | {'num_classes': num_classes, 'ignore_index': self.ignore_index}

    def guide(self, missing_label: str | None = None) -> str:
        """How to get the data; ``missing_label`` is the first label that an image lacks."""
        return self.GUIDE.replace('{root}', (self.data_root or '.').rstrip('/'))

    def _check_labels(self, paths: list[str]) -> None:
        missing = [path for path in paths if not os.path.isfile(path)]
        if missing:
            got = f'{len(missing)} missing ones, the first: {missing[0]}'
            raise self._missing(f'a label for each of {len(paths)} images', got, missing[0])

    def _missing(self, expected: str, got: str, missing_label: str | None = None) -> MissingFileError:
        return MissingFileError(type(self).__name__, expected, got, self.guide(missing_label))
