"""Learned joint bilateral filters, from the formulas of their papers."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from unlearned_upsamplers import filtered, shifts

CHANNELS = 384


class JbuStage(nn.Module):
    """FeatUp's joint bilateral filter with torch.nn.functional.unfold, as it runs where the CUDA extension is missing."""

    def __init__(self, keys=32, radius=3):
        super().__init__()
        self.radius, self.k = radius, 2 * radius + 1
        self.key = nn.Sequential(nn.Conv2d(3, keys, 1), nn.GELU(), nn.Conv2d(keys, keys, 1))
        self.fixup = nn.Sequential(nn.Conv2d(self.k**2 + 3, self.k**2, 1), nn.GELU(), nn.Conv2d(self.k**2, self.k**2, 1))
        self.range_temp, self.sigma_spatial = nn.Parameter(torch.zeros(())), nn.Parameter(torch.ones(()))

    def forward(self, f, image):
        b, c, h, w = f.shape
        height, width, r, k = 2 * h, 2 * w, self.radius, self.k
        guidance = F.adaptive_avg_pool2d(image, (height, width))
        key = self.key(guidance)
        near = F.unfold(F.pad(key, [r] * 4, "reflect"), k).reshape(b, -1, k * k, height, width)
        likeness = (near * key.unsqueeze(2)).sum(1) * self.range_temp.exp().clamp(1e-4, 1e4)
        line = torch.linspace(-1, 1, k)
        distance = (line[:, None] ** 2 + line[None] ** 2).reshape(1, -1, 1, 1)
        kernel = likeness.softmax(1) * torch.exp(-distance / (2 * self.sigma_spatial**2))
        kernel = kernel / kernel.sum(1, keepdim=True).clamp(min=1e-7)
        kernel = kernel + 0.1 * self.fixup(torch.cat([kernel, guidance], 1))
        fine = F.pad(F.interpolate(f, (height, width), mode="bicubic"), [r] * 4, "reflect")
        patches = F.unfold(fine, k).reshape(b, c, k * k, height, width)
        return (patches * kernel.unsqueeze(1)).sum(2)


class FeatUp(nn.Module):
    def __init__(self, norm=True, mixing=True):
        super().__init__()
        self.norm = nn.LayerNorm(CHANNELS) if norm else None
        self.mix = nn.Conv2d(CHANNELS, CHANNELS, 1) if mixing else None
        self.stages = nn.ModuleList(JbuStage() for _ in range(4))

    def forward(self, f, image):
        if self.norm:
            f = self.norm(f.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for stage in self.stages:
            f = stage(f, image)
        if self.mix:
            f = f + 0.1 * self.mix(f)
        return F.interpolate(f, image.shape[2:], mode="bilinear", align_corners=True)


class LearnedJbu(nn.Module):
    """FeatUp's stage without its correction, in one step: 11x11 taps on bilinear features."""

    def __init__(self, keys=64, radius=5):
        super().__init__()
        self.radius, self.k = radius, 2 * radius + 1
        self.range_temp, self.sigma_spatial = nn.Parameter(torch.zeros(())), nn.Parameter(torch.ones(()))
        self.key = nn.Sequential(nn.Conv2d(3, keys, 1), nn.GELU(), nn.Conv2d(keys, keys, 1))

    def forward(self, f, image):
        size, k = image.shape[2:], self.k
        key = self.key(image)
        around = shifts(F.pad(key, [self.radius] * 4, "reflect"), k, (1, 1), size)
        likeness = torch.cat([(tap * key).sum(1, keepdim=True) for tap in around], 1)
        line = torch.linspace(-1, 1, k)
        distance = (line[:, None] ** 2 + line[None] ** 2).reshape(1, -1, 1, 1)
        kernel = (likeness * self.range_temp.exp().clamp(1e-4, 1e4)).softmax(1)
        kernel = kernel * torch.exp(-distance / (2 * self.sigma_spatial**2))
        kernel = kernel / kernel.sum(1, keepdim=True).clamp(min=1e-7)
        return filtered(F.interpolate(f, size, mode="bilinear"), kernel, k, (1, 1))
