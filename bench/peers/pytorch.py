"""A LoRA step, or a decoded token, of Falcon-RW with PyTorch, transformers and PEFT; a runner as serve.ts says."""

import argparse
import json
import sys
import time

import torch
import transformers

parser = argparse.ArgumentParser()
parser.add_argument("--work", choices=["step", "decode"], default="step")
parser.add_argument("--layers", type=int, default=24)
parser.add_argument("--tokens", type=int, default=128)
parser.add_argument("--nf4", action="store_true", help="the base in double-quantised NF4 of bitsandbytes")
options = parser.parse_args()
versions = {
    "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
    "transformers": transformers.__version__,
}

torch.manual_seed(0)
config = transformers.FalconConfig(
    vocab_size=50304, hidden_size=2048, num_hidden_layers=options.layers, num_attention_heads=32,
    alibi=True, bias=True, multi_query=False, parallel_attn=False, new_decoder_architecture=False,
)
# Weight by weight, so that the base is never there in f32 when it is to be in NF4.
with torch.device("meta"):
    model = transformers.FalconForCausalLM(config)
model.transformer.rotary_emb = type(model.transformer.rotary_emb)(config=config)
for module in list(model.transformer.modules()):
    if options.nf4 and isinstance(module, torch.nn.Linear):
        continue
    for name, old in list(module.named_parameters(recurse=False)):
        new = torch.empty(old.shape)
        if old.dim() == 2:
            new.uniform_(-0.035, 0.035)
        else:
            new.fill_(1.0 if name == "weight" else 0.0)
        setattr(module, name, torch.nn.Parameter(new))
    if options.nf4:
        import bitsandbytes as bnb

        versions["bitsandbytes"] = bnb.__version__
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear):
                packed = bnb.nn.Linear4bit(
                    child.in_features, child.out_features, device="meta",
                    compute_dtype=torch.float32, compress_statistics=True, quant_type="nf4",
                )
                weight = torch.empty(child.weight.shape).uniform_(-0.035, 0.035)
                packed.weight = bnb.nn.Params4bit(
                    weight, requires_grad=False, compress_statistics=True, quant_type="nf4", module=packed
                ).to("cpu")
                packed.bias = torch.nn.Parameter(torch.zeros(child.out_features))
                setattr(module, name, packed)
model.tie_weights()

if options.work == "step":
    import peft

    versions["peft"] = peft.__version__
    lora = peft.LoraConfig(r=16, lora_alpha=32, target_modules=["query_key_value"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(model, lora)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-5)
    ids = (torch.arange(options.tokens) * 37 % 50304)[None]

    def call():
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        optimizer.step()
else:
    model.eval()
    state = {"ids": torch.arange(16)[None] * 37, "cache": None}

    @torch.no_grad()
    def call():
        out = model(input_ids=state["ids"], past_key_values=state["cache"], use_cache=True)
        state["cache"] = out.past_key_values
        state["ids"] = out.logits[:, -1:].argmax(-1)

    call()


def answer(line):
    print(json.dumps(line), flush=True)


answer({"versions": versions})
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line)):
        call()
    answer({"milliseconds": (time.perf_counter() - start) * 1000 / int(line)})
