"""A LoRA step, or a decoded token, of Falcon-RW with PyTorch, transformers and PEFT: prints milliseconds as JSON."""

import argparse
import json
import time

import peft
import torch
import transformers

parser = argparse.ArgumentParser()
parser.add_argument("--work", choices=["step", "decode"], default="step")
parser.add_argument("--layers", type=int, default=2)
parser.add_argument("--tokens", type=int, default=128)
parser.add_argument("--calls", type=int, default=3)
parser.add_argument("--nf4", action="store_true", help="the base in double-quantised NF4 of bitsandbytes")
options = parser.parse_args()

torch.manual_seed(0)
config = transformers.FalconConfig(
    vocab_size=50304, hidden_size=2048, num_hidden_layers=options.layers, num_attention_heads=32,
    alibi=True, bias=True, multi_query=False, parallel_attn=False, new_decoder_architecture=False,
)
model = transformers.FalconForCausalLM(config)
if options.nf4:
    import bitsandbytes as bnb

    for module in list(model.transformer.h.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear):
                packed = bnb.nn.Linear4bit(
                    child.in_features, child.out_features, bias=child.bias is not None,
                    compute_dtype=torch.float32, compress_statistics=True, quant_type="nf4",
                )
                packed.weight = bnb.nn.Params4bit(
                    child.weight.data, requires_grad=False, compress_statistics=True, quant_type="nf4"
                )
                packed.bias = child.bias
                setattr(module, name, packed.to("cpu"))

if options.work == "step":
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

call()
start = time.perf_counter()
for _ in range(options.calls):
    call()
milliseconds = (time.perf_counter() - start) * 1000 / options.calls
print(json.dumps({"version": f"torch {torch.__version__}, threads {torch.get_num_threads()}", "milliseconds": milliseconds}))
