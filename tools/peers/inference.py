"""DnCNN-17 on 512x512 gray: ONNX Runtime and ours in turn, in one run.

Usage, in the repository:
    cargo build --release -p restora-nn --example inference_peer
    python tools/peers/inference.py target/release/examples/inference_peer [THREADS] [RUNS]

Random weights (time does not depend on them). Prints the medians of wall and CPU seconds and the ratios.
Where other work shares the cores, wall times stretch for both; CPU seconds hardly do.
"""
import subprocess
import sys
import time
from statistics import median

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

OURS = sys.argv[1]
THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 7
LAYERS, FEATURES, SIDE = 17, 64, 512


def model():
    rng = np.random.default_rng(1)
    nodes, tensors, x = [], [], "x"
    for i in range(LAYERS):
        inputs = 1 if i == 0 else FEATURES
        outputs = 1 if i == LAYERS - 1 else FEATURES
        weight = rng.standard_normal((outputs, inputs, 3, 3)) * (2 / (9 * inputs)) ** 0.5
        tensors += [
            numpy_helper.from_array(weight.astype(np.float32), f"w{i}"),
            numpy_helper.from_array(np.zeros(outputs, np.float32), f"b{i}"),
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


options = ort.SessionOptions()
options.intra_op_num_threads = THREADS
session = ort.InferenceSession(model(), options, providers=["CPUExecutionProvider"])
image = np.random.default_rng(2).random((1, 1, SIDE, SIDE), np.float32)
ours = subprocess.Popen(
    [OURS, str(THREADS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)


def theirs():
    wall, cpu = time.perf_counter(), time.process_time()
    session.run(None, {"x": image})
    return time.perf_counter() - wall, time.process_time() - cpu


def mine():
    ours.stdin.write("\n")
    ours.stdin.flush()
    return tuple(map(float, ours.stdout.readline().split()))


theirs(), mine()
pairs = [(theirs(), mine()) for _ in range(RUNS)]
ours.stdin.close()
ours.wait()
for k, what in enumerate(("wall", "cpu")):
    a, b = (median(pair[side][k] for pair in pairs) for side in (0, 1))
    ratio = median(pair[1][k] / pair[0][k] for pair in pairs)
    print(f"{what}: ONNX Runtime {ort.__version__} {a:.3f} s, ours {b:.3f} s, ratio {ratio:.2f}")
