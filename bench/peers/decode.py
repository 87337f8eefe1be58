"""Tokens one after another with PyTorch and transformers in f32, from a model's folder and a file of tokens.

The first 16 of them are the prompt; a runner as serve.ts says.
"""

import json
import pathlib
import sys
import time

import torch
import transformers

folder, ids = sys.argv[1:3]
transformers.logging.disable_progress_bar()
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
model.eval()
state = {"ids": torch.tensor([json.loads(pathlib.Path(ids).read_text())[:16]]), "cache": None}


@torch.no_grad()
def call():
    out = model(input_ids=state["ids"], past_key_values=state["cache"], use_cache=True, logits_to_keep=1)
    state["cache"] = out.past_key_values
    state["ids"] = out.logits[:, -1:].argmax(-1)


call()
versions = {
    "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
    "transformers": transformers.__version__,
}
print(json.dumps({"versions": versions}), flush=True)
for line in sys.stdin:
    calls = int(line)
    start = time.perf_counter()
    for _ in range(calls):
        call()
    print(json.dumps({"milliseconds": (time.perf_counter() - start) * 1000 / calls}), flush=True)
