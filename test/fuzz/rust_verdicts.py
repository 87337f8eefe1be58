"""What the Rust library makes of files: reads them one after another from stdin, each behind its length (u32, little-endian), and
prints a line of JSON for each: null where it refuses, else a list of [name, dtype, shape, hexadecimal bytes], sorted."""

import json
import struct
import sys

from safetensors import SafetensorError, deserialize

stream = sys.stdin.buffer
while prefix := stream.read(4):
    data = stream.read(struct.unpack("<I", prefix)[0])
    try:
        tensors = deserialize(data)
    except SafetensorError:
        print("null")
        continue
    rows = [[name, info["dtype"], info["shape"], bytes(info["data"]).hex()] for name, info in tensors]
    print(json.dumps(sorted(rows)))
