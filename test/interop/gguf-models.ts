import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { JsonObject } from '../../src/core/json.ts'
import type { Device } from '../../src/device/device.ts'
import { saveModelGguf } from '../../src/io/gguf/model-gguf.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { fileFolder } from '../../src/io/sources/folder.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { type Check, within } from '../golden/check.ts'
import { logitsOf } from '../golden/model-checks.ts'

/**
 * Families whose GGUF files transformers reads as the models that they are: it passes over yarn, so positions are plain
 * here, over a Llama's biases and factors, the width of a Qwen3's heads and the scale of a Gemma's queries.
 */
const families = ['llama-spm', 'mistral', 'qwen2'] as const

const script = `
import json, sys, torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
folder, ids = sys.argv[1], torch.tensor(json.loads(sys.argv[2]))
for name in sys.argv[3:]:
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=f"{name}.gguf", dtype=torch.float32).eval()
    with torch.no_grad():
        save_file({"logits": model(ids).logits.contiguous()}, f"{folder}/{name}.safetensors")
`

/** Models that are written here as GGUF, read by transformers through the gguf package: their logits. */
export async function* ggufChecks(
  device: Device,
  { python, work, open }: { python: string; work: string; open: (path: string) => Promise<TensorReader> },
): AsyncGenerator<[string, Check]> {
  const folder = join(work, 'gguf')
  await mkdir(folder)
  const ids = Array.from({ length: 12 }, (_, i) => 5 + 11 * i)
  const ours = new Map<string, Float32Array>()
  for (const name of families) {
    const { model } = await loadModel(plainPositions(name), { device })
    // By its name transformers takes a Mistral for an architecture that gguf has no word for.
    await saveModelGguf(model, join(folder, `${name}.gguf`), {
      type: 'f32',
      name: 'tiny',
      copyFrom: plainPositions(name),
    })
    ours.set(name, await logitsOf(model, { inputIds: Int32Array.from(ids), shape: [1, ids.length] }))
    model.dispose()
  }
  const file = join(work, 'read_gguf.py')
  await writeFile(file, script)
  const env = { ...process.env, HF_HUB_OFFLINE: '1' }
  await promisify(execFile)(python, [file, folder, JSON.stringify([ids]), ...families], { env })
  for (const [name, logits] of ours) {
    const theirs = await (await open(join(folder, `${name}.safetensors`))).readF32('logits')
    yield [`${name} as GGUF in transformers`, within('logits', logits, theirs, 1e-4)]
  }
}

function plainPositions(name: string) {
  const at = (file: string) => fileURLToPath(new URL(`../fixtures/gguf-exports/${name}/${file}`, import.meta.url))
  const { rope_parameters: _, ...config } = JSON.parse(readFileSync(at('config.json'), 'utf8')) as JsonObject
  const files = ['model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((file) => {
    return new File([readFileSync(at(file))], file)
  })
  const plain = { ...config, rope_theta: 10_000 }
  return fileFolder([...files, new File([JSON.stringify(plain)], 'config.json')])
}
