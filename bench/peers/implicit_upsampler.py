"""FeatUp's implicit upsampler with its last layer solved, as docs/decisions/0014 has it."""

import torch
import torch.nn as nn
import torch.nn.functional as F

CELLS_IN_VIEWS = 6400
GRID_PIXELS = 128**2


def drawn_views(channels, cells, stride):
    """What a backbone says of views, and matrices that make their cells of a grid: random, speed does not depend on them."""
    views = 1 + min(32, max(4, round(CELLS_IN_VIEWS / cells**2)))
    per_cell = next(n for n in range(stride, 0, -1) if stride % n == 0 and (n == 1 or (n * cells) ** 2 <= GRID_PIXELS))
    looks = torch.rand(views, channels, cells, cells)
    down, across = torch.rand(2, views, cells, cells * per_cell).softmax(3)
    return looks, down, across


def waves(colours, phases, frequencies):
    """Sines and cosines of place and colour, 2x[1,5*frequencies,H,W]; those of places are made along one axis each."""
    h, w = colours.shape[2:]
    y, x = (torch.linspace(1 / size - 1, 1 - 1 / size, size) for size in (h, w))
    rates = frequencies.reshape(-1, 1, 1, 1)

    def wave(function, phase):
        parts = zip([y.reshape(1, 1, h, 1), x.reshape(1, 1, 1, w), colours], phase.split([1, 1, 3], 1))
        return torch.cat([function(rates * part + own).expand(-1, -1, h, w) for part, own in parts], 1).reshape(1, -1, h, w)

    # taken in the order of memory as [2,frequencies,5], as FeatUp does
    sine, cosine = phases.reshape(2, -1, 5, 1, 1)
    return wave(torch.sin, sine), wave(torch.cos, cosine)


def centred(x):
    return x - x.mean(1, keepdim=True)


def ridge_fit(seen, right, ridge):
    """X of (seen seen^T + ridge m I) X = right, m the mean of the diagonal."""
    matrix = seen @ seen.T
    matrix.diagonal().add_(ridge * matrix.diagonal().mean())
    return torch.linalg.solve(matrix, right)


class FeatUpImplicit(nn.Module):
    def __init__(self, width=256, frequencies=30):
        super().__init__()
        self.biases = nn.Parameter(torch.randn(2, 5, frequencies))
        self.frequencies = torch.linspace(-2, 2, frequencies).exp()
        seen = 10 * frequencies + 3
        self.norm1, self.layer1 = nn.LayerNorm(seen), nn.Conv2d(seen, width, 1)
        self.norm2, self.layer2 = nn.LayerNorm(width), nn.Conv2d(width, width, 1)

    def hidden(self, colours):
        x = torch.cat([*waves(colours, self.biases, self.frequencies), colours], 1)
        for norm, layer in ((self.norm1, self.layer1), (self.norm2, self.layer2)):
            x = F.relu(layer(norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)))
        return x

    def forward(self, f, image, looks, down, across):
        """looks [V,C,h,w]: what the backbone says of views, the first of the image itself; down, across [V,h,grid]."""
        c, h, w = f.shape[1:]
        low, high = image.amin((2, 3), True), image.amax((2, 3), True)
        colours = (image - low) / (high - low).clamp(min=1e-4) - 0.5
        on_grid = self.hidden(F.adaptive_avg_pool2d(colours, (down.shape[2], across.shape[2])))
        seen = (down[:, None] @ on_grid @ across[:, None].transpose(2, 3)).flatten(2)
        own, everywhere = centred(seen[0]), seen.transpose(0, 1).flatten(1)
        said = looks.transpose(0, 1).flatten(1)
        layer = ridge_fit(centred(everywhere), centred(everywhere) @ centred(said).T, 3e-3)
        change = f[0].flatten(1) - looks[0].flatten(1)
        layer_of_change = ridge_fit(own, own, 1e-2) @ change.T
        left = change - layer_of_change.T @ own
        bias = said.mean(1, keepdim=True) - layer.T @ everywhere.mean(1, keepdim=True)
        shift = bias - layer_of_change.T @ seen[0].mean(1, keepdim=True)
        fine = F.conv2d(self.hidden(colours), (layer + layer_of_change).T[:, :, None, None], shift.flatten())
        return fine + F.interpolate(left.reshape(1, c, h, w), image.shape[2:], mode="bilinear")
