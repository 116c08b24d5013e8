"""Upsamplers without learned weights, from the formulas of their papers."""

import torch
import torch.nn.functional as F

STD = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)


def colours(image, size):
    """The image at a size in units of RGB 0..1, up to a shift that differences do not see."""
    return (image if image.shape[2:] == size else F.adaptive_avg_pool2d(image, size)) * STD


def nearest(f, image):
    return F.interpolate(f, image.shape[2:], mode="nearest")


def bilinear(f, image):
    return F.interpolate(f, image.shape[2:], mode="bilinear", align_corners=True)


def bicubic(f, image):
    return F.interpolate(f, image.shape[2:], mode="bicubic")


def shifts(x, k, steps, size):
    """Views of a map that has the reach of k x k taps around it, one for each tap."""
    for i in range(k):
        for j in range(k):
            y, z = i * steps[0], j * steps[1]
            yield x[:, :, y : y + size[0], z : z + size[1]]


def filtered(f, weights, k, steps):
    """The sum over taps of a map, reflected at its borders, weighted by [B,k*k,H,W]: no k*k copies of it."""
    size, (y, x) = f.shape[2:], (k // 2 * s for s in steps)
    out = torch.zeros_like(f)
    for i, tap in enumerate(shifts(F.pad(f, (x, x, y, y), "reflect"), k, steps, size)):
        out.addcmul_(tap, weights[:, i : i + 1])
    return out


def joint_bilateral(f, image, k=7, sigma_colour=0.1, sigma_space=1.5):
    """Bilinear, then 7x7 taps spread over one cell to each side."""
    size, half = image.shape[2:], k // 2
    steps = [max(1, min(round(n / low / half), (n - 1) // half)) for n, low in zip(size, f.shape[2:])]
    guide, (y, x) = colours(image, size), (half * s for s in steps)
    around = shifts(F.pad(guide, (x, x, y, y), "reflect"), k, steps, size)
    likeness = torch.cat([(tap - guide).abs().sum(1, keepdim=True) for tap in around], 1)
    line = torch.arange(k) - half
    distance = (line[:, None] ** 2 + line[None] ** 2).reshape(1, -1, 1, 1)
    weights = (likeness**2 / (-2 * sigma_colour**2) - distance / (2 * sigma_space**2)).softmax(1)
    return filtered(F.interpolate(f, size, mode="bilinear"), weights, k, steps)


def axis_logits(out, low, radius, sigma):
    """Along an axis, the log weight of the distance of pixels to cells; nothing is seen from the radius on."""
    apart = ((torch.arange(out) + 0.5) * low / out - 0.5)[:, None] - torch.arange(low)
    return (-(apart**2) / (2 * sigma**2)).masked_fill(apart.abs() >= radius - 1e-6, -torch.inf)


def jbu(f, image, sigma_space=0.5, sigma_range=0.15, radius=2):
    """Attention to all cells, masked: the softmax does not see the square of the pixel's own colour."""
    b, c, h, w = f.shape
    height, width = image.shape[2:]
    pixels = colours(image, (height, width)).flatten(2).transpose(1, 2) / sigma_range
    cells = colours(image, (h, w)).flatten(2) / sigma_range
    scores = torch.baddbmm((cells**2).sum(1, keepdim=True), pixels, cells, beta=-0.5).view(b, height, width, h, w)
    scores += axis_logits(height, h, radius, sigma_space)[:, None, :, None]
    scores += axis_logits(width, w, radius, sigma_space)[:, None, :]
    weights = scores.view(b, height * width, h * w).softmax(2)
    return (f.flatten(2) @ weights.transpose(1, 2)).reshape(b, c, height, width)


def inverse(matrices):
    """Of symmetric [B,3,3,H,W], by cross products of rows: LAPACK takes seconds for a thousand small ones."""
    x, y, z = matrices.unbind(1)
    crosses = torch.stack([torch.cross(y, z, 1), torch.cross(z, x, 1), torch.cross(x, y, 1)], 1)
    return crosses / (x * crosses[:, 0]).sum(1)[:, None, None]


def guided_filter(f, image, radius_pixels=8, eps=1e-3, factor=2):
    """The fast form with a colour guide: coefficients on a grid twice as fine as the features."""
    b, c, h, w = f.shape
    size, grid = image.shape[2:], (factor * h, factor * w)
    radius = [max(1, int(radius_pixels * m / n + 0.5)) for m, n in zip(grid, size)]
    mean = lambda x: F.avg_pool2d(x, [2 * r + 1 for r in radius], 1, radius, count_include_pad=False)
    guide, full, p = colours(image, grid), colours(image, size), F.interpolate(f, grid, mode="bilinear")
    mean_i, mean_p = mean(guide), mean(p)
    squares = mean((guide[:, :, None] * guide[:, None]).flatten(1, 2)).reshape(b, 3, 3, *grid)
    covariance = squares - mean_i[:, :, None] * mean_i[:, None] + eps * torch.eye(3)[:, :, None, None]
    with_p = torch.stack([mean(guide[:, i : i + 1] * p) - mean_i[:, i : i + 1] * mean_p for i in range(3)], 1)
    a = sum(inverse(covariance)[:, :, i, None] * with_p[:, i, None] for i in range(3))
    rest = mean_p - (a * mean_i[:, :, None]).sum(1)
    out = F.interpolate(mean(rest), size, mode="bilinear")
    for i in range(3):
        out.addcmul_(F.interpolate(mean(a[:, i]), size, mode="bilinear"), full[:, i : i + 1])
    return out
