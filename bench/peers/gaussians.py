"""Upsample Anything, from the formulas of its paper: Gaussians in space and colour, fitted to every picture."""

import math

import torch
import torch.nn.functional as F

from unlearned_upsamplers import colours

REACH, WIDTHS, STEPS = 8, 2, 51
TINY = 1e-8


class Splatting:
    """Pixels of a cell and the cells in a disc around it, beyond the border the nearest one: [cells, pixels, taps]."""

    def __init__(self, guide, h, w):
        s, t = guide.shape[2] // h, guide.shape[3] // w
        self.grid, self.factor = (h, w), (s, t)
        line = torch.arange(-REACH, REACH + 1)
        far = torch.hypot(*torch.meshgrid(line.float(), line.float(), indexing="ij")).ceil()
        dy, dx = (far <= REACH).nonzero().T - REACH
        self.far = far[dy + REACH, dx + REACH]
        y, x = (i.flatten()[:, None] for i in torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij"))
        near_y, near_x = (y + dy).clamp(0, h - 1), (x + dx).clamp(0, w - 1)
        self.near = near_y * w + near_x
        v, u = (i.flatten() for i in torch.meshgrid(torch.arange(s) - (s - 1) / 2, torch.arange(t) - (t - 1) / 2, indexing="ij"))
        v, u = v[:, None] - ((near_y - y) * s)[:, None], u[:, None] - ((near_x - x) * t)[:, None]
        cells = F.interpolate(guide, (h, w), mode="bilinear")[0].flatten(1)
        pixels = self.by_cell(guide)
        colour = sum((pixels[:, :, i, None] - cells[i][self.near][:, None]) ** 2 for i in range(3))
        self.terms = u * u, u * v, v * v, colour

    def by_cell(self, x):
        """[1,C,s*h,t*w] -> [h*w,s*t,C]"""
        (h, w), (s, t) = self.grid, self.factor
        return x.reshape(-1, h, s, w, t).permute(1, 3, 2, 4, 0).reshape(h * w, s * t, -1)

    def to_map(self, x):
        (h, w), (s, t) = self.grid, self.factor
        return x.reshape(h, w, s, t, -1).permute(4, 0, 2, 1, 3).reshape(1, -1, h * s, w * t)

    def weights(self, sx, sy, th, sr):
        widths = F.interpolate(torch.maximum(sx, sy).detach().exp().reshape(1, 1, *self.grid), scale_factor=self.factor, mode="bilinear")
        hidden = (self.far > 1) & (WIDTHS * self.by_cell(widths) <= self.far - 1)
        along, beside, range_ = (1 / (2 * m.exp() ** 2 + TINY) for m in (sx, sy, sr))
        turn = math.pi * th.tanh()
        c, s = turn.cos(), turn.sin()
        shape = c * c * along + s * s * beside, 2 * c * s * (along - beside), s * s * along + c * c * beside, range_
        log = sum(-m[self.near][:, None] * term for m, term in zip(shape, self.terms))
        return log.masked_fill(hidden, -math.inf).softmax(2)


def upsample_anything(f, image):
    (h, w), (height, width) = f.shape[2:], image.shape[2:]
    guide = colours(image, (height // h * h, width // w * w))
    splatting = Splatting(guide, h, w)
    low = F.interpolate(guide, (h, w), mode="bicubic")[0].flatten(1).T[splatting.near]
    target = splatting.by_cell(guide)
    maps = [torch.full((h * w,), start, requires_grad=True) for start in (math.log(16), math.log(16), 0.0, math.log(0.12))]
    adam = torch.optim.Adam(maps, lr=0.1)
    rate = torch.optim.lr_scheduler.ExponentialLR(adam, 1e-8 ** (1 / 5100))
    with torch.enable_grad():
        for _ in range(STEPS):
            adam.zero_grad()
            F.l1_loss(splatting.weights(*maps) @ low, target).backward()
            adam.step()
            rate.step()
    with torch.no_grad():
        return splatting.to_map(splatting.weights(*maps) @ f[0].flatten(1).T[splatting.near])
