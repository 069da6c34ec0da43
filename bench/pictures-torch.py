"""The picture benchmark's other side: timm's own transforms, with Pillow and torchvision.

  python bench/pictures-torch.py --work crops OUT FILES...
      writes the evaluation crops of the files one after the other, bytes [224, 224, 3]
  python bench/pictures-torch.py --work train FILES...
      reads a number of batches a line and answers with the milliseconds a batch took from a DataLoader of two workers
"""

import argparse
import sys
import time

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    # A build without its compiled part: the transforms need none of it, but the names of two operators.
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from PIL import Image
from timm.data import create_transform

SIZE = 224


class Pictures(torch.utils.data.Dataset):
    def __init__(self, files, transform):
        self.files, self.transform = files, transform

    def __getitem__(self, index):
        with Image.open(self.files[index % len(self.files)]) as picture:
            return self.transform(picture.convert("RGB"))


class Turn:
    """The batches of one turn: workers have nothing to do between turns."""

    def __init__(self, batch):
        self.batch, self.first, self.count = batch, 0, 1

    def __len__(self):
        return self.count

    def __iter__(self):
        for _ in range(self.count):
            self.first += self.batch
            yield range(self.first - self.batch, self.first)


def write_crops(out, files):
    transform = create_transform(SIZE, is_training=False, interpolation="bicubic", crop_pct=0.875, mean=(0, 0, 0), std=(1, 1, 1))
    with open(out, "wb") as crops:
        for file in files:
            with Image.open(file) as picture:
                values = transform(picture.convert("RGB"))
            crops.write(values.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy().tobytes())


def train(files, batch, workers):
    transform = create_transform(
        SIZE,
        is_training=True,
        scale=(0.08, 1),
        hflip=0.5,
        color_jitter=0.4,
        auto_augment="rand-m9-mstd0.5-inc1",
        re_prob=0.25,
        interpolation="bicubic",
    )
    turn = Turn(batch)
    loader = torch.utils.data.DataLoader(
        Pictures(files, transform), batch_sampler=turn, num_workers=workers, persistent_workers=True
    )
    print(f"timm, {workers} workers", flush=True)
    for line in sys.stdin:
        turn.count = int(line)
        start = time.perf_counter()
        for _ in loader:
            pass
        print(1000 * (time.perf_counter() - start) / turn.count, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", choices=["crops", "train"], required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("files", nargs="+")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    if flags.work == "crops":
        write_crops(flags.files[0], flags.files[1:])
    else:
        train(flags.files, flags.batch, flags.workers)
