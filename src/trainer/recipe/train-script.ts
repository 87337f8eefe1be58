/** `train.py` of an exported run: it reads all else from the files beside it. */
export const trainScript = `"""Goes on with a run that peft-medaware began, on as many processes and machines as accelerate is told of.

    pip install -r requirements.txt
    accelerate launch --config_file accelerate.yaml train.py

What there is to change stands in recipe.json and accelerate.yaml. The number of processes may be any: each step learns
from the same examples, and its loss is the mean over all their label tokens, whoever computes which part of it.
"""

import gc
import json
import math
import os
import pathlib

import bitsandbytes
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments
from transformers.models.falcon import modeling_falcon

HERE = pathlib.Path(__file__).resolve().parent
RECIPE = json.loads((HERE / "recipe.json").read_text())
ON_GPU = torch.cuda.is_available()


def load_model():
    """The base as it was stored, and the adapter as far as it was trained."""
    dtype = getattr(torch, RECIPE["dtype"])
    quantization = RECIPE["quantization"]
    loading = {"dtype": dtype, "attn_implementation": "sdpa", "revision": RECIPE["revision"]}
    if quantization is not None:
        # transformers 5 quantises what is nn.Linear and no subclass, so that Falcon's own would stay as they are.
        modeling_falcon.FalconLinear = torch.nn.Linear
        # On some processors bitsandbytes multiplies 4-bit weights in bf16; the run has summed in f32.
        bitsandbytes.nn.modules.has_avx512bf16 = lambda: False
        loading["quantization_config"] = BitsAndBytesConfig(**quantization["config"])
        place = int(os.environ.get("LOCAL_RANK", 0)) if ON_GPU else "cpu"
        loading["device_map"] = {"": place}
    model = AutoModelForCausalLM.from_pretrained(RECIPE["model"], **loading)
    model.config.use_cache = False
    if quantization is not None:
        layers = sum(isinstance(module, bitsandbytes.nn.Linear4bit) for module in model.modules())
        if layers != quantization["layers"]:
            raise ValueError(f"{layers} layers were quantised, and the run had {quantization['layers']}")
    model = PeftModel.from_pretrained(model, HERE / "adapter", is_trainable=True)
    if RECIPE["disable_dropout"]:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    return model


def order_of_rows(order, processes, each):
    """The rows of all steps one after another, and the forward passes of a step. -1 is a row that is empty."""
    passes = math.ceil(order.shape[1] / (processes * each))
    missing = processes * each * passes - order.shape[1]
    return torch.nn.functional.pad(order, (0, missing), value=-1).flatten().tolist(), passes


class Collator:
    """Rows side by side, padded on the right. An empty row has no label, so that it adds nothing."""

    def __init__(self, data):
        ends = data["offsets"].tolist()
        cut = lambda name: [data[name][a:b].long() for a, b in zip(ends[:-1], ends[1:])]
        self.ids, self.labels = cut("input_ids"), cut("labels")

    def __call__(self, rows):
        empty = torch.zeros(1, dtype=torch.long)
        ids = [self.ids[row] if row >= 0 else empty for row in rows]
        labels = [self.labels[row] if row >= 0 else empty - 100 for row in rows]
        return {
            "input_ids": pad_sequence(ids, batch_first=True),
            "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
            "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
        }


def token_loss(outputs, labels, num_items_in_batch):
    """This batch's share of the mean over all label tokens of the step, on all processes together."""
    logits = outputs.logits[:, :-1].float().flatten(0, 1)
    return cross_entropy(logits, labels[:, 1:].flatten(), ignore_index=-100, reduction="sum") / num_items_in_batch


class ExportedRun(Trainer):
    """transformers' Trainer, with the order, the rates and the moments of the run that it goes on with."""

    def __init__(self, *, rates, moments, **more):
        super().__init__(**more)
        self.rates, self.moments = rates, moments

    def _get_train_sampler(self, train_dataset=None):
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def create_optimizer(self, model=None):
        settings, peak = RECIPE["optimizer"], RECIPE["learning_rate"]
        groups, named = {}, {}
        for name, parameter in self.model.named_parameters():
            if not parameter.requires_grad:
                continue
            named[name.replace(".default", "")] = parameter
            # Biases and norms do not decay.
            decay = settings["weight_decay"] if parameter.ndim > 1 else 0.0
            factor = 1.0
            if RECIPE["loraplus_lr_ratio"] is not None:
                if "lora_embedding_" in name:
                    factor = RECIPE["loraplus_lr_embedding"] / peak
                elif "lora_B" in name or parameter.ndim < 2:
                    factor = RECIPE["loraplus_lr_ratio"]
            group = {"params": [], "weight_decay": decay, "lr": peak * factor}
            groups.setdefault((decay, factor), group)["params"].append(parameter)
        self.optimizer = torch.optim.AdamW(
            list(groups.values()), betas=tuple(settings["betas"]), eps=settings["eps"], fused=ON_GPU
        )
        saved = {key.split(".", 1)[1] for key in self.moments}
        if saved != named.keys():
            raise ValueError(f"the moments are of other parameters: {sorted(saved ^ named.keys())}")
        for name, parameter in named.items():
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(RECIPE["step"])),
                "exp_avg": self.moments[f"exp_avg.{name}"].to(parameter.device),
                "exp_avg_sq": self.moments[f"exp_avg_sq.{name}"].to(parameter.device),
            }
        return self.optimizer

    def create_scheduler(self, num_training_steps, optimizer=None):
        # The rates of the run's own schedule. For another course, give one of transformers' get_scheduler here.
        factors = (self.rates / RECIPE["learning_rate"]).tolist()
        course = lambda step: factors[min(step, len(factors) - 1)]
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, course)
        return self.lr_scheduler


def main():
    data = load_file(HERE / "examples.safetensors")
    each = RECIPE["per_device_train_batch_size"]
    processes = int(os.environ.get("WORLD_SIZE", 1))
    rows, passes = order_of_rows(data["order"], processes, each)
    arguments = TrainingArguments(
        output_dir=str(HERE / "output"),
        max_steps=len(data["order"]),
        per_device_train_batch_size=each,
        gradient_accumulation_steps=passes,
        # Without it each process would take a mean of its own, and long rows count for less.
        average_tokens_across_devices=True,
        max_grad_norm=RECIPE["max_grad_norm"],
        bf16=RECIPE["mixed_precision"] == "bf16",
        gradient_checkpointing=RECIPE["gradient_checkpointing"],
        gradient_checkpointing_kwargs={"use_reentrant": False},
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        seed=RECIPE["seed"],
        logging_steps=1,
        save_steps=500,
        report_to="none",
        use_cpu=not ON_GPU,
    )
    trainer = ExportedRun(
        model=load_model(),
        args=arguments,
        train_dataset=rows,
        data_collator=Collator(data),
        compute_loss_func=token_loss,
        rates=data["learning_rates"],
        moments=load_file(HERE / "optimizer.safetensors"),
    )
    if trainer.is_world_process_zero():
        print(f"{arguments.max_steps} steps: {processes} processes, {passes} passes of {each} examples in each", flush=True)
    trainer.train()
    trainer.save_model()
    trainer.save_state()


if __name__ == "__main__":
    main()
    if torch.distributed.is_initialized():
        # Freed as Python exits, or last of all by DDP's reducer, the group can abort or hang a finished process.
        gc.collect()
        torch.distributed.destroy_process_group()
`
