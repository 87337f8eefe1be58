"""The Python side of the interop check: real PEFT reads what peft-medaware wrote, and writes what it must read.

    python peft_side.py make  JOBS.json
    python peft_side.py check JOBS.json
    python peft_side.py auto  ADAPTER_DIR INPUTS.safetensors OUT.safetensors
    python peft_side.py model MODEL_DIR INPUTS.safetensors OUT.safetensors
    python peft_side.py quantized MODEL_DIR INPUTS.safetensors OUT.safetensors
    python peft_side.py read  FILE.safetensors
    python peft_side.py serve [--own-decoder]

Protocol. A subcommand prints one line of JSON on stdout and exits 0, or prints a traceback on stderr and exits 1. `serve`
reads such subcommands from stdin, each a line with a list of words in JSON, and answers each with its line, until one fails
or stdin ends: loading the libraries takes longer than most of them; --own-decoder is for `quantized`. Every warning is an error, so an adapter that PEFT only half understands does not pass.

JOBS      a list of {"name", "base", "inputs", "adapter", "out"}: paths of a BASE_DIR, INPUTS, an adapter's folder and a file for
          what comes out; "source" is null, or the folder of the weights of a base in 4 bits before. For `make` also "config", as
          adapter_config.json has it, "steps", and "convert" where a start that changed the base, such as PiSSA's, is to be saved as
          plain LoRA. EVA and CorDA start from the inputs; over a base in 4 bits LoRA begins as what LoftQ replaces it with.

INPUTS    `input_ids` i32 or i64 [b,t]; optional `labels` [b,t] (-100 masked, not yet shifted) and `attention_mask` [b,t].
          Without labels, `make` trains on input_ids; `check` then gives no gradients, and `model` no loss.
BASE_DIR  a folder of config.json and model.safetensors (or shards with their index), loaded in f32 with sdpa attention.
make      for each job: a fresh adapter of its config, its steps of AdamW (lr 1e-2, no decay), saved to its folder. OUT
          holds `logits` [b,t,vocab], without those of virtual tokens, and where PEFT merges `merged_logits`. stdout: {name: {"error", "unmerged"}}, with what PEFT said where it could not.
check     for each job: loads the adapter as trainable, compares the keys of the file with the keys PEFT would save, and refuses
          any difference. OUT holds `logits`, where PEFT merges `merged_logits`, and `grad.<key>`, keyed as in the adapter's
          file; no merged logits and gradients for learnt prompts. stdout: as of `make`.
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
import contextlib
import copy
import ctypes
import dataclasses
import functools
import importlib.machinery
import inspect
import json
import logging as stdlib_logging
import pathlib
import sys
import types
import warnings
from unittest import mock

import torch

# bitsandbytes' native decoder for CPUs misreads rows shorter than a block, as adapters' tiny bases have; without its
# library torch decodes. peft imports it too, so this comes first.
OWN_DECODER = sys.argv[1:2] == ["quantized"] or "--own-decoder" in sys.argv
with contextlib.nullcontext() if OWN_DECODER else mock.patch.object(ctypes.cdll, "LoadLibrary", side_effect=OSError("left out")):
    import bitsandbytes

import peft.tuners.lora.layer
import peft.utils.loftq_utils
from peft import (
    PEFT_TYPE_TO_CONFIG_MAPPING, AutoPeftModelForCausalLM, PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict,
    initialize_lora_eva_weights,
)
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.models.falcon import modeling_falcon
from transformers.utils import logging

# What peft asks for beside and does not need for what is done here: attrs for a decorator that is the standard
# library's as well, and a scipy of which it wants to know that it is there.
sys.modules.setdefault("attr", dataclasses)
sys.modules.setdefault("scipy", types.ModuleType("scipy")).__spec__ = importlib.machinery.ModuleSpec("scipy", None)
from peft.tuners.lora.corda import preprocess_corda  # noqa: E402

# LoftQ names its device; bitsandbytes computes the same on a CPU.
for function in ("loftq_init", "_loftq_init_new"):
    exec(inspect.getsource(getattr(peft.utils.loftq_utils, function)).replace('"cuda"', '"cpu"'), vars(peft.utils.loftq_utils))
peft.tuners.lora.layer.loftq_init = peft.utils.loftq_utils.loftq_init

# On a processor with AVX512-BF16 bitsandbytes multiplies 4-bit weights in bf16; what is compared here are sums in f32.
bitsandbytes.nn.modules.has_avx512bf16 = lambda: False

warnings.simplefilter("error")
# What the Python libraries deprecate in one another says nothing about our files.
for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
    warnings.simplefilter("ignore", category)
# What PEFT says of its own adapters of these kinds as well.
for said in (
    "Unsupported layer type",
    "Adapter 'default': .* LoRA tensor",  # the bias of lora_bias has one axis
    "`lora_bias=True` was passed",
    "Specified to not (save|load) vera_A",
    "Model (has|with) `tie_word_embeddings=True`",
    "Setting `save_embedding_layers`",
    "(PiSSA|OLoRA|CorDA) changes the base weights",
    "lora with eva initialization used with low_cpu_mem_usage=False",
    "`corda_config` specified but will be ignored",  # of what a conversion begins from
    "The following rank_pattern keys did not match .*lora_E",  # of AdaLoRA
):
    warnings.filterwarnings("ignore", message=said)
torch.set_num_threads(1)
# What bitsandbytes would compile for each shape takes longer than it saves.
torch.compiler.set_stance("force_eager")
logging.disable_progress_bar()
stdlib_logging.getLogger("bitsandbytes").setLevel(stdlib_logging.ERROR)

SEED = 20240607


def load_base(folder):
    more = {}
    if "quantization_config" in json.loads((pathlib.Path(folder) / "config.json").read_text()):
        # transformers 5 puts bitsandbytes' layers in place of what is nn.Linear and no subclass, so Falcon's own are
        # passed over.
        modeling_falcon.FalconLinear = torch.nn.Linear
        more["device_map"] = "cpu"
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa", output_loading_info=True, **more
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


@functools.cache
def cached_base(folder):
    return load_base(folder)


def each(jobs_file, do):
    """Does the jobs. One that fails says why, and leaves the others alone."""
    answers = {}
    for job in json.loads(pathlib.Path(jobs_file).read_text()):
        answer = answers[job["name"]] = {}
        out = {}
        try:
            model = do(job, copy.deepcopy(cached_base(job["base"])), load_inputs(job["inputs"]), out)
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
            continue
        try:
            if not model.active_peft_config.is_prompt_learning:
                out["merged_logits"] = logits_of(model.merge_and_unload(), load_inputs(job["inputs"]))
        except Exception as error:
            answer["unmerged"] = f"{type(error).__name__}: {error}"
        save(out, job["out"])
    return answers


def text_logits(model, inputs):
    """Without those of virtual tokens."""
    return logits_of(model, inputs)[:, -inputs["input_ids"].shape[1] :]


def make(job, base, inputs, out):
    inputs.setdefault("labels", inputs["input_ids"].clone())
    config = PEFT_TYPE_TO_CONFIG_MAPPING[job["config"].pop("peft_type")](task_type="CAUSAL_LM", **job["config"])
    torch.manual_seed(SEED)
    start = getattr(config, "init_lora_weights", None)
    if start == "corda":
        # One text at a time: that is what PEFT's hook takes.
        preprocess_corda(base, config, run_model=lambda: [base(input_ids=ids[None]) for ids in inputs["input_ids"]])
    model = get_peft_model(base, config)
    if start == "eva":
        initialize_lora_eva_weights(model, [inputs], show_progress_bar=False)
    if job["source"]:
        peft.utils.loftq_utils.replace_lora_weights_loftq(model, job["source"])
    model.train()
    converted = {}
    if job.get("convert"):
        config.init_lora_weights = True
        converted["path_initial_model_for_weight_conversion"] = job["adapter"] + "-start"
        model.save_pretrained(job["adapter"] + "-start")
        config.init_lora_weights = start
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
    for step in range(job["steps"]):
        model(**inputs).loss.backward()
        optimizer.step()
        if config.peft_type == "ADALORA":
            model.base_model.update_and_allocate(step)
        optimizer.zero_grad()
    model.eval().save_pretrained(job["adapter"], **converted)
    out["logits"] = text_logits(model, inputs)
    return model


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
    by_place = {}
    for key, tensor in saved.items():
        # What a tied head has is the embeddings', which come first.
        by_place.setdefault(tensor.data_ptr(), key)
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


def check(job, base, inputs, out):
    folder = pathlib.Path(job["adapter"])
    # PEFT loads prompts for inference only.
    trainable = not PeftConfig.from_pretrained(str(folder)).is_prompt_learning
    model = PeftModel.from_pretrained(base, str(folder), is_trainable=trainable).eval()
    check_keys(model, folder)
    out["logits"] = text_logits(model, inputs)
    if "labels" in inputs and trainable:
        # In evaluation OFT's rotation is kept, and has no gradient.
        if model.active_peft_config.peft_type == "OFT":
            model.train()
        model(**inputs).loss.backward()
        out |= {f"grad.{key}": gradient for key, gradient in gradients(model).items()}
    return model.eval()


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
    model = load_base(model_dir)
    kinds = (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt)
    layers = {name: module for name, module in model.named_modules() if isinstance(module, kinds)}
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


def parser():
    result = argparse.ArgumentParser(description="The Python side of the interop check.")
    commands = result.add_subparsers(dest="command", required=True)
    for command in ("make", "check"):
        commands.add_parser(command).add_argument("jobs")
    for command, folder in (("auto", "adapter_dir"), ("model", "model_dir"), ("quantized", "model_dir")):
        adding = commands.add_parser(command)
        for word in (folder, "inputs", "out"):
            adding.add_argument(word)
    commands.add_parser("read").add_argument("file")
    commands.add_parser("serve").add_argument("--own-decoder", action="store_true")
    return result


def answer(words):
    if words.command == "make":
        return each(words.jobs, make)
    if words.command == "check":
        return each(words.jobs, check)
    if words.command == "auto":
        return auto(words.adapter_dir, words.inputs, words.out)
    if words.command == "model":
        return whole_model(words.model_dir, words.inputs, words.out)
    if words.command == "quantized":
        return quantized(words.model_dir, words.inputs, words.out)
    return read(words.file)


def main():
    words = parser().parse_args()
    asked = (parser().parse_args(json.loads(line)) for line in sys.stdin) if words.command == "serve" else [words]
    for each_asked in asked:
        print(json.dumps(answer(each_asked)), flush=True)


if __name__ == "__main__":
    main()
