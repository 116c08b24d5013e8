"""Upsamplers that double the cells with convolutions and local kernels, from the formulas of their papers."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

CHANNELS = 384


def conv_bn(c_in, c_out, stride=1, bias=True):
    return [nn.Conv2d(c_in, c_out, 3, stride, 1, bias=bias), nn.BatchNorm2d(c_out), nn.ReLU()]


class Lift(nn.Module):
    def __init__(self):
        super().__init__()
        c, half = CHANNELS, CHANNELS // 2
        self.first = nn.Sequential(*conv_bn(3, 32, 2), *conv_bn(32, 32, 2))
        self.second = nn.Sequential(*conv_bn(32, 32, 2))
        self.up = nn.ConvTranspose2d(c + 32, (c + 32) // 2, 2, 2)
        self.convs = nn.Sequential(*conv_bn((c + 32) // 2 + 32, half, bias=False), *conv_bn(half, half, bias=False))
        self.out = nn.Conv2d(half, c, 1)

    def forward(self, f, image):
        h, w = f.shape[2:]
        i1 = F.adaptive_max_pool2d(self.first(image), (2 * h, 2 * w))
        i2 = self.second(i1)
        return self.out(self.convs(torch.cat([self.up(torch.cat([f, i2], 1)), i1], 1)))


class LiftRepeated(Lift):
    """On its own output while that is no finer than the image; the image grows with it."""

    def forward(self, f, image):
        for step in range(doublings(f, image, math.floor)):
            seen = F.interpolate(image, scale_factor=2**step, mode="bilinear") if step else image
            f = super().forward(f, seen)
        return f


def doublings(f, image, rounded):
    return rounded(math.log2(image.shape[2] / f.shape[2]))


def spread(f, weights, taps, border="constant"):
    """Each of the 2x2 pixels [B,T,2h,2w] of a cell is a sum over taps around the cell: one small product a cell."""
    b, c, h, w = f.shape
    reach = max(max(map(abs, tap)) for tap in taps)
    cells = F.pad(f, [reach] * 4, mode=border).permute(0, 2, 3, 1).flatten(1, 2)
    y, x = torch.meshgrid(torch.arange(h) + reach, torch.arange(w) + reach, indexing="ij")
    dy, dx = torch.tensor(taps).T
    near = (y[..., None] + dy) * (w + 2 * reach) + x[..., None] + dx
    windows = cells[:, near.flatten()].reshape(b * h * w, len(taps), c)
    kernels = weights.reshape(b, len(taps), h, 2, w, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, len(taps))
    out = (kernels @ windows).reshape(b, h, w, 2, 2, c)
    return out.permute(0, 5, 1, 3, 2, 4).reshape(b, c, 2 * h, 2 * w)


def square(reach):
    line = range(-reach, reach + 1)
    return [(y, x) for y in line for x in line]


class Carafe(nn.Module):
    """Kernels predicted from the compressed features."""

    def __init__(self, k=5, few=64):
        super().__init__()
        self.k = k
        self.channel_compressor, self.content_encoder = nn.Conv2d(CHANNELS, few, 1), nn.Conv2d(few, 4 * k * k, 3, padding=1)

    def forward(self, f, _):
        kernels = F.pixel_shuffle(self.content_encoder(self.channel_compressor(f)), 2).softmax(1)
        return spread(f, kernels, square(self.k // 2))


class Sapa(nn.Module):
    """Pixels of the image attend to cells; those beyond the border have zero keys and values."""

    def __init__(self, k=5, c=64):
        super().__init__()
        self.k = k
        self.norm_y, self.q = nn.LayerNorm(3), nn.Linear(3, c)
        self.norm_x, self.key = nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, c)

    def forward(self, f, image):
        b, _, h, w = f.shape
        guide = F.adaptive_avg_pool2d(image, (2 * h, 2 * w)).permute(0, 2, 3, 1)
        q = self.q(self.norm_y(guide)).reshape(b, h, 2, w, 2, -1).permute(0, 1, 3, 2, 4, 5).reshape(b * h * w, 4, -1)
        keys = self.key(self.norm_x(f.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        near = F.unfold(keys, self.k, padding=self.k // 2).reshape(b, -1, self.k**2, h * w).permute(0, 3, 1, 2)
        weights = (q @ near.reshape(b * h * w, -1, self.k**2)).softmax(2)
        as_map = weights.reshape(b, h, w, 2, 2, -1).permute(0, 5, 1, 3, 2, 4).reshape(b, -1, 2 * h, 2 * w)
        return spread(f, as_map, square(self.k // 2))


class DySample(nn.Module):
    """Bilinear sampling at offsets predicted from the features."""

    def __init__(self, groups=4):
        super().__init__()
        self.groups, self.offset = groups, nn.Conv2d(CHANNELS, 8 * groups, 1)

    def forward(self, f, _):
        b, c, h, w = f.shape
        offset = F.pixel_shuffle((0.25 * self.offset(f)).reshape(b, -1, h, w), 2)
        offset = offset.reshape(b, 2, self.groups, 2 * h, 2 * w).transpose(1, 2).permute(0, 1, 3, 4, 2)
        y, x = torch.meshgrid((torch.arange(2 * h) + 0.5) / 2, (torch.arange(2 * w) + 0.5) / 2, indexing="ij")
        at = (offset + torch.stack([x, y], -1)) * 2 / torch.tensor([w, h]) - 1
        groups = f.reshape(b * self.groups, -1, h, w)
        sampled = F.grid_sample(groups, at.flatten(0, 1), padding_mode="border", align_corners=False)
        return sampled.reshape(b, c, 2 * h, 2 * w)


class Doubling(nn.Module):
    """Steps of x2 with weights of their own, while the cells are no more than the pixels."""

    def __init__(self, step, steps=3):
        super().__init__()
        self.steps = nn.ModuleList(step() for _ in range(steps))

    def forward(self, f, image):
        for step in self.steps[: doublings(f, image, math.floor)]:
            f = step(f, image)
        return f


def plus(x, y):
    """y + x, where x lacks channels with zeros, where it has more by its first ones."""
    c = y.shape[1]
    return y + (F.pad(x, (0, 0, 0, 0, 0, c - x.shape[1])) if x.shape[1] < c else x[:, :c])


class ConvBlock(nn.Module):
    def __init__(self, c_in, c, convs):
        super().__init__()
        layers = [conv_bn(c if i else c_in, c, bias=False) for i in range(convs)]
        self.body = nn.Sequential(*(layer for group in layers for layer in group), nn.Conv2d(c, c, 1))

    def forward(self, x):
        return plus(x, self.body(x))


class Uplift(nn.Module):
    """Pixels attend to 17 cells by weights from features and image, x2 at a time with the same weights."""

    taps = [(y, x) for y, x in square(2) if max(abs(y), abs(x)) < 2 or (y % 2 == 0 and x % 2 == 0)]

    def __init__(self, c=64):
        super().__init__()
        widths = [3, 16, 32, 64, 128, 128]
        self.encoder = nn.ModuleList(ConvBlock(a, b, 1) for a, b in zip(widths, widths[1:]))
        self.low, self.up = ConvBlock(CHANNELS + 128, c, 2), nn.ConvTranspose2d(c, c, 2, 2)
        self.high, self.scores = ConvBlock(c + 128, c, 2), nn.Conv2d(c, len(self.taps), 1)

    def forward(self, f, image):
        height, width = image.shape[2:]
        if round(height / f.shape[2]) == 14:
            image = F.interpolate(image, (height * 16 // 14, width * 16 // 14), mode="bilinear")
        maps = [image]
        for block in self.encoder:
            maps.append(block(maps[-1]))
        for _ in range(doublings(f, image, math.ceil)):
            low = self.low(torch.cat([f, F.interpolate(maps[-1], f.shape[2:])], 1))
            high = self.up(low) + F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=True)
            guide = self.high(torch.cat([high, F.interpolate(maps[-2], high.shape[2:])], 1))
            f = spread(f, plus(guide, self.scores(guide)).softmax(1), self.taps, "replicate")
        return F.interpolate(f, (height, width), mode="bilinear")
