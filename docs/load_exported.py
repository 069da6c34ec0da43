"""
Runs in PyTorch what `genepool export --format safetensors` wrote of a model that timm does not have, stitched ones
above all. `load(folder)` gives its config.json and a function from normalised pixels [n, channels, side, side] to
logits [n, classes]. Needs torch and safetensors.
"""
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file


def load(folder):
    config = json.loads((Path(folder) / "config.json").read_text())
    weights = load_file(Path(folder) / "model.safetensors")
    path, models = config["path"], config["models"]

    def logits(pixels):
        for number, part in enumerate(path):
            model = models[part["model"]]
            d, heads, eps = model["embedDim"], model["numHeads"], model["layerNormEps"]
            w = lambda name: weights.get(name if len(path) == 1 else f"{part['model']}.{name}")
            linear = lambda x, name: F.linear(x, w(f"{name}.weight"), w(f"{name}.bias"))
            norm = lambda x, name: F.layer_norm(x, (d,), w(f"{name}.weight"), w(f"{name}.bias"), eps)
            scaled = lambda x, name: x if w(name) is None else x * w(name)
            if number == 0:  # patches, the tokens before them, positions of all tokens or of the patches alone
                x = F.conv2d(pixels, w("patch_embed.proj.weight"), w("patch_embed.proj.bias"), stride=model["patchSize"])
                tokens = [t.expand(len(x), -1, -1) for t in (w("cls_token"), w("dist_token")) if t is not None]
                x = torch.cat([*tokens, x.flatten(2).transpose(1, 2)], 1)
                x = x + F.pad(w("pos_embed"), (0, 0, x.shape[1] - w("pos_embed").shape[1], 0))
            else:
                x = F.linear(x, weights[f"{part['stitch']}.weight"], weights[f"{part['stitch']}.bias"])
            for block in (f"blocks.{i}" for i in range(part["first"], part["last"] + 1)):
                qkv = linear(norm(x, f"{block}.norm1"), f"{block}.attn.qkv").unflatten(2, (3, heads, d // heads))
                attended = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4)).transpose(1, 2).flatten(2)
                x = x + scaled(linear(attended, f"{block}.attn.proj"), f"{block}.ls1.gamma")
                hidden = F.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
                x = x + scaled(linear(hidden, f"{block}.mlp.fc2"), f"{block}.ls2.gamma")
        mean = model.get("pooling") == "mean"
        prefix = 2 if "distillation" in model else 1
        heads = ["head", "head_dist"][: 2 if model.get("distillation") == "twoHeads" else 1]
        read = [x[:, prefix:].mean(1)] if mean else [x[:, i] for i in range(len(heads))]
        if config["finalNorm"]:
            read = [norm(y, "fc_norm" if mean else "norm") for y in read]
        return torch.stack([linear(y, name) for y, name in zip(read, heads)]).mean(0)

    return config, logits
