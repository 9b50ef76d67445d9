"""Triton kernels of the softmax of upsampled logits: its maps, and the way back to the low-resolution logits.

For pixel (i, j) and class k, in units of log 2, with u the bilinear interpolation of the logits and y the label::

    z_k = scale_k u_k + bias_k - margin_y [k = y]
    log_sum = log2 sum_k 2^(z_k)        own = z_y        correct = u_y >= u_k for every k
    dl_kac  = log 2 scale_k sum_ij A_ia B_jc (slope_ij [k = y] - all_slopes_ij 2^(z_k - log_sum))

Nothing of the size of the upsampled logits is written, and the way back gathers: each program adds up the pixels that
hang on its cells in a fixed order, without atomic additions.

Pixels are told by segments: segment s holds those between cells s - 1 and s of an axis.
"""

# mypy: disable-error-code=no-untyped-def
import math

import triton
import triton.language as tl

__all__ = ['backward_kernel', 'forward_kernel']

LOG_2 = tl.constexpr(math.log(2))


@triton.jit
def _source(pixel, cells, size, ALIGN: tl.constexpr):
    """The cell before each pixel, from -1 on, and the distance from there; exact as `interpolation.source_cells`."""
    if ALIGN:
        numerator, denominator = pixel * (cells - 1), tl.maximum(size - 1, 1)
    else:
        numerator, denominator = (2 * pixel + 1) * cells - size, 2 * size
    before = (numerator + denominator) // denominator - 1
    return before, (numerator - before * denominator).to(tl.float32) / denominator


@triton.jit
def _first_pixel(segment, cells, size, ALIGN: tl.constexpr):
    """The first pixel of a segment or of a later one."""
    if ALIGN:
        numerator, denominator = (segment - 1) * tl.maximum(size - 1, 1), tl.maximum(cells - 1, 1)
    else:
        numerator, denominator = (2 * segment - 1) * size - cells, 2 * cells
    first = (tl.maximum(numerator, 0) + denominator - 1) // denominator
    return tl.where(segment > cells, size, tl.minimum(first, size))


@triton.jit
def _row(logits, row, left, right, distance, mask, w):
    """One row of logits with its columns interpolated, (KB, J)."""
    first = tl.load(logits[:, None] + row * w + left[None, :], mask=mask, other=0.0).to(tl.float32)
    second = tl.load(logits[:, None] + row * w + right[None, :], mask=mask, other=0.0).to(tl.float32)
    return first + distance[None, :] * (second - first)


@triton.jit
def forward_kernel(
    logits, labels, scale, bias, margin, log_sum, own, correct, K, h, w, H, W, ignored,
    S: tl.constexpr, J: tl.constexpr, KB: tl.constexpr, ALIGN: tl.constexpr, HAS_MARGIN: tl.constexpr,
):  # fmt: skip
    """One segment of rows, S at a time, and J columns."""
    n = tl.program_id(2).to(tl.int64)
    segment = tl.program_id(1)
    j = tl.program_id(0) * J + tl.arange(0, J)
    before, across = _source(j, w, W, ALIGN)
    left, right = tl.maximum(before, 0), tl.minimum(before + 1, w - 1)
    above, below = tl.maximum(segment - 1, 0), tl.minimum(segment, h - 1)
    last = _first_pixel(segment + 1, h, H, ALIGN)
    for begin in range(_first_pixel(segment, h, H, ALIGN), last, S):
        i = begin + tl.arange(0, S)
        _, down = _source(i, h, H, ALIGN)
        mask = (i < last)[:, None] & (j < W)[None, :]
        place = (n * H + i[:, None]) * W + j[None, :]
        y = tl.load(labels + place, mask=mask, other=0)  # (S, J)
        highest = tl.full((S, J), float('-inf'), tl.float32)  # z so far
        total = tl.zeros((S, J), tl.float32)
        of_others = tl.full((S, J), float('-inf'), tl.float32)  # largest u so far
        of_label = tl.zeros((S, J), tl.float32)  # u
        z_of_label = tl.zeros((S, J), tl.float32)
        for start in range(0, K, KB):
            k = start + tl.arange(0, KB)
            present = k < K
            image = logits + (n * K + k) * h * w
            inside = present[:, None] & (j < W)[None, :]
            upper = _row(image, above, left, right, across, inside, w)
            lower = _row(image, below, left, right, across, inside, w)
            u = upper[None, :, :] + down[:, None, None] * (lower - upper)[None, :, :]  # (S, KB, J)
            z = u * tl.load(scale + k, mask=present, other=0.0)[None, :, None]
            z += tl.load(bias + k, mask=present, other=float('-inf'))[None, :, None]
            is_label = y[:, None, :] == k[None, :, None]
            if HAS_MARGIN:
                z -= tl.where(is_label, tl.load(margin + k, mask=present, other=0.0)[None, :, None], 0.0)
            of_label += tl.sum(tl.where(is_label, u, 0.0), 1)
            z_of_label += tl.sum(tl.where(is_label, z, 0.0), 1)
            competes = present[None, :, None] & (y[:, None, :] != k[None, :, None])
            of_others = tl.maximum(of_others, tl.max(tl.where(competes, u, float('-inf')), 1))
            higher = tl.maximum(highest, tl.max(z, 1))
            finite = tl.where(higher == float('-inf'), 0.0, higher)
            total = total * tl.exp2(highest - finite) + tl.sum(tl.exp2(z - finite[:, None, :]), 1)
            highest = higher
        valid = y != ignored
        z_of_label = tl.where(valid & ((y < 0) | (y >= K)), float('nan'), z_of_label)  # a label that is no class
        tl.store(correct + place, ((of_label >= of_others) & valid).to(tl.int8), mask=mask)
        tl.store(log_sum + place, highest + tl.log2(total), mask=mask)
        tl.store(own + place, z_of_label, mask=mask)


@triton.jit
def backward_kernel(
    logits, labels, scale, bias, margin, log_sum, slope, all_slopes, gradient, K, h, w, H, W, class_blocks,
    R: tl.constexpr, CELLS: tl.constexpr, C: tl.constexpr, J: tl.constexpr, KB: tl.constexpr,
    ALIGN: tl.constexpr, HAS_MARGIN: tl.constexpr,
):  # fmt: skip
    """R rows and CELLS columns of the gradient of KB classes, from the J columns of pixels that hang on them."""
    n = (tl.program_id(2) // class_blocks).to(tl.int64)
    k = (tl.program_id(2) % class_blocks) * KB + tl.arange(0, KB)
    present = k < K
    first_cell, first_row = tl.program_id(0) * CELLS, tl.program_id(1) * R
    j = _first_pixel(first_cell, w, W, ALIGN) + tl.arange(0, J)
    used = j < _first_pixel(tl.minimum(first_cell + CELLS, w) + 1, w, W, ALIGN)
    before, across = _source(j, w, W, ALIGN)
    left, right = tl.maximum(before, 0), tl.minimum(before + 1, w - 1)
    cell = first_cell + tl.arange(0, C)
    columns = tl.where(left[:, None] == cell[None, :], (1 - across)[:, None], 0.0)
    columns += tl.where(right[:, None] == cell[None, :], across[:, None], 0.0)  # B, (J, C)
    columns = tl.where(used[:, None], columns, 0.0)
    image = logits + (n * K + k) * h * w
    inside = present[:, None] & used[None, :]
    factor = tl.load(scale + k, mask=present, other=0.0)[:, None]
    shift = tl.load(bias + k, mask=present, other=0.0)[:, None]
    less = tl.load(margin + k, mask=present, other=0.0)[:, None] if HAS_MARGIN else 0.0
    above = tl.zeros((KB, J), tl.float32)  # sums over pixel rows for row segment - 1 of the logits
    below = tl.zeros((KB, J), tl.float32)  # and for row segment
    upper = _row(image, tl.maximum(first_row - 1, 0), left, right, across, inside, w)
    for segment in range(first_row, tl.minimum(first_row + R, h) + 1):
        lower = _row(image, tl.minimum(segment, h - 1), left, right, across, inside, w)
        for i in range(_first_pixel(segment, h, H, ALIGN), _first_pixel(segment + 1, h, H, ALIGN)):
            _, down = _source(i, h, H, ALIGN)
            place = (n * H + i) * W + j
            y = tl.load(labels + place, mask=used, other=-1)
            is_label = y[None, :] == k[:, None]
            z = (upper + down * (lower - upper)) * factor + shift
            if HAS_MARGIN:
                z -= tl.where(is_label, less, 0.0)
            probability = tl.exp2(z - tl.load(log_sum + place, mask=used, other=float('inf'))[None, :])
            g = tl.where(is_label, tl.load(slope + place, mask=used, other=0.0)[None, :], 0.0)
            g -= tl.load(all_slopes + place, mask=used, other=0.0)[None, :] * probability
            down = tl.where(segment == 0, 1.0, tl.where(segment == h, 0.0, down))
            above += (1 - down) * g
            below += down * g
        if segment > first_row:  # row segment - 1 is complete
            # Three products in TF32 are as good as one in float32, which does not fit into registers.
            out = factor * LOG_2 * tl.dot(above, columns, input_precision='tf32x3')  # (KB, C)
            mask = present[:, None] & ((tl.arange(0, C) < CELLS) & (cell < w))[None, :]
            target = gradient + ((n * K + k[:, None]) * h + segment - 1) * w + cell[None, :]
            tl.store(target, out, mask=mask)
        above = below
        below = tl.zeros((KB, J), tl.float32)
        upper = lower
