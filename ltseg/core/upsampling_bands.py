"""The way of logits to the resolution of labels, and of a gradient back, one band of rows of one image at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ltseg.core.interpolation import Tile, gathered, interpolated, tiles

__all__ = ['UpsamplingBands']

# One band of upsampled logits: what stays in a core's cache, and on an accelerator what keeps launches few.
BAND_BYTES = {'cpu': 2**21}
ACCELERATOR_BAND_BYTES = 2**26
COLUMN_TILE = 64  # on the CPU; on an accelerator a tile is all there is


class UpsamplingBands:
    """``interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=align_corners)`` in bands of rows.

    Args:
        logits: (N, K, h, w), of which the shape, the device and the type matter.
        labels: (N, H, W), of which the shape matters.
        align_corners: As in ``torch.nn.functional.interpolate``.
        rows: Rows of labels in a band; by default they follow from the shapes.

    Attributes:
        bands: The tiles of the rows.
        dtype: That of upsampled logits: float32 or better.

    Example:
        >>> import torch
        >>> from ltseg.core.upsampling_bands import UpsamplingBands
        >>> logits, labels = torch.tensor([[[[0.0, 4.0]], [[4.0, 0.0]]]]), torch.zeros(1, 1, 4)
        >>> upsampling = UpsamplingBands(logits, labels)
        >>> upsampling.upsampled(logits[0], upsampling.bands[0]).tolist()
        [[[[0.0, 1.0, 3.0, 4.0]], [[4.0, 3.0, 1.0, 0.0]]]]
    """

    def __init__(self, logits: Tensor, labels: Tensor, align_corners: bool = False, rows: int | None = None) -> None:
        like = logits.new_empty(0, dtype=torch.promote_types(logits.dtype, torch.float32))
        (h, w), (height, width) = logits.shape[2:], labels.shape[1:]
        self.dtype, self.width, self.is_identity = like.dtype, w, (h, w) == (height, width)
        rows = rows or _rows(logits, labels)
        if self.is_identity:
            parts = [slice(start, start + rows) for start in range(0, height, rows)]
            self.bands = [Tile(part, part, like) for part in parts]
            return
        tile = COLUMN_TILE if logits.device.type == 'cpu' else width
        self.bands = tiles(h, height, align_corners, rows, like)
        self.columns = tiles(w, width, align_corners, tile, like)

    def parts(self, logits: Tensor, labels: Tensor) -> Iterator[tuple[int, Tile, Tensor, Tensor]]:
        """Image, band, upsampled logits (1, K, rows, W) and labels (1, rows, W) of each band of each image."""
        for band in self.bands:
            for image in range(len(logits)):
                yield image, band, self.upsampled(logits[image], band), labels[image : image + 1, band.pixels]

    def upsampled(self, logits: Tensor, band: Tile) -> Tensor:
        """The band of one image, (K, h, w) -> (1, K, rows, W). Columns first, while there are fewer rows."""
        part = logits[:, band.cells].to(self.dtype)
        return (part if self.is_identity else band.matrix @ interpolated(part, self.columns)).unsqueeze(0)

    def gradient(self, of_upsampled: Tensor, band: Tile) -> Tensor:
        """The gradient of the rows of logits that a band hangs on, (1, K, rows, W) -> (K, s, w)."""
        if self.is_identity:
            return of_upsampled[0]
        return gathered(band.matrix.T @ of_upsampled[0], self.columns, self.width)


def _rows(logits: Tensor, labels: Tensor) -> int:
    """Rows of labels in a band; at least those between three rows of logits, as every band upsamples its edges anew."""
    row = logits.shape[1] * labels.shape[2] * max(logits.element_size(), 4)
    limit = BAND_BYTES.get(logits.device.type, ACCELERATOR_BAND_BYTES)
    return max(limit // row, 2 * -(-labels.shape[1] // logits.shape[2]), 1)
