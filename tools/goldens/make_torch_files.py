"""Makes the small files under crates/nn/tests/seeds in the forms of torch.save.

Python's own pickle and zipfile write them; the classes below only stand in for PyTorch's names, so
that PyTorch is not needed. The forms follow torch/serialization.py (_save and _legacy_save).

    python tools/goldens/make_torch_files.py

Values are computed again by crates/nn/tests/import.rs: number i of tensor t is (i * 7 + t * 3) % 23 - 11.
"""

import io
import os
import pathlib
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "crates/nn/tests/seeds"

torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": utils})


def stand_in(module, name):
    def function(*args):
        raise NotImplementedError

    function.__module__, function.__name__, function.__qualname__ = module.__name__, name, name
    setattr(module, name, function)
    return function


for n in ["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"]:
    stand_in(utils, n)
KINDS = {}
for n in "Float Double Half BFloat16 Long Int Short Char Byte Bool".split():
    KINDS[n] = type(n + "Storage", (), {"__module__": "torch"})
    setattr(torch, n + "Storage", KINDS[n])


class Storage:
    def __init__(self, kind, values):
        self.kind, self.count = KINDS[kind], len(values)
        v = np.asarray(values, np.float64)
        if kind == "BFloat16":
            self.bytes = (v.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        else:
            names = dict(Float="f4", Double="f8", Half="f2", Long="i8", Int="i4", Short="i2", Char="i1", Byte="u1", Bool="?")
            self.bytes = v.astype("<" + names[kind]).tobytes()


class Tensor:
    def __init__(self, storage, offset, size, stride, old=False):
        self.args, self.old = (storage, offset, size, stride), old

    def __reduce__(self):
        if self.old:
            return utils._rebuild_tensor, self.args
        return utils._rebuild_tensor_v2, (*self.args, False, OrderedDict())


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return utils._rebuild_parameter, (self.tensor, True, OrderedDict())


def dump(value, protocol, storages, views):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, Storage):
                if obj not in storages:
                    storages.append(obj)
                key = str(storages.index(obj))
                end = (None,) if views else ()
                return ("storage", obj.kind, key, "cpu", obj.count, *end)
            return None

    out = io.BytesIO()
    Pickler(out, protocol).dump(value)
    return out.getvalue()


def save_zip(name, value, protocol=2, method=zipfile.ZIP_STORED, order=b"little"):
    storages = []
    data = dump(value, protocol, storages, False)
    with zipfile.ZipFile(OUT / name, "w", method) as z:
        entries = [("data.pkl", data), ("byteorder", order)]
        entries += [(f"data/{i}", s.bytes) for i, s in enumerate(storages)] + [("version", b"3\n")]
        for path, content in entries:
            info = zipfile.ZipInfo("archive/" + path, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            with z.open(info, "w", force_zip64=path == "data/0") as f:
                f.write(content)


def save_legacy(name, value):
    storages = []
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    with open(OUT / name, "wb") as f:
        for head in (0x1950A86A20F9469CFC6C, 1001, system):
            pickle.dump(head, f, 2)
        f.write(dump(value, 2, storages, True))
        keys = [str(i) for i in range(len(storages))]
        pickle.dump(keys, f, 2)
        for s in storages:
            f.write(struct.pack("<q", s.count) + s.bytes)


def values(t, n):
    return [(i * 7 + t * 3) % 23 - 11 for i in range(n)]


def state(old):
    d = OrderedDict()
    for t, kind in enumerate(KINDS):
        if kind in ("Byte", "Bool"):
            continue
        d[f"{kind}.weight"] = Tensor(Storage(kind, values(t, 6)), 0, (2, 3), (3, 1), old)
    shared = Storage("Float", values(20, 24))
    d["shared.a"] = Tensor(shared, 4, (2, 3), (3, 1), old)
    d["shared.transposed"] = Tensor(shared, 0, (4, 3, 2), (1, 4, 12), old)
    d["shared.column"] = Tensor(shared, 2, (5,), (4,), old)
    d["scalar"] = Tensor(Storage("Long", [5]), 0, (), (), old)
    d["empty"] = Tensor(Storage("Float", []), 0, (0, 2), (2, 1), old)
    if not old:
        d["parameter"] = Parameter(Tensor(Storage("Float", values(21, 4)), 0, (4,), (1,)))
        d._metadata = OrderedDict([("", {"version": 1})])
    return d


class Model:
    def __init__(self):
        self.weights = [1.0]


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


Model.__module__ = "nets"
sys.modules["nets"] = types.ModuleType("nets")
sys.modules["nets"].Model = Model

OUT.mkdir(parents=True, exist_ok=True)
momentum = Tensor(Storage("Float", [float("nan")] * 3), 0, (3,), (1,))
checkpoint = {"epoch": 3, "best": 31.5, "state_dict": state(False), "optimizer": {"state": {0: momentum}}}
save_zip("zip_protocol_2.pth", state(False))
save_zip("zip_protocol_4_checkpoint.pth", checkpoint, protocol=4)
save_zip("zip_deflated.pth", {"a": Tensor(Storage("Float", [0.0] * 64), 0, (64,), (1,))}, method=zipfile.ZIP_DEFLATED)
save_zip("zip_big_endian.pth", {"a": Tensor(Storage("Float", [1.0]), 0, (1,), (1,))}, order=b"big")
save_zip("zip_model.pth", Model())
save_zip("zip_evil.pth", {"a": Evil()})
save_legacy("legacy.pth", state(True))
save_legacy("legacy_evil.pth", {"a": Evil()})
