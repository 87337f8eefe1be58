"""Forward and backward of a Falcon-RW-1B layer's four linears, bare and with PEFT on each; see serve.ts."""

import json
import sys
import time

import torch

storage, clock = sys.argv[1:3]
now = time.process_time if clock == "processor" else time.perf_counter
sizes = [(2048, 6144), (2048, 2048), (2048, 8192), (8192, 2048)]
tokens, rank, alpha = 128, 16, 32
versions = {"torch": f"{torch.__version__}, {torch.get_num_threads()} threads"}

if storage == "nf4":
    import bitsandbytes as bnb

    versions["bitsandbytes"] = bnb.__version__


def linear(inner, outer):
    plain = torch.nn.Linear(inner, outer)
    torch.nn.init.normal_(plain.weight, std=0.02)
    if storage == "f32":
        return plain
    packed = bnb.nn.Linear4bit(
        inner, outer, compute_dtype=torch.float32, compress_statistics=True, quant_type="nf4", device="meta"
    )
    packed.weight = bnb.nn.Params4bit(
        plain.weight.data, requires_grad=False, compress_statistics=True, quant_type="nf4", module=packed
    ).to("cpu")
    packed.bias = torch.nn.Parameter(plain.bias.data)
    return packed


def work_of(method):
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({f"linear_{place}": linear(*size) for place, size in enumerate(sizes)})
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if method != "bare":
        import peft

        versions["peft"] = peft.__version__
        config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(model), use_dora=method == "dora")
        model = peft.inject_adapter_in_model(config, model)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
    work = [
        (layer, torch.randn(1, tokens, inner, requires_grad=True), torch.randn(1, tokens, outer))
        for layer, (inner, outer) in zip(model.values(), sizes)
    ]

    def call():
        for parameter in model.parameters():
            parameter.grad = None
        for layer, x, d_y in work:
            x.grad = None
            layer(x).backward(d_y)

    call()
    return call


calls_of = {method: work_of(method) for method in ("bare", "lora", "dora")}
print(json.dumps({"versions": versions}), flush=True)
for line in sys.stdin:
    count, method = line.split()
    start = now()
    for _ in range(int(count)):
        calls_of[method]()
    print(json.dumps({"milliseconds": (now() - start) * 1000 / int(count)}), flush=True)
