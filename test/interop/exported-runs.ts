import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Device } from '../../src/device/device.ts'
import { saveModel } from '../../src/io/save/save-model.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { writeFolder } from '../../src/io/sources/folder.ts'
import type { Example } from '../../src/models/example.ts'
import { createModel, modelWeights, parseModelConfig } from '../../src/models/architectures.ts'
import { initialWeights } from '../../src/models/initial-weights.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { exportRecipe } from '../../src/trainer/recipe/export-recipe.ts'
import { Trainer } from '../../src/trainer/trainer.ts'
import type { TrainerOptions } from '../../src/trainer/trainer-options.ts'
import type { StepReport } from '../../src/train/step-report.ts'
import { within, type Check } from '../golden/check.ts'

/** Rows that bitsandbytes decodes rightly on a CPU: of whole blocks of 64. */
const sizes = { vocab_size: 64, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4 }
const configs = {
  falcon: { model_type: 'falcon', ...sizes, alibi: true, bias: true, multi_query: false, parallel_attn: false },
  llama: { model_type: 'llama', ...sizes, intermediate_size: 128, num_key_value_heads: 2, tie_word_embeddings: false },
}

/** Prompts and answers of many lengths: eleven, so that a pass over them ends within a step. */
const examples: readonly Example[] = Array.from({ length: 11 }, (_, i) => {
  const inputIds = Int32Array.from({ length: 5 + ((i * 7) % 13) }, (_, at) => (i * 17 + at * at * 5 + at * 3) % 64)
  return { inputIds, labels: inputIds.map((id, at) => (at < 2 ? -100 : id)) }
})

const settings: TrainerOptions = {
  ...{ maxSteps: 9, batchSize: 2, gradientAccumulationSteps: 3, learningRate: 0.01, schedule: 'cosine', warmup: 2 },
  ...{ weightDecay: 0.1, maxGradNorm: 0.5, loraplusLrRatio: 4, saveSteps: 4, seed: 11 },
  // Random numbers of dropout are torch's there, so that both sides must leave it out.
  disableDropout: true,
}
const savedAt = 4

/** What of the two sides' steps is compared, and how near it must be. */
const bounds = { loss: 1e-3, gradNorm: 1e-2, learningRate: 1e-8 } as const

/**
 * Runs that are exported in their midst go on under `accelerate launch`, on two CPU processes by gloo: losses, norms
 * and rates of their next steps beside ours.
 */
export async function* exportedRuns(
  device: Device,
  { python, work }: { readonly python: string; readonly work: string },
): AsyncGenerator<readonly [string, Check]> {
  for (const [name, fields] of Object.entries(configs)) {
    const base = join(work, `recipe-${name}`)
    const config = parseModelConfig(fields)
    const fresh = createModel(config, initialWeights(device, modelWeights(config), 0.2, 5))
    await saveModel(fresh, base)
    fresh.dispose()
    for (const type of ['f32', 'nf4'] as const) {
      const run = `${base}-${type}`
      const ours = await trainHere(device, base, run, type)
      const files = await exportRecipe(join(run, `checkpoint-${savedAt}`), examples, { processes: 2, cpu: true })
      await writeFolder(join(run, 'recipe'), files)
      const theirs = await trainThere(python, join(run, 'recipe'))
      for (const [key, bound] of Object.entries(bounds) as [keyof typeof bounds, number][]) {
        const [there, here] = [theirs, ours].map((steps) => Float32Array.from(steps, (step) => step[key]))
        yield [`${name} in ${type}, exported`, within(key, there ?? [], here ?? [], bound)]
      }
    }
  }
}

type Numbers = Pick<StepReport, keyof typeof bounds>

async function trainHere(device: Device, base: string, run: string, type: 'f32' | 'nf4'): Promise<Numbers[]> {
  const { model } = await loadModel(base, { device, quantize: type === 'f32' ? false : { type } })
  attachLora(model, { r: 4, loraAlpha: 8, loraDropout: 0.5, targetModules: 'all-linear' }, { device, seed: 5 })
  const trainer = new Trainer(model, examples, { ...settings, outputDir: run })
  try {
    await trainer.train()
    return trainer.state.training.slice(savedAt)
  } finally {
    trainer.dispose()
    model.dispose()
  }
}

async function trainThere(python: string, recipe: string): Promise<Numbers[]> {
  const words = ['-m', 'accelerate.commands.launch', '--config_file', 'accelerate.yaml']
  const env = { ...process.env, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1', PATH: pathWith(dirname(python)) }
  const port = String(await freePort())
  const { stdout } = await promisify(execFile)(python, [...words, '--main_process_port', port, 'train.py'], {
    cwd: recipe,
    env,
  })
  if (!stdout.includes(': 2 processes,')) throw new Error(`the recipe did not run on two processes: ${stdout}`)
  const state = JSON.parse(await readFile(join(recipe, 'output', 'trainer_state.json'), 'utf8')) as {
    readonly log_history: readonly {
      readonly loss?: number
      readonly grad_norm: number
      readonly learning_rate: number
    }[]
  }
  return state.log_history.flatMap(({ loss, grad_norm: gradNorm, learning_rate: learningRate }) => {
    return loss === undefined ? [] : [{ loss, gradNorm, learningRate }]
  })
}

/** accelerate starts `python` by its name. */
function pathWith(folder: string): string {
  return `${folder}:${process.env['PATH'] ?? ''}`
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
