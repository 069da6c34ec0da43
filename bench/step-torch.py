"""The benchmarks' work in PyTorch: same models, batch, optimiser and loss.

Alone:  python bench/step-torch.py --work step --model d64-L6 --rounds 7     one JSON line
Beside ours (`--torch python` of the benchmarks) it is started without --rounds: it then reads a number of steps a line
and answers with milliseconds a step, so that the two take turns.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from torch_models import MODELS, Vit, adamw

DISTILL = dict(teacher=dict(dim=96, depth=12, heads=3), student=dict(dim=48, depth=6, heads=3))


def inputs_of(shape, batch):
    images = torch.randn(batch, shape["channels"], shape["image"], shape["image"])
    return images, torch.randint(shape["classes"], (batch,))


def train_step(name):
    shape = dict(MODELS[name])
    batch = shape.pop("batch")
    model = Vit(**shape)
    optimiser = adamw([model])
    images, labels = inputs_of(shape, batch)

    def step():
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(model(images), labels).backward()
        optimiser.step()

    return step, batch


def forward_pass(name):
    shape = dict(MODELS[name])
    batch = shape.pop("batch")
    model = Vit(**shape).eval()
    images, _ = inputs_of(shape, batch)

    def step():
        with torch.inference_mode():
            model(images)

    return step, batch


def distill_step(batch=64):
    """One step of the plain loop: teacher forward, then student and transformation matrices learn (loss 'all')."""
    digits = dict(image=28, patch=7, channels=1, classes=10)
    teacher = Vit(**digits, **DISTILL["teacher"]).eval()
    student = Vit(**digits, **DISTILL["student"])
    wide, narrow = DISTILL["teacher"]["dim"], DISTILL["student"]["dim"]
    transforms = nn.ModuleList([nn.Linear(wide, narrow), nn.Linear(wide, narrow)])
    optimiser = adamw([student, transforms])
    images, labels = inputs_of(digits, batch)

    def step():
        with torch.no_grad():
            taught, teacher_atts, teacher_maps = teacher.features(images)
        logits, atts, maps = student.features(images)
        soft = -(F.softmax(taught, -1) * F.log_softmax(logits, -1)).mean()
        att = F.mse_loss(atts[-1], transforms[0](teacher_atts[-1]))
        rep = F.mse_loss(maps[-1], transforms[1](teacher_maps[-1]))
        loss = 0.1 * F.cross_entropy(logits, labels) + 0.9 * (soft + rep + att)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return step, batch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", choices=["step", "infer", "distill"], default="step")
    parser.add_argument("--model", choices=MODELS, default="d64-L6")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--memory", action="store_true", help="print the peak resident memory in MiB, and nothing else")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    works = {"step": lambda: train_step(args.model), "infer": lambda: forward_pass(args.model), "distill": distill_step}
    step, batch = works[args.work]()

    def run(steps):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        return (time.perf_counter() - start) / steps * 1000

    if args.memory:
        run(args.steps)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    if args.rounds is None:
        print(f"pytorch {torch.__version__}", flush=True)
        for line in sys.stdin:
            print(run(int(line)), flush=True)
        return
    run(args.steps)
    ms = [run(args.steps) for _ in range(args.rounds)]
    median = statistics.median(ms)
    figures = dict(ms=median, minMs=min(ms), maxMs=max(ms), imagesPerSecond=1000 * batch / median)
    runtime = f"pytorch {torch.__version__}"
    print(json.dumps(dict(bench=args.work, model=args.model, threads=args.threads, runtime=runtime, **figures)))


main()
