"""Checks our ONNX files with the official checker and runs them in ONNX Runtime.

    cargo run --release -p restora-nn --example onnx_cases -- /tmp/onnx_cases
    python tools/onnx/check.py /tmp/onnx_cases

For each NAME.onnx of the folder: onnx.checker (with shape inference), then NAME.in.npy through ONNX
Runtime on the CPU against NAME.out.npy (and NAME.code.npy where there is one). Prints the largest difference, relative to the largest output
where that is above 1, and fails where it is above 1e-5. Needs Python 3 with numpy, onnx, onnxruntime.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

BOUND = 1e-5


def main(folder):
    worst, files = 0.0, sorted(pathlib.Path(folder).glob("*.onnx"))
    if not files:
        sys.exit(f"no .onnx files in {folder}")
    for path in files:
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        given = np.load(path.with_suffix(".in.npy"))
        for name in ["output", "code"]:
            expected = path.with_suffix(".out.npy" if name == "output" else ".code.npy")
            if name == "code" and not expected.exists():
                continue
            wanted = np.load(expected)
            came = session.run([name], {"input": given})[0]
            if came.shape != wanted.shape:
                sys.exit(f"{path.stem}, {name}: shape {came.shape}, wanted {wanted.shape}")
            difference = float(np.abs(came - wanted).max() / max(1.0, np.abs(wanted).max()))
            print(f"{path.stem:24} {name:8} {str(wanted.shape):20} {difference:.2e}")
            worst = max(worst, difference)
    print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}: {len(files)} files, largest {worst:.2e}")
    if not worst <= BOUND:
        sys.exit(f"above {BOUND}")


if __name__ == "__main__":
    main(sys.argv[1])
