"""A training step of five nets: PyTorch and ours in turn, in one run.

Usage, in the repository:
    cargo build --release -p restora-nn --example step_times
    python tools/peers/torch_steps.py target/release/examples/step_times [NET ...]
        [--threads N] [--rounds N] [--fused] [--channels-last]

A step is forward, loss (mean squared error), backward and Adam on one batch of random numbers; both sides hold
the same layers (checked: the number of weights; ours are in crates/nn/src/models). PyTorch is taken as it is
by default; `--fused` takes its fused Adam, `--channels-last` its other memory layout. In each round either
side takes a step that is not counted and then steps for about half a second. Prints medians over the rounds.
Where other work shares the cores, wall times stretch for both; CPU seconds hardly do.
"""
import argparse
import subprocess
import time
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F


def dense(sizes, last):
    layers = [nn.Flatten()]
    half = len(sizes) // 2
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers.append(nn.Linear(a, b))
        if i < len(sizes) - 2 and (i != half - 1 or last is not None):
            layers.append(nn.ReLU())
    return layers + ([last] if last else [])


class Faces(nn.Module):
    """Pixels less 1/2, 1024-512-32-512-1024 with a linear code, plus 1/2."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*dense([1024, 512, 32, 512, 1024], None))

    def forward(self, x):
        return (self.layers(x - 0.5) + 0.5).view(x.shape)


class Digits(nn.Module):
    """Pixels less 1/2, 784-128-64-32-64-128-784, a sigmoid."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*dense([784, 128, 64, 32, 64, 128, 784], nn.Sigmoid()))

    def forward(self, x):
        return self.layers(x - 0.5).view(x.shape)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.second(F.relu(self.first(x)))


def conv_autoencoder(c=3, near=48, far=96):
    return nn.Sequential(
        nn.PixelUnshuffle(2),
        nn.Conv2d(4 * c, near, 3, padding=1),
        Block(near),
        nn.Conv2d(near, far, 2, stride=2),
        Block(far),
        nn.ReLU(),
        Block(far),
        nn.ConvTranspose2d(far, near, 2, stride=2),
        Block(near),
        nn.ReLU(),
        nn.Conv2d(near, 4 * c, 3, padding=1),
        nn.PixelShuffle(2),
    )


def pair(a, b):
    layers = []
    for inputs in (a, b):
        conv = nn.Conv2d(inputs, b, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, c=3, depth=3, base=32):
        super().__init__()
        width = [base << i for i in range(depth + 1)]
        self.down = nn.ModuleList(pair(a, b) for a, b in zip([c] + width, width))
        self.larger = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in zip(width, width[1:])
        )
        self.up = nn.ModuleList(pair(b, a) for a, b in zip(width, width[1:]))
        self.output = nn.Conv2d(base, c, 1)

    def forward(self, x):
        levels = []
        for i, level in enumerate(self.down):
            x = level(F.max_pool2d(x, 2) if i else x)
            levels.append(x)
        for i in reversed(range(len(self.up))):
            x = self.up[i](torch.cat([levels[i], self.larger[i](x)], 1))
        return self.output(x)


class DnCnn(nn.Module):
    def __init__(self, c=1, layers=17, features=64):
        super().__init__()
        middle = []
        for _ in range(layers - 2):
            conv = nn.Conv2d(features, features, 3, padding=1, bias=False)
            middle += [conv, nn.BatchNorm2d(features), nn.ReLU()]
        self.layers = nn.Sequential(
            nn.Conv2d(c, features, 3, padding=1),
            nn.ReLU(),
            *middle,
            nn.Conv2d(features, c, 3, padding=1),
        )

    def forward(self, x):
        return x - self.layers(x)


# Net and batch of every name.
NETS = {
    "dense-faces": (Faces, (64, 1, 32, 32)),
    "dense-digits": (Digits, (64, 1, 28, 28)),
    "conv": (conv_autoencoder, (16, 3, 64, 64)),
    "unet": (UNet, (16, 3, 64, 64)),
    "dncnn": (DnCnn, (32, 1, 40, 40)),
}


class Theirs:
    def __init__(self, name, options):
        make, shape = NETS[name]
        layout = torch.channels_last if options.channels_last else torch.contiguous_format
        self.net = make().to(memory_format=layout)
        self.weights = sum(p.numel() for p in self.net.parameters())
        extra = {"fused": True} if options.fused else {}
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-3, **extra)
        self.x = torch.rand(shape).to(memory_format=layout)

    def steps(self, count):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            self.adam.zero_grad()
            loss = F.mse_loss(self.net(self.x), self.x)
            loss.backward()
            self.adam.step()
            loss.item()
        return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


class Ours:
    def __init__(self, name, process):
        self.name, self.process, self.weights = name, process, None

    def steps(self, count):
        self.process.stdin.write(f"{self.name} {count}\n")
        self.process.stdin.flush()
        wall, cpu, weights = self.process.stdout.readline().split()
        self.weights = int(weights)
        return float(wall), float(cpu)


def compare(name, options, process):
    sides = [Theirs(name, options), Ours(name, process)]
    rounds = []
    for side in sides:
        side.steps(2)
    assert sides[0].weights == sides[1].weights, f"{name} is not the same net on both sides"
    counts = [max(2, round(0.5 / side.steps(2)[0])) for side in sides]
    for _ in range(options.rounds):
        row = []
        for side, count in zip(sides, counts):
            side.steps(1)
            row.append(side.steps(count))
        rounds.append(row)
    cells = [name]
    for k in (0, 1):
        theirs, ours = (median(row[side][k] for row in rounds) for side in (0, 1))
        ratio = median(row[1][k] / row[0][k] for row in rounds)
        cells += [f"{1e3 * theirs:.2f}", f"{1e3 * ours:.2f}", f"**{ratio:.2f}**"]
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("ours", help="target/release/examples/step_times")
    parser.add_argument("nets", nargs="*", metavar="NET", help=", ".join(NETS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_intermixed_args()
    torch.set_num_threads(options.threads)
    command = [options.ours, str(options.threads)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print(f"Milliseconds of a step, PyTorch {torch.__version__}, {options.threads} threads\n")
    sides = " | ".join(f"{what}: PyTorch | ours | ratio" for what in ("wall", "CPU"))
    print(f"| net | {sides} |\n|---|--:|--:|--:|--:|--:|--:|")
    for name in options.nets or NETS:
        compare(name, options, process)
    process.stdin.close()
    process.wait()


if __name__ == "__main__":
    main()
