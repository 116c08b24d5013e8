#!/usr/bin/env python3
"""Backbones and upsamplers in plain PyTorch, from the formulas of their papers: what our times are compared with.

usage: torch_features.py vit --model {s14|b16} [--gradient] | up --method {nearest|bilinear|...|naf}
       [--size 224] [--scale 1] [--runs 3] [--threads 2]
vit: features of one image of size * scale px; with --gradient also the gradient to the tokens behind the patch embedding.
up: features [1,384,16,16] brought to the image's 224 px, or as near as the method comes by itself (LiFT: x2), and
    each channel's sum, as the other side has it.
Weights are random: speed does not depend on them. Prints one JSON line: what, median_s, min_s, runs, peak_rss_mb, torch.
"""

import argparse
import json
import resource
import statistics
import time

import torch

from implicit_upsampler import drawn_views
from upsamplers import CHANNELS, UPSAMPLERS
from vit import ViT

VITS = {"s14": (14, 384, 6), "b16": (16, 768, 12)}

parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["vit", "up"])
parser.add_argument("--model", choices=VITS, default="s14")
parser.add_argument("--gradient", action="store_true")
parser.add_argument("--method", choices=UPSAMPLERS, default="featup")
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
    net = UPSAMPLERS[args.method]()
    cells = size // 14
    features = torch.randn(1, CHANNELS, cells, cells)
    views = drawn_views(CHANNELS, cells, 14) if args.method == "featup-implicit" else ()

    def step():
        return net(features, image, *views).sum((2, 3))


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
