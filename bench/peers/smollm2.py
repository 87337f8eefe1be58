"""QLoRA steps of SmolLM2 with PyTorch, PEFT and bitsandbytes, from the folder that smollm2.ts beside this one's writes.

The base holds the very codes and scales of the other side: bitsandbytes' own quantiser on CPUs takes a neighbour for
a few codes of nested scales, which moves losses by up to 1.4e-3. While a model trains, bitsandbytes decodes to f32 and
multiplies in f32; its products in bf16, on processors with AVX512-BF16, are for inference, and a layer that took them
would be told.
"""

import json
import pathlib
import sys
import time

import bitsandbytes as bnb
import peft
import torch
import transformers

folder = pathlib.Path(sys.argv[1])
transformers.logging.disable_progress_bar()
model = transformers.AutoModelForCausalLM.from_pretrained(
    folder / "base", dtype=torch.float32, attn_implementation="sdpa", device_map="cpu"
)
# from_pretrained leaves a model in evaluation, where the first layer would multiply in bf16.
model = peft.PeftModel.from_pretrained(model, folder / "adapter", is_trainable=True).train()
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=2e-4, weight_decay=0.0)
ids = torch.tensor([json.loads((folder / "ids.json").read_text())])


def step():
    optimizer.zero_grad()
    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    return loss.item()


losses = [step() for _ in range(4)]
layers = [module for module in model.modules() if isinstance(module, bnb.nn.Linear4bit)]
packed = [layer for layer in layers if getattr(layer.weight.quant_state, "packing_format_for_cpu", False)]
if len(layers) != 7 * model.config.num_hidden_layers or packed:
    raise RuntimeError(f"RuntimeError: {len(layers)} layers in NF4, {len(packed)} of which multiply in bf16")
versions = {
    "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
    "transformers": transformers.__version__,
    "peft": peft.__version__,
    "bitsandbytes": bnb.__version__,
}
print(json.dumps({"versions": versions, "losses": losses}), flush=True)
for line in sys.stdin:
    calls = int(line)
    start = time.perf_counter()
    for _ in range(calls):
        step()
    print(json.dumps({"milliseconds": (time.perf_counter() - start) * 1000 / calls}), flush=True)
