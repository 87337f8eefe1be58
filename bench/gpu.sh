#!/bin/sh
# Everything this project can show on a machine with a GPU, in one JSON: `bash bench/gpu.sh --help`.
# Needs Node, npm and the GPU's driver (Vulkan, Metal or D3D).
exec node "$(dirname "$0")/gpu.mjs" "$@"
