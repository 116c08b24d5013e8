"""Upsamplers whose pixels attend to cells, from the formulas of their papers."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from convolutional_upsamplers import conv_bn

CHANNELS = 384


def waves(x, frequencies):
    """[B,n,H,W] -> [B,2*n*frequencies,H,W]"""
    all_ = (x.unsqueeze(2) * frequencies.reshape(1, 1, -1, 1, 1)).flatten(1, 2)
    return torch.cat([all_.sin(), all_.cos()], 1)


def places(h, w):
    y, x = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    return torch.stack([y, x])[None]


class CrossLayer(nn.Module):
    def __init__(self, c, inner, heads=4):
        super().__init__()
        self.norm_q, self.norm_kv, self.norm_m = nn.LayerNorm(c), nn.LayerNorm(c), nn.LayerNorm(c)
        self.attention = nn.MultiheadAttention(c, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(c, inner), nn.GELU(), nn.Linear(inner, c))

    def forward(self, q, kv):
        kv = self.norm_kv(kv)
        q = q + self.attention(self.norm_q(q), kv, kv, need_weights=False)[0]
        return q + self.mlp(self.norm_m(q))


class LoftUp(nn.Module):
    def __init__(self):
        super().__init__()
        width = CHANNELS + 20
        self.norm_f, self.norm_i = nn.LayerNorm(CHANNELS), nn.LayerNorm(203)
        self.image = nn.Sequential(*conv_bn(203, width), *conv_bn(width, width))
        self.layers = nn.ModuleList(CrossLayer(width, CHANNELS) for _ in range(2))
        self.norm, self.out, self.last = nn.LayerNorm(width), nn.Linear(width, CHANNELS), nn.LayerNorm(CHANNELS, eps=1e-6)

    def forward(self, f, image):
        b, _, height, width = image.shape
        low, high = image.amin((0, 2, 3), True), image.amax((0, 2, 3), True)
        scaled = (image - low) / (high - low) - 0.5
        seen = torch.cat([waves(torch.cat([places(height, width), scaled], 1), torch.linspace(-2, 10, 20).exp()), scaled], 1)
        q = self.image(self.norm_i(seen.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
        where = waves(places(*f.shape[2:]), torch.linspace(-2, 10, 5).exp())
        kv = torch.cat([self.norm_f(f.permute(0, 2, 3, 1)), where.permute(0, 2, 3, 1)], 3).flatten(1, 2)
        for layer in self.layers:
            q = layer(q, kv)
        return self.last(self.out(self.norm(q))).transpose(1, 2).reshape(b, CHANNELS, height, width)


class Residual(nn.Module):
    def __init__(self, c, kernel=1, residual=True):
        super().__init__()
        pad = kernel // 2
        half = [nn.GroupNorm(8, c), nn.SiLU(), nn.Conv2d(c, c, kernel, padding=pad, padding_mode="reflect")]
        self.body, self.residual = nn.Sequential(*half, nn.GroupNorm(8, c), nn.SiLU(), nn.Conv2d(c, c, kernel, padding=pad, padding_mode="reflect")), residual

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def encoder(c_in, c, kernel=1, residual=True):
    first = nn.Conv2d(c_in, c, kernel, padding=kernel // 2, padding_mode="reflect", bias=False)
    return nn.Sequential(first, Residual(c, kernel, residual), Residual(c, kernel, residual))


def turned(x, theta=100.0, heads=1):
    """Rotary positions of a map."""
    b, c, h, w = x.shape
    d = c // heads
    rate = theta ** -(torch.arange(d // 4) / (d // 4))
    at = (places(h, w).flatten(2) * math.pi).unsqueeze(2) * rate.reshape(1, 1, -1, 1)
    angle = at.flatten(1, 2).repeat(1, 2 * heads, 1).reshape(1, c, h, w)
    a, e = x.reshape(b, heads, 2, d // 2, h, w).unbind(2)
    return x * angle.cos() + torch.stack([-e, a], 2).reshape(b, c, h, w) * angle.sin()


def attended(q, k, f, heads, mask=None, groups=False):
    """Pixels q [B,c,H,W] and cells k [B,c,h,w] -> f's weighted means; weights averaged over heads, or one head a group."""
    b, c, height, width = q.shape
    split = lambda x: x.reshape(b, heads, c // heads, -1).transpose(2, 3)
    scores = split(q) @ split(k).transpose(2, 3) * (c // heads) ** -0.5
    weights = (scores if mask is None else scores + mask).softmax(-1)
    values = f.flatten(2)
    if groups:
        out = weights @ values.reshape(b, heads, -1, values.shape[2]).transpose(2, 3)
        return out.transpose(2, 3).reshape(b, -1, height, width)
    return (weights.mean(1) @ values.transpose(1, 2)).transpose(1, 2).reshape(b, -1, height, width)


def rms(x):
    return x * (x.pow(2).mean(1, True) + 1e-5).rsqrt()


class Jafar(nn.Module):
    def __init__(self, c=128):
        super().__init__()
        self.image, self.query, self.key = encoder(3, c), encoder(c, c), encoder(c, c)
        self.said, self.gamma, self.beta = encoder(CHANNELS, c), nn.Conv2d(c, c, 1, bias=False), nn.Conv2d(c, c, 1, bias=False)
        self.mixed, self.to_q, self.to_k = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1)

    def forward(self, f, image):
        seen = turned(self.image(image))
        q = self.mixed(F.group_norm(F.adaptive_avg_pool2d(self.query(seen), image.shape[2:]), 8))
        said = self.said(F.normalize(f, dim=1))
        k = F.group_norm(F.adaptive_avg_pool2d(self.key(seen), f.shape[2:]), 8)
        return attended(self.to_q(rms(q)), self.to_k(rms(self.gamma(said) * k + self.beta(said))), f, 4)


def window_mask(size, cells, reach):
    p = (torch.arange(size) + 0.5) / size
    cell = torch.arange(cells)
    inside = (cell >= ((p - reach).clamp(0, 1) * cells).floor()[:, None]) & (cell < ((p + reach).clamp(0, 1) * cells).ceil()[:, None])
    both = inside[:, None, :, None] & inside[None, :, None, :]
    return torch.zeros(size * size, cells * cells).masked_fill(~both.reshape(size * size, -1), -math.inf)


class AnyUp(nn.Module):
    def __init__(self, c=128):
        super().__init__()
        self.image, self.query, self.key = encoder(3, c), encoder(c, c), encoder(c, c)
        self.basis = nn.Parameter(torch.randn(c, 1, 5, 5))
        self.said, self.aggregation = nn.Sequential(Residual(c), Residual(c)), encoder(2 * c, c, 3)
        self.mixed, self.to_q, self.to_k = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1)

    def forward(self, f, image):
        b, c, h, w = f.shape
        seen = turned(self.image(image))
        q = self.mixed(F.adaptive_avg_pool2d(self.query(seen), image.shape[2:]))
        taps = F.conv2d(torch.ones(1, 1, h, w), torch.ones(1, 1, 5, 5), padding=2)
        answers = F.conv2d(F.normalize(f, dim=1).reshape(b * c, 1, h, w), self.basis, padding=2) / taps
        said = self.said(answers.reshape(b, c, -1, h, w).softmax(2).mean(1))
        k = self.aggregation(torch.cat([F.adaptive_avg_pool2d(self.key(seen), (h, w)), said], 1))
        return attended(self.to_q(rms(q)), self.to_k(rms(k)), f, 4, window_mask(image.shape[2], h, 0.1))


def neighbour_mask(size, cells, kernel):
    at = (torch.arange(size) * cells // size - kernel // 2).clamp(0, cells - kernel)
    cell = torch.arange(cells)
    inside = (cell >= at[:, None]) & (cell < at[:, None] + kernel)
    both = inside[:, None, :, None] & inside[None, :, None, :]
    return torch.zeros(size * size, cells * cells).masked_fill(~both.reshape(size * size, -1), -math.inf)


class Naf(nn.Module):
    def __init__(self, c=128):
        super().__init__()
        self.fine, self.wide = encoder(3, c, 1, False), encoder(3, c, 3, False)

    def forward(self, f, image):
        q = turned(torch.cat([self.fine(image), self.wide(image)], 1), heads=4)
        k = F.adaptive_avg_pool2d(q, f.shape[2:])
        return attended(q, k, f, 4, neighbour_mask(image.shape[2], f.shape[2], 9), groups=True)
