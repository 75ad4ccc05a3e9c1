#!/usr/bin/env python3
"""Writes small checkpoints as PyTorch, NumPy and CPython write them.

A developer's tool: neither the build nor the tests need it. It needs Python 3 with torch (1.13)
and numpy, e.g. Debian's python3-torch.

    python3 tests/peers/make_checkpoints.py OUT_DIR
    python3 tests/peers/make_checkpoints.py --compare CHECKPOINT OTHER

The second form loads both files with torch.load (the first with weights_only=True) and ends with
an error where names, order, types, shapes or values differ.

Every NAME.pt that can be read has a neighbour NAME.npz: its tensors by their names in the state
dict, as float32, or int64 where a tensor holds integers or bools.
"""

import collections
import io
import json
import pickle
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5))


def typed():
    """One tensor of every element type; values that tell rounding and sign apart."""
    values = torch.tensor([[0.0, -1.5, 3.25], [65504.0, -2.0e-3, 1.0]])
    integers = torch.tensor([0, 1, -128, 127, 5])
    return collections.OrderedDict(
        f32=values, f64=values.double() / 3, f16=values.half(), bf16=values.bfloat16(),
        i64=integers * (1 << 40), i32=(integers * (1 << 20)).int(), i16=(integers * 100).short(), i8=integers.to(torch.int8),
        u8=torch.tensor([0, 255, 7], dtype=torch.uint8), bool=torch.tensor([True, False, True]),
        scalar=torch.tensor(2.5), empty=torch.zeros(0, 4))


def views():
    """Tensors that share storages, in every layout torch.save keeps."""
    base = torch.arange(24, dtype=torch.float32)
    return {
        "base": base,
        "again": base,
        "part": base[5:11],
        "transposed": base.view(4, 6).t(),
        "strided": base.view(2, 3, 4)[:, ::2, 1::2],
        "channels_last": torch.arange(24.0).view(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
        "expanded": torch.tensor([3.0]).expand(4),
        "last": base[23],
        "half_part": torch.arange(6).half().view(2, 3).t(),
    }


def record(model):
    """A dictionary as BackdoorBench saves its attack results, with numpy and plain values."""
    return {
        "model_name": "preactresnet18",
        "num_classes": 10,
        "model": model.state_dict(),
        "data_path": "./data/cifar10",
        "img_size": (32, 32, 3),
        "clean_data": "cifar10",
        "bd_train": None,
        "bd_test": {
            "bd_data_container": {
                "save_folder_path": "./record/badnet_0_1/bd_test_dataset",
                "data_dict": {
                    3: {"path": "./record/badnet_0_1/bd_test_dataset/0/3.png", "other_info": [1, np.int64(0), 1]},
                    5: {"path": "./record/badnet_0_1/bd_test_dataset/0/5.png", "other_info": [2, 0, True]},
                },
            },
            "original_index_array": np.array([3, 5]),
            "poison_indicator": np.array([1.0, 1.0]),
        },
        "values": {
            "floats": [0.1, -1e300, float("inf")], "long": 1 << 70, "negative": -(1 << 40), "bytes": b"\x00\xff",
            "set": {1, 2}, "frozen": frozenset({"a"}), "tuple": ((1,), ()), "none": None, "text": "\u4e2d\U0001f40d\\u",
            (1, "a"): "tuple key", b"k": "bytes key", 1.5: "float key",
        },
        "arrays": {
            "f4": np.arange(6, dtype="f4").reshape(2, 3), "big": np.arange(3, dtype=">i2"),
            "fortran": np.asfortranarray(np.arange(6, dtype="u1").reshape(2, 3)),
            "bool": np.array([True, False]), "scalars": [np.float32(0.5), np.uint8(200), np.bool_(True), np.uint64(1 << 63)],
        },
        "device": torch.device("cuda", 1),
        "dtype": torch.float16,
        "size": torch.Size([2, 3]),
    }


def state_of(saved):
    for key in ("model", "state_dict", "model_state_dict", "net"):
        if key in saved and isinstance(saved[key], dict):
            saved = saved[key]
    if all(name.startswith("module.") for name in saved):
        saved = {name[len("module."):]: value for name, value in saved.items()}
    return saved


def save(folder, name, value, **options):
    torch.save(value, folder / f"{name}.pt", **options)
    arrays = {}
    for key, tensor in state_of(value).items():
        if torch.is_tensor(tensor):
            tensor = tensor.detach()
            arrays[key] = (tensor.float() if tensor.is_floating_point() else tensor.long()).numpy()
    np.savez(folder / f"{name}.npz", **arrays)


def zip64(folder, source):
    """The records of another file with the 64-bit headers of files beyond 4 GiB, half of them compressed, time in the name."""
    with zipfile.ZipFile(folder / f"{source}.pt") as old, zipfile.ZipFile(folder / "zip64.pt", "w") as new:
        for i, entry in enumerate(old.infolist()):
            record = zipfile.ZipInfo("12:30:00/" + entry.filename.split("/", 1)[1])
            record.compress_type = zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED
            with new.open(record, "w", force_zip64=True) as stream:
                stream.write(old.read(entry))
    (folder / "zip64.npz").write_bytes((folder / f"{source}.npz").read_bytes())


def safetensors(folder):
    """Written by hand from the format's description."""
    tensors = [("fc.weight", "F32", np.arange(6, dtype="<f4").reshape(2, 3)),
               ("fc.bias", "F16", np.array([0.5, -2], dtype="<f2")),
               ("bf", "BF16", np.array([0x3FC0, 0xC040], dtype="<u2")),
               ("steps", "I64", np.array(7, dtype="<i8"))]
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, dtype, array in tensors:
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "small.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def python2_batch(data, labels, key, names):
    """The bytes Python 2's cPickle wrote for a CIFAR batch (protocol 2): strings are bytes, arrays hold a BINSTRING."""
    def text(value):
        return b"U" + bytes([len(value)]) + value
    def number(value):
        return b"M" + struct.pack("<H", value)
    raw = data.tobytes()
    array = (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
             + b"(K\x01" + number(data.shape[0]) + number(data.shape[1]) + b"\x86"
             + b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|")
             + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb" + b"\x89" + b"T" + struct.pack("<I", len(raw)) + raw + b"tb")
    return (b"\x80\x02}q\x01(" + text(b"batch_label") + text(b"testing batch 1 of 1")
            + text(key) + b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
            + text(b"data") + array
            + text(b"filenames") + b"](" + b"".join(text(name) for name in names) + b"eu.")


def cifar(folder):
    random = np.random.RandomState(0)
    data = random.randint(0, 256, (2, 3072)).astype(np.uint8)
    np.savez_compressed(folder / "cifar.npz", data=data)
    names = [b"a.png", b"b.png"]
    old = python2_batch(data, [3, 9], b"labels", names)
    assert (pickle.loads(old, encoding="bytes")[b"data"] == data).all()
    (folder / "test_batch").write_bytes(old)
    hundred = {b"fine_labels": [99, 0], b"coarse_labels": [19, 0], b"data": data, b"filenames": names}
    for protocol in (2, 4, 5):
        (folder / f"cifar100_protocol{protocol}").write_bytes(pickle.dumps(hundred, protocol=protocol))
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz", compresslevel=9) as archive:
        for name, labels in [("data_batch_1", [0, 1]), ("data_batch_2", [2, 3]), ("data_batch_3", [4, 5]),
                             ("data_batch_4", [6, 7]), ("data_batch_5", [8, 9]), ("test_batch", [3, 9])]:
            content = python2_batch(data, labels, b"labels", names)
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    model = network()
    parallel = collections.OrderedDict((f"module.{name}", value) for name, value in model.state_dict().items())
    save(folder, "state_dict", model.state_dict())
    zip64(folder, "state_dict")
    save(folder, "state_dict_legacy", model.state_dict(), _use_new_zipfile_serialization=False)
    save(folder, "parallel", {"state_dict": parallel, "epoch": 3, "best_acc": 0.5})
    save(folder, "parameters", {"net": dict(model.named_parameters()), "optimizer": torch.optim.SGD(model.parameters(), 0.1, momentum=0.9).state_dict()})
    save(folder, "types", typed())
    save(folder, "types_legacy", typed(), _use_new_zipfile_serialization=False)
    save(folder, "views", views())
    save(folder, "views_legacy", views(), _use_new_zipfile_serialization=False)
    save(folder, "protocol4", {"model": typed()}, pickle_protocol=4)
    for protocol in range(2, 6):
        save(folder, f"record_protocol{protocol}", record(model), pickle_protocol=protocol)
    values = {key: value for key, value in record(model).items() if key in ("values", "arrays", "img_size", "bd_test")}
    for protocol in range(6):
        (folder / f"values_protocol{protocol}.pkl").write_bytes(pickle.dumps(values, protocol=protocol))
    torch.save(model, folder / "module.pt")
    torch.jit.script(model).save(str(folder / "script.pt"))
    safetensors(folder)
    cifar(folder)


def compare(path, other):
    first = torch.load(path, weights_only=True)
    second = torch.load(other)
    if "model_name" in first:
        print(first["model_name"], first["num_classes"])
    first, second = state_of(first), state_of(second)
    assert list(first) == list(second), (list(first), list(second))
    for name, tensor in first.items():
        assert tensor.dtype == second[name].dtype and tensor.shape == second[name].shape, name
        assert torch.equal(tensor, second[name]), name
    print(f"{len(first)} tensors are equal")


if __name__ == "__main__":
    if sys.argv[1] == "--compare":
        compare(*sys.argv[2:])
    else:
        write(Path(sys.argv[1]))
