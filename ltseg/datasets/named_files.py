"""Names the file in every error while data are loaded, also by the transforms of MMSegmentation and MMPretrain."""

from typing import Any

from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmengine.dataset import Compose

from ltseg.core.errors import InvalidValueError, LtsegError, MissingFileError
from ltseg.datasets.checked_images import LoadCheckedImage
from ltseg.nested_datasets import innermost_datasets

__all__ = ['NamedLoading', 'name_files']

PLACES = 'Check data_root, data_prefix and the suffixes of the data set.'
AGAIN = 'Copy or make it again, or take it out of the data set.'


class NamedLoading:
    """A transform that loads a file; where it fails, the error names the file.

    Args:
        loading: mmcv's ``LoadImageFromFile`` or ``LoadAnnotations``, or one that is derived from them.

    Example:
        >>> from mmcv.transforms import LoadImageFromFile
        >>> from ltseg.datasets.named_files import NamedLoading
        >>> try:
        ...     NamedLoading(LoadImageFromFile())({'img_path': 'images/7.jpg'})
        ... except FileNotFoundError as error:
        ...     print(error.where)
        image file images/7.jpg
    """

    def __init__(self, loading: Any) -> None:
        self.loading = loading

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """What the transform makes of ``results``.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it cannot be loaded.
        """
        try:
            return self.loading(results)
        except LtsegError:
            raise
        except FileNotFoundError as error:
            raise MissingFileError(self._file(results), 'a file', 'none', PLACES) from error
        except Exception as error:  # decoders raise nearly anything on broken files
            reason = f'{type(error).__name__}: {(str(error).splitlines() or [""])[0]}'
            raise InvalidValueError(self._file(results), 'a file that can be loaded', reason, AGAIN) from error

    def _file(self, results: dict[str, Any]) -> str:
        labels = results.get('seg_map_path') if isinstance(self.loading, LoadAnnotations) else None
        return f'label file {labels}' if labels else f'image file {results.get("img_path")}'

    def __repr__(self) -> str:
        return repr(self.loading)


def name_files(dataset: Any) -> None:
    """Makes the pipelines of a data set, of those inside wrappers too, name files that cannot be loaded.

    mmcv's own ``LoadImageFromFile`` becomes :class:`LoadCheckedImage`, which gives the same pixels and refuses a file
    that is cut off, of which OpenCV makes a partly grey image. MMSegmentation's own ``LoadAnnotations`` becomes
    ``LoadEightBitAnnotations``, which refuses labels that 8 bits cannot hold.
    """
    for part in innermost_datasets(dataset):
        if isinstance(pipeline := getattr(part, 'pipeline', None), Compose):
            _name(pipeline.transforms)


def _name(transforms: list[Any]) -> None:
    """Replaces what loads in a list of transforms, and in lists inside of these, such as those of TestTimeAug."""
    for index, transform in enumerate(transforms):
        if type(transform) is LoadImageFromFile and not transform.ignore_empty and not transform.file_client_args:
            transforms[index] = LoadCheckedImage(
                to_float32=transform.to_float32,
                color_type=transform.color_type,
                imdecode_backend=transform.imdecode_backend,
                backend_args=transform.backend_args,
            )
        elif isinstance(transform, LoadImageFromFile | LoadAnnotations) and not isinstance(transform, LoadCheckedImage):
            transforms[index] = NamedLoading(_checked(transform))
        for name in ('transforms', 'subroutines'):
            if isinstance(inside := getattr(transform, name, None), list):
                _name(inside)


def _checked(loading: Any) -> Any:
    """MMSegmentation's own loading of labels with its checks; any other as it is."""
    kind = type(loading)
    if kind.__name__ != 'LoadAnnotations' or not kind.__module__.startswith('mmseg.'):
        return loading
    from ltseg.datasets.eight_bit_labels import LoadEightBitAnnotations  # MMSegmentation may be absent

    return LoadEightBitAnnotations.like(loading)
