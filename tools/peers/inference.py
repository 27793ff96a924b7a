"""512x512: DnCNN-17 in ONNX Runtime, in PyTorch eager and in ours, and the nets that we ship, in turn, in one run.

Usage, in the repository:
    cargo build --release -p restora-nn --example inference_peer
    python tools/peers/inference.py target/release/examples/inference_peer [THREADS] [RUNS]

Random weights (time does not depend on them). PyTorch runs the net with its batch norms folded into the
convolutions, like the others, in inference mode; without PyTorch its line is left out. Prints the medians of wall
and CPU seconds and of the ratios. Where other work shares the cores, wall times stretch for all; CPU seconds
hardly do.
"""
import subprocess
import sys
import time
from statistics import median

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

try:
    import torch
except ImportError:
    torch = None

OURS = sys.argv[1]
THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 7
LAYERS, FEATURES, SIDE = 17, 64, 512


def weights():
    rng = np.random.default_rng(1)
    for i in range(LAYERS):
        inputs = 1 if i == 0 else FEATURES
        outputs = 1 if i == LAYERS - 1 else FEATURES
        weight = rng.standard_normal((outputs, inputs, 3, 3)) * (2 / (9 * inputs)) ** 0.5
        yield weight.astype(np.float32)


def model():
    nodes, tensors, x = [], [], "x"
    for i, weight in enumerate(weights()):
        tensors += [
            numpy_helper.from_array(weight, f"w{i}"),
            numpy_helper.from_array(np.zeros(len(weight), np.float32), f"b{i}"),
        ]
        nodes.append(
            helper.make_node(
                "Conv", [x, f"w{i}", f"b{i}"], [f"c{i}"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]
            )
        )
        x = f"c{i}"
        if i < LAYERS - 1:
            nodes.append(helper.make_node("Relu", [x], [f"r{i}"]))
            x = f"r{i}"
    nodes.append(helper.make_node("Sub", ["x", x], ["y"]))
    shape = [1, 1, SIDE, SIDE]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "dncnn", ends[:1], ends[1:], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made.SerializeToString()


def timed(run):
    def once():
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        return time.perf_counter() - wall, time.process_time() - cpu

    return once


def onnx_runtime():
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = ort.InferenceSession(model(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": IMAGE})[0]


def pytorch():
    torch.set_num_threads(THREADS)
    layers = []
    for weight in weights():
        outputs, inputs = weight.shape[:2]
        conv = torch.nn.Conv2d(inputs, outputs, 3, padding=1)
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(weight))
            conv.bias.zero_()
        layers += [conv, torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1]).eval()
    image = torch.from_numpy(IMAGE)

    def run():
        with torch.inference_mode():
            return (image - net(image)).numpy()

    return run


def mine(process, name):
    def once():
        process.stdin.write(f"{name}\n")
        process.stdin.flush()
        return tuple(map(float, process.stdout.readline().split()))

    return once


IMAGE = np.random.default_rng(2).random((1, 1, SIDE, SIDE), np.float32)
sides = {f"ONNX Runtime {ort.__version__}": onnx_runtime()}
if torch:
    sides[f"PyTorch {torch.__version__} eager"] = pytorch()
    one, other = (run() for run in sides.values())
    assert np.abs(one - other).max() < 1e-3 * np.abs(one).max(), "the peers run different nets"
sides = {name: timed(run) for name, run in sides.items()}
process = subprocess.Popen(
    [OURS, str(THREADS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
for name in ("dncnn-17", "restorer-gray", "restorer-color"):
    sides[f"ours, {name}"] = mine(process, name)
ours = list(sides).index("ours, dncnn-17")
for once in sides.values():
    once()
rounds = [[once() for once in sides.values()] for _ in range(RUNS)]
print(f"{THREADS} threads, {RUNS} rounds; the ratio is that of our DnCNN-17 to the row\n")
print("| | wall s | ratio | CPU s | ratio |\n|---|--:|--:|--:|--:|")
for side, name in enumerate(sides):
    cells = []
    for k in (0, 1):
        cells.append(f"{median(row[side][k] for row in rounds):.3f}")
        cells.append(f"{median(row[ours][k] / row[side][k] for row in rounds):.2f}")
    print(f"| {name} | " + " | ".join(cells) + " |")
