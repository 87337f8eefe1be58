"""The Python side of the interop check: real PEFT reads what peft-medaware wrote, and writes what it must read.

    python peft_side.py make  BASE_DIR OUT_ADAPTERS INPUTS.safetensors OUT.safetensors [--steps 3]
    python peft_side.py check ADAPTERS BASE_DIR INPUTS.safetensors OUT.safetensors
    python peft_side.py auto  ADAPTER_DIR INPUTS.safetensors OUT.safetensors
    python peft_side.py model MODEL_DIR INPUTS.safetensors OUT.safetensors
    python peft_side.py quantized MODEL_DIR INPUTS.safetensors OUT.safetensors
    python peft_side.py read  FILE.safetensors

Protocol. One process per subcommand; it prints one line of JSON on stdout and exits 0, or prints a traceback on stderr and
exits 1. Every warning is an error, so an adapter that PEFT only half understands does not pass.

INPUTS    `input_ids` i32 or i64 [b,t]; optional `labels` [b,t] (-100 masked, not yet shifted) and `attention_mask` [b,t].
          Without labels, `make` trains on input_ids; `check` and `model` then give no loss.
BASE_DIR  a folder of config.json and model.safetensors (or shards with their index), loaded in f32 with sdpa attention.
ADAPTERS  a folder with adapter_config.json and adapter_model.safetensors, or a folder of such folders.
make      for each kind of `kinds`: fresh adapter, `--steps` steps of AdamW (lr 1e-2, no decay), saved to OUT_ADAPTERS/<kind>/.
          OUT holds `<kind>.logits` [b,t,vocab], `<kind>.merged_logits`, `<kind>.loss` [1] after training, and
          `<kind>.losses` f64 [steps], before each step. stdout: {"made": [kinds]}.
check     for each adapter: loads it as trainable, compares the keys of the file with the keys PEFT would save, and refuses any
          difference. OUT holds `<name>.logits`, `<name>.merged_logits`, with labels also `<name>.loss` [1] and
          `<name>.grad.<key>`, keyed as in the adapter's file; no merged logits and gradients for learnt prompts. <name> is
          the folder's name; a lone adapter's entries have no prefix. stdout: {"checked": {name: {"type", "tensors", "parameters"}}}.
auto      opens an adapter by its folder alone: AutoPeftModelForCausalLM finds its base by the name in its config. OUT holds `logits`.
          stdout: {"base", "revision"}.
model     loads a whole model (merged or plain) that peft-medaware saved. OUT holds `logits`, and `loss` with labels.
          stdout: {"architecture", "parameters", "tensors"}.
quantized  loads a model that peft-medaware quantised, as transformers loads what bitsandbytes quantised. OUT holds `logits`
          and, by its key, each quantised weight decoded to f32. stdout: {"layers": {path: class}, "different": [keys whose
          tensors would not be saved again as they are in the file]}.
read      stdout: {"metadata": {...}, "tensors": {name: {"dtype", "shape", "sum", "absSum", "first"}}}; dtypes as safetensors
          spells them, sums in f64, `first` the first four values.

Needs what requirements.txt beside it names; a CPU is enough. `npm run interop` takes the Python that MEDAWARE_PYTHON names, or
python3.
"""

import argparse
import json
import logging as stdlib_logging
import pathlib
import sys
import warnings

import bitsandbytes
import torch
from peft import AutoPeftModelForCausalLM, IA3Config, LoraConfig, PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.models.falcon import modeling_falcon
from transformers.utils import logging

# On a processor with AVX512-BF16 bitsandbytes multiplies 4-bit weights in bf16; what is compared here are sums in f32.
bitsandbytes.nn.modules.has_avx512bf16 = lambda: False

warnings.simplefilter("error")
# What the Python libraries deprecate in one another says nothing about our files.
for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
    warnings.simplefilter("ignore", category)
# PEFT says this of every LayerNorm that it tunes, its own adapters included.
warnings.filterwarnings("ignore", message="Unsupported layer type")
torch.set_num_threads(2)
logging.disable_progress_bar()
stdlib_logging.getLogger("bitsandbytes").setLevel(stdlib_logging.ERROR)

SEED = 20240607


def kinds(model_type):
    attention = ["q_proj", "v_proj"] if model_type == "llama" else ["query_key_value"]
    common = {"r": 4, "lora_alpha": 8, "target_modules": attention, "task_type": "CAUSAL_LM"}
    return {
        "lora": LoraConfig(**common),
        "lora-all-linear": LoraConfig(**common | {"target_modules": "all-linear"}),
        "lora-bias": LoraConfig(**common, bias="lora_only"),
        "lora-exclude": LoraConfig(**common | {"target_modules": "all-linear"}, exclude_modules=r"(?i).*\.1\.(?P<part>\w+)\..*"),
        "lora-empty": LoraConfig(**common, exclude_modules=[], layers_to_transform=[], layers_pattern=[], modules_to_save=[]),
        "orthogonal": LoraConfig(**common, init_lora_weights="orthogonal"),
        "mica": LoraConfig(**common, init_lora_weights="mica"),
        "pissa": LoraConfig(**common, init_lora_weights="pissa"),
        "lora-patterns": LoraConfig(
            **common, layers_to_transform=[1], rank_pattern={attention[0]: 6}, alpha_pattern={attention[0]: 3}
        ),
        "rslora": LoraConfig(**common, use_rslora=True),
        "dora": LoraConfig(**common, use_dora=True),
        "ia3": IA3Config(task_type="CAUSAL_LM"),
    }


def load_base(folder):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa", output_loading_info=True
    )
    # A tied head is allowed to be absent from the file; anything else that does not match is not.
    wrong = {key: sorted(map(str, info[key])) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[key]}
    if wrong:
        raise ValueError(f"{folder}: the checkpoint does not fit the model: {wrong}")
    return model.eval()


def load_inputs(file):
    inputs = {name: tensor.long() for name, tensor in load_file(file).items()}
    known = {name: inputs[name] for name in ("input_ids", "labels", "attention_mask") if name in inputs}
    return known


def save(tensors, file):
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, file, {"format": "pt"})


def logits_of(model, inputs):
    with torch.no_grad():
        return model(**inputs).logits


def adapters_in(folder):
    folder = pathlib.Path(folder)
    if (folder / "adapter_config.json").exists():
        return {"": folder}
    found = {path.parent.name: path.parent for path in sorted(folder.glob("*/adapter_config.json"))}
    if not found:
        raise FileNotFoundError(f"{folder}: no adapter_config.json in it, nor in a folder of it")
    return found


def make(base_dir, out_adapters, inputs_file, out_file, steps):
    inputs = load_inputs(inputs_file)
    inputs.setdefault("labels", inputs["input_ids"].clone())
    out, made = {}, []
    for kind, config in kinds(load_base(base_dir).config.model_type).items():
        torch.manual_seed(SEED)
        model = get_peft_model(load_base(base_dir), config).train()
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-2, weight_decay=0.0)
        losses = []
        for _ in range(steps):
            loss = model(**inputs).loss
            loss.backward()
            losses.append(loss.item())
            optimizer.step()
            optimizer.zero_grad()
        model.eval().save_pretrained(str(pathlib.Path(out_adapters) / kind))
        with torch.no_grad():
            result = model(**inputs)
        out[f"{kind}.logits"], out[f"{kind}.loss"] = result.logits, result.loss.reshape(1)
        out[f"{kind}.losses"] = torch.tensor(losses, dtype=torch.float64)
        out[f"{kind}.merged_logits"] = logits_of(model.merge_and_unload(), inputs)
        made.append(kind)
    save(out, out_file)
    return {"made": made}


def check_keys(model, folder):
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        ours = set(file.keys())
    theirs = set(get_peft_model_state_dict(model))
    if ours != theirs:
        raise ValueError(f"{folder}: keys differ, missing {sorted(theirs - ours)}, unknown {sorted(ours - theirs)}")
    return ours


def gradients(model):
    """Gradients under the keys of the adapter's file: PEFT's own renaming, asked by identity of the tensors."""
    saved = get_peft_model_state_dict(model)
    by_place = {tensor.data_ptr(): key for key, tensor in saved.items()}
    found = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            raise ValueError(f"{name}: trainable, but the loss does not reach it")
        key = by_place.get(parameter.data_ptr())
        if key is None:
            raise ValueError(f"{name}: trainable, but the adapter does not save it")
        found[key] = parameter.grad
    return found


def check(adapters, base_dir, inputs_file, out_file):
    inputs = load_inputs(inputs_file)
    out, checked = {}, {}
    for name, folder in adapters_in(adapters).items():
        # PEFT loads prompts for inference only.
        trainable = not PeftConfig.from_pretrained(str(folder)).is_prompt_learning
        model = PeftModel.from_pretrained(load_base(base_dir), str(folder), is_trainable=trainable).eval()
        keys = check_keys(model, folder)
        prefix = f"{name}." if name else ""
        result = model(**inputs)
        out[f"{prefix}logits"] = result.logits
        if result.loss is not None:
            out[f"{prefix}loss"] = result.loss.reshape(1)
        if result.loss is not None and trainable:
            result.loss.backward()
            out |= {f"{prefix}grad.{key}": gradient for key, gradient in gradients(model).items()}
        config = model.peft_config["default"]
        checked[name or folder.name] = {
            "type": config.peft_type.value,
            "tensors": len(keys),
            "parameters": sum(tensor.numel() for tensor in get_peft_model_state_dict(model).values()),
        }
        if trainable:
            out[f"{prefix}merged_logits"] = logits_of(model.merge_and_unload(), inputs)
    save(out, out_file)
    return {"checked": checked}


def auto(adapter_dir, inputs_file, out_file):
    model = AutoPeftModelForCausalLM.from_pretrained(adapter_dir, dtype=torch.float32).eval()
    save({"logits": logits_of(model, load_inputs(inputs_file))}, out_file)
    config = model.peft_config["default"]
    return {"base": config.base_model_name_or_path, "revision": config.revision}


def whole_model(model_dir, inputs_file, out_file):
    inputs = load_inputs(inputs_file)
    model = load_base(model_dir)
    with torch.no_grad():
        result = model(**inputs)
    out = {"logits": result.logits}
    if result.loss is not None:
        out["loss"] = result.loss.reshape(1)
    save(out, out_file)
    parameters = list(model.parameters())
    return {
        "architecture": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in parameters),
        "tensors": len(parameters),
    }


def decoded(layer):
    weight = layer.weight
    if isinstance(layer, bitsandbytes.nn.Linear4bit):
        return bitsandbytes.functional.dequantize_4bit(weight.data, weight.quant_state).float()
    return weight.data.float() * weight.SCB[:, None] / 127


def quantized(model_dir, inputs_file, out_file):
    # transformers 5 puts bitsandbytes' layers in place of what is nn.Linear and no subclass, so Falcon's own are passed over.
    modeling_falcon.FalconLinear = torch.nn.Linear
    model, info = AutoModelForCausalLM.from_pretrained(
        model_dir, dtype=torch.float32, attn_implementation="sdpa", device_map="cpu", output_loading_info=True
    )
    wrong = {key: sorted(map(str, value)) for key, value in info.items() if value}
    if wrong:
        raise ValueError(f"{model_dir}: the checkpoint does not fit the model: {wrong}")
    kinds = (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt)
    layers = {name: module for name, module in model.eval().named_modules() if isinstance(module, kinds)}
    # Before the first product, which may pack the weights anew.
    again, saved = model.state_dict(), {}
    for file in pathlib.Path(model_dir).glob("*.safetensors"):
        saved |= load_file(file)
    same = lambda a, b: a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    different = [key for key in again if key not in saved or not same(again[key], saved[key])]
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    out = {f"{name}.weight": decoded(layer) for name, layer in layers.items()}
    save(out | {"logits": logits_of(model, load_inputs(inputs_file))}, out_file)
    return {
        "layers": {name: type(layer).__name__ for name, layer in layers.items()},
        "different": sorted(({*different} - tied) | (saved.keys() - again.keys())),
    }


def read(file_name):
    tensors = {}
    with safe_open(file_name, "pt") as file:
        metadata = file.metadata() or {}
        for name in file.keys():
            part = file.get_slice(name)
            values = file.get_tensor(name).double().flatten()
            tensors[name] = {
                "dtype": part.get_dtype(),
                "shape": list(part.get_shape()),
                "sum": values.sum().item(),
                "absSum": values.abs().sum().item(),
                "first": values[:4].tolist(),
            }
    return {"metadata": metadata, "tensors": tensors}


def main():
    parser = argparse.ArgumentParser(description="The Python side of the interop check.")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    for word in ("base_dir", "out_adapters", "inputs", "out"):
        making.add_argument(word)
    making.add_argument("--steps", type=int, default=3)
    checking = commands.add_parser("check")
    for word in ("adapters", "base_dir", "inputs", "out"):
        checking.add_argument(word)
    opening = commands.add_parser("auto")
    for word in ("adapter_dir", "inputs", "out"):
        opening.add_argument(word)
    loading = commands.add_parser("model")
    for word in ("model_dir", "inputs", "out"):
        loading.add_argument(word)
    quantizing = commands.add_parser("quantized")
    for word in ("model_dir", "inputs", "out"):
        quantizing.add_argument(word)
    commands.add_parser("read").add_argument("file")
    words = parser.parse_args()
    if words.command == "make":
        answer = make(words.base_dir, words.out_adapters, words.inputs, words.out, words.steps)
    elif words.command == "check":
        answer = check(words.adapters, words.base_dir, words.inputs, words.out)
    elif words.command == "auto":
        answer = auto(words.adapter_dir, words.inputs, words.out)
    elif words.command == "model":
        answer = whole_model(words.model_dir, words.inputs, words.out)
    elif words.command == "quantized":
        answer = quantized(words.model_dir, words.inputs, words.out)
    else:
        answer = read(words.file)
    json.dump(answer, sys.stdout)
    print()


if __name__ == "__main__":
    main()
