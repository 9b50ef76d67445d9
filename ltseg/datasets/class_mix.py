"""Half of the classes of one image pasted onto another."""

import math
from typing import Any

import numpy as np

from ltseg.core.checks import check_range
from ltseg.datasets.cut_outs import paste_classes
from ltseg.datasets.pasting import PastingTransform
from ltseg.registry import TRANSFORMS

__all__ = ['ClassMix']


@TRANSFORMS.register_module()
class ClassMix(PastingTransform):
    """Pastes half of the classes of a second training image, ceil(C / 2) of its C classes, each choice equally likely.

    Stands in the pipeline of :class:`PastingDataset`, all of whose images are equally likely to be the second. Images
    of one size lie on each other; for others see :func:`ltseg.datasets.cut_outs.paste_classes`.

    Args:
        prob: Share of the images that are mixed, in [0, 1].

    Source:
        Tranheden et al., DACS: Domain adaptation via cross-domain mixed sampling, WACV 2021; class mix is of Olsson et
        al., ClassMix, WACV 2021. There labelled images are pasted onto unlabelled ones with pseudo-labels, and each
        batch has as many images that are not mixed, hence 1/2 here. DACS takes the ignored label for a class.

    Example:
        >>> import numpy as np
        >>> from ltseg.datasets import ClassMix
        >>> class Images(list):
        ...     metainfo = {'classes': ('road', 'car', 'sky')}
        >>> def sample(*labels):
        ...     return {'img': np.zeros((1, 3, 3), np.uint8), 'gt_seg_map': np.array([labels])}
        >>> transform = ClassMix(prob=1.0)
        >>> transform.prepare(Images([sample(1, 2, 255)]))
        >>> sorted({tuple(transform(sample(0, 0, 0))['gt_seg_map'][0].tolist()) for _ in range(30)})
        [(0, 2, 0), (1, 0, 0)]
    """

    short_name = 'class mix'

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__()
        check_range('ClassMix.prob', prob, 0, 1)
        self.prob = prob

    def paste(self, results: dict[str, Any]) -> None:
        """Pastes into a sample."""
        if np.random.random() >= self.prob:
            return
        source = self.source(np.random.randint(len(self.dataset)), results)
        classes = self.classes_in(source['gt_seg_map'])
        chosen = np.random.choice(classes, math.ceil(len(classes) / 2), replace=False)
        paste_classes(results, source, chosen)
