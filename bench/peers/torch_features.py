#!/usr/bin/env python3
"""Backbones and upsamplers in plain PyTorch, from the formulas of their papers: what our times are compared with.

usage: torch_features.py vit --model {s14|b16} [--gradient] | up --method {featup|lift|loftup|jafar|anyup|naf}
       [--size 224] [--scale 1] [--runs 3] [--threads 2]
vit: features of one image of size * scale px; with --gradient also the gradient to the tokens behind the patch embedding.
up: features [1,384,16,16] brought to the image's 224 px (lift: x2, as its authors have it).
Weights are random: speed does not depend on them. Prints one JSON line: what, median_s, min_s, runs, peak_rss_mb, torch.
"""

import argparse
import json
import math
import resource
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

CHANNELS, CELLS = 384, 16


class Block(nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(c, eps=1e-6), nn.LayerNorm(c, eps=1e-6)
        self.qkv, self.proj = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.fc1, self.fc2 = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(self.n1(x)).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        w = ((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
        x = x + self.proj((w @ v).transpose(1, 2).reshape(b, n, c))
        return x + self.fc2(F.gelu(self.fc1(self.n2(x))))


class ViT(nn.Module):
    def __init__(self, size, patch, c, heads, depth=12):
        super().__init__()
        self.patch = nn.Conv2d(3, c, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, c))
        self.pos = nn.Parameter(0.02 * torch.randn(1, (size // patch) ** 2 + 1, c))
        self.blocks, self.norm = nn.ModuleList(Block(c, heads) for _ in range(depth)), nn.LayerNorm(c, eps=1e-6)

    def forward(self, image, tokens=None):
        x = self.patch(image)
        b, c, h, w = x.shape
        x = x if tokens is None else x + tokens
        x = torch.cat([self.cls.expand(b, -1, -1), x.flatten(2).transpose(1, 2)], 1) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.norm(x)[:, 1:].transpose(1, 2).reshape(b, c, h, w)


class JbuStage(nn.Module):
    """FeatUp's joint bilateral filter with torch.nn.functional.unfold, as it runs where the CUDA extension is missing."""

    def __init__(self, keys=32, radius=3):
        super().__init__()
        self.radius, self.k = radius, 2 * radius + 1
        self.key = nn.Sequential(nn.Conv2d(3, keys, 1), nn.GELU(), nn.Conv2d(keys, keys, 1))
        self.fixup = nn.Sequential(nn.Conv2d(self.k**2 + 3, self.k**2, 1), nn.GELU(), nn.Conv2d(self.k**2, self.k**2, 1))
        self.temperature, self.sigma = nn.Parameter(torch.zeros(())), nn.Parameter(torch.ones(()))

    def forward(self, f, image):
        b, c, h, w = f.shape
        height, width, r, k = 2 * h, 2 * w, self.radius, self.k
        guidance = F.adaptive_avg_pool2d(image, (height, width))
        key = self.key(guidance)
        near = F.unfold(F.pad(key, [r] * 4, "reflect"), k).reshape(b, -1, k * k, height, width)
        likeness = (near * key.unsqueeze(2)).sum(1) * self.temperature.exp().clamp(1e-4, 1e4)
        line = torch.linspace(-1, 1, k)
        distance = (line[:, None] ** 2 + line[None] ** 2).reshape(1, -1, 1, 1)
        kernel = likeness.softmax(1) * torch.exp(-distance / (2 * self.sigma**2))
        kernel = kernel / kernel.sum(1, keepdim=True).clamp(min=1e-7)
        kernel = kernel + 0.1 * self.fixup(torch.cat([kernel, guidance], 1))
        fine = F.pad(F.interpolate(f, (height, width), mode="bicubic"), [r] * 4, "reflect")
        patches = F.unfold(fine, k).reshape(b, c, k * k, height, width)
        return (patches * kernel.unsqueeze(1)).sum(2)


class FeatUp(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.stages = nn.LayerNorm(CHANNELS), nn.ModuleList(JbuStage() for _ in range(4))
        self.mix = nn.Conv2d(CHANNELS, CHANNELS, 1)

    def forward(self, f, image):
        f = self.norm(f.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for stage in self.stages:
            f = stage(f, image)
        return F.interpolate(f + 0.1 * self.mix(f), image.shape[2:], mode="bilinear", align_corners=True)


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
        i1 = self.first(image)
        i2 = F.adaptive_max_pool2d(self.second(i1), (h, w))
        i1 = F.adaptive_max_pool2d(i1, (2 * h, 2 * w))
        return self.out(self.convs(torch.cat([self.up(torch.cat([f, i2], 1)), i1], 1)))


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


METHODS = {"featup": FeatUp, "lift": Lift, "loftup": LoftUp, "jafar": Jafar, "anyup": AnyUp, "naf": Naf}
VITS = {"s14": (14, 384, 6), "b16": (16, 768, 12)}

parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["vit", "up"])
parser.add_argument("--model", choices=VITS, default="s14")
parser.add_argument("--gradient", action="store_true")
parser.add_argument("--method", choices=METHODS, default="featup")
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--scale", type=int, default=1)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.manual_seed(0)
torch.set_num_threads(args.threads)

size = args.size * args.scale
image = torch.randn(1, 3, size, size)
if args.what == "vit":
    patch, channels, heads = VITS[args.model]
    net = ViT(size, patch, channels, heads).eval().requires_grad_(False)
    cells = size // patch
    weigh = torch.randn(1, channels, cells, cells)
    tokens = torch.zeros(1, channels, cells, cells, requires_grad=args.gradient)

    def step():
        if not args.gradient:
            return net(image)
        tokens.grad = None
        (net(image, tokens) * weigh).sum().backward()
        return tokens.grad
else:
    net = METHODS[args.method]().eval().requires_grad_(False)
    features = torch.randn(1, CHANNELS, size // 14, size // 14)

    def step():
        return net(features, image)


def timed():
    start = time.perf_counter()
    with torch.set_grad_enabled(args.gradient):
        result = step()
    seconds = time.perf_counter() - start
    assert torch.isfinite(result).all(), "the result is not finite"
    return seconds


timed()
times = [timed() for _ in range(args.runs)]
print(
    json.dumps(
        {
            "what": f"{args.what} {args.model if args.what == 'vit' else args.method} {size}",
            "median_s": round(statistics.median(times), 4),
            "min_s": round(min(times), 4),
            "runs": args.runs,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "torch": torch.__version__,
        }
    )
)
