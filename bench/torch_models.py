"""The models of models.ts in PyTorch, as a user would write them."""

import torch
import torch.nn.functional as F
from torch import nn

DIGITS = dict(image=28, patch=7, channels=1, classes=10)
PHOTOS = dict(image=224, patch=16, channels=3, classes=1000)
MODELS = {
    "d64-L6": dict(batch=64, dim=64, depth=6, heads=4, **DIGITS),
    "d192-L12": dict(batch=32, dim=192, depth=12, heads=3, **DIGITS),
    "deit-tiny": dict(batch=8, dim=192, depth=12, heads=3, **PHOTOS),
    "deit-small": dict(batch=8, dim=384, depth=12, heads=6, **PHOTOS),
}


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
        att = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))
        x = x + att
        return att, x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Vit(nn.Module):
    def __init__(self, image, patch, channels, classes, dim, depth, heads):
        super().__init__()
        self.embed = nn.Conv2d(channels, dim, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, (image // patch) ** 2 + 1, dim) * 0.02)
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def features(self, x):
        """Logits, and every block's attention output and its own output."""
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        atts, maps = [], []
        for block in self.blocks:
            att, x = block(x)
            atts.append(att)
            maps.append(x)
        return self.head(self.norm(x)[:, 0]), atts, maps

    def forward(self, x):
        return self.features(x)[0]


def adamw(modules, lr=1e-3):
    """Decay on matrices only; the fused kernel is PyTorch's fastest on a CPU."""
    parameters = [p for module in modules for p in module.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim in (2, 4)], "weight_decay": 0.05},
        {"params": [p for p in parameters if p.ndim not in (2, 4)], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, fused=True)
