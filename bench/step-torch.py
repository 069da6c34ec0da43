"""The training step of bench/step.ts in PyTorch: same models, batch, optimiser and loss.

Alone:  python bench/step-torch.py --model d64-L6 --rounds 7     one JSON line
In turn with ours, `npm run bench:step -- --torch python` starts it without --rounds: it then reads a number of steps a
line and answers with milliseconds a step.
"""

import argparse
import json
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

MODELS = {
    "d64-L6": dict(batch=64, image=28, patch=7, channels=1, dim=64, depth=6, heads=4),
    "d192-L12": dict(batch=32, image=28, patch=7, channels=1, dim=192, depth=12, heads=3),
}
CLASSES = 10


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Vit(nn.Module):
    def __init__(self, image, patch, channels, dim, depth, heads):
        super().__init__()
        self.embed = nn.Conv2d(channels, dim, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, (image // patch) ** 2 + 1, dim) * 0.02)
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, CLASSES)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=MODELS, default="d64-L6")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--steps", type=int, default=20)
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    shape = dict(MODELS[args.model])
    batch = shape.pop("batch")
    model = Vit(**shape)
    decayed = [p for p in model.parameters() if p.ndim == 2 or p.ndim == 4]
    others = [p for p in model.parameters() if p.ndim not in (2, 4)]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    # The fused kernel is PyTorch's fastest on a CPU.
    optimiser = torch.optim.AdamW(groups, lr=1e-3, fused=True)
    images = torch.randn(batch, shape["channels"], shape["image"], shape["image"])
    labels = torch.randint(CLASSES, (batch,))

    def run(steps):
        start = time.perf_counter()
        for _ in range(steps):
            optimiser.zero_grad(set_to_none=True)
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimiser.step()
        loss.item()
        return (time.perf_counter() - start) / steps * 1000

    if args.rounds is None:
        print(f"pytorch {torch.__version__}", flush=True)
        for line in sys.stdin:
            print(run(int(line)), flush=True)
        return
    run(args.steps)
    ms = [run(args.steps) for _ in range(args.rounds)]
    figures = dict(ms=statistics.median(ms), minMs=min(ms), maxMs=max(ms))
    print(json.dumps(dict(bench="step", model=args.model, batch=batch, threads=args.threads, runtime=f"pytorch {torch.__version__}", **figures)))


main()
