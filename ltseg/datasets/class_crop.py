"""Random crops that hold a class which was drawn for them."""

from typing import Any

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmseg.datasets.transforms import RandomCrop

from ltseg.core.checks import check_choice, check_integer, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.datasets.rare_class_sampling import ENOUGH
from ltseg.registry import TRANSFORMS

__all__ = ['ClassCrop']

FORMS = {'centered': 1 / 3, 'tried': 1.0}  # with the share of the crops that are made so
TRIES = 10
HALF = 0.5  # of what is enough in an image is enough in a crop

Box = tuple[int, int, int, int]  # top, bottom, left, right


@TRANSFORMS.register_module()
class ClassCrop(RandomCrop):
    """MMSegmentation's ``RandomCrop``, of which a share is made to hold a class of the image.

    The class is drawn from those of the image, all alike; under ``ltseg.RareClassSampler`` with the probability that
    the image was drawn for it. The other crops, and those of an image without such a class, are ``RandomCrop``'s.

    Args:
        crop_size: Height and width, or both in one number.
        form: 'centered' puts a random pixel of the class into the middle of the crop, as far as the image reaches.
            'tried' takes the first of up to 10 random crops that holds half of what is enough, or the last.
        share: Of the crops that are made so, in [0, 1]; None is a third of 'centered' and all of 'tried'.
        min_share: Share of the pixels of the image, before cropping, that is enough of a class: 'tried' draws classes
            of which the image holds enough. In [0, 1].
        cat_max_ratio: As of ``RandomCrop``; crops of 'centered' do not look at it.
        ignore_index: Label that is no class.

    Source:
        'centered': Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image
        segmentation, Nature Methods 2021, where it is the last third of each batch, and background is no class.
        'tried': Hoyer et al., DAFormer, CVPR 2022, in their code (``min_crop_ratio``).

    Example:
        >>> import numpy as np
        >>> from ltseg.datasets import ClassCrop
        >>> labels = np.zeros((100, 100), np.uint8)
        >>> labels[70, 20] = 1
        >>> crop = ClassCrop((9, 9), share=1.0)
        >>> crop.class_odds = np.array([0.0, 1.0])  # as ltseg.RareClassSampler says it
        >>> image = {'img': np.zeros((100, 100, 3)), 'gt_seg_map': labels, 'seg_fields': ['gt_seg_map']}
        >>> np.argwhere(crop(image)['gt_seg_map']).tolist()
        [[4, 4]]
    """

    short_name = 'class crop'

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        form: str = 'centered',
        share: float | None = None,
        min_share: float = ENOUGH,
        cat_max_ratio: float = 1.0,
        ignore_index: int = 255,
    ) -> None:
        super().__init__(crop_size, cat_max_ratio, ignore_index)
        check_choice('ClassCrop.form', form, tuple(FORMS))
        self.form, self.share, self.min_share = form, FORMS[form] if share is None else share, min_share
        check_range('ClassCrop.share', self.share, 0, 1)
        check_range('ClassCrop.min_share', min_share, 0, 1)
        check_integer('ClassCrop.ignore_index', ignore_index, 0)
        self.class_odds: np.ndarray | None = None  # from ltseg.RareClassSampler
        self.class_limits: np.ndarray | None = None  # least shares of an image that is drawn for a class

    @cache_randomness
    def crop_bbox(self, results: dict[str, Any]) -> Box:
        """The part of the image to keep: top, bottom, left, right.

        Raises:
            ValueError: If the labels have not been loaded.
        """
        if 'gt_seg_map' not in results:
            hint = "Put dict(type='LoadAnnotations') before it in the pipeline."
            raise InvalidValueError('ClassCrop', "an image with its labels, 'gt_seg_map'", 'one without', hint)
        label = self._drawn_class(results['gt_seg_map']) if np.random.random() < self.share else None
        if label is None:
            return super().crop_bbox(results)
        of_class = results['gt_seg_map'] == label
        return self._centered(of_class) if self.form == 'centered' else self._tried(results, of_class)

    def _drawn_class(self, labels: np.ndarray) -> int | None:
        pixels = np.bincount(labels.ravel(), minlength=self.ignore_index + 1)
        pixels[self.ignore_index] = 0
        enough = self.min_share * labels.size if self.form == 'tried' else 0
        classes = np.flatnonzero((pixels > 0) & (pixels >= enough))
        if self.class_limits is not None:
            limits = np.append(self.class_limits, 0)[np.minimum(classes, len(self.class_limits))]
            classes = classes[pixels[classes] >= limits * labels.size]
            if not len(classes):
                return None
        odds = np.ones(len(classes))
        if self.class_odds is not None:  # a class that the sampler has not seen has none
            odds = np.append(self.class_odds, 0)[np.minimum(classes, len(self.class_odds))]
        return int(np.random.choice(classes, p=odds / odds.sum())) if odds.any() else None

    def _centered(self, of_class: np.ndarray) -> Box:
        places = np.flatnonzero(of_class)
        center = np.unravel_index(places[np.random.randint(len(places))], of_class.shape)
        last = np.maximum(np.subtract(of_class.shape, self.crop_size), 0)
        top, left = np.clip(np.subtract(center, np.floor_divide(self.crop_size, 2)), 0, last).tolist()
        return top, top + self.crop_size[0], left, left + self.crop_size[1]

    def _tried(self, results: dict[str, Any], of_class: np.ndarray) -> Box:
        for _ in range(TRIES):
            box = super().crop_bbox(results)
            if self.crop(of_class, box).sum() >= HALF * self.min_share * of_class.size:
                break
        return box

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size}, form={self.form!r}, share={self.share:.3g})'
