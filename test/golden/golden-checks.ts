import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import { type Folder, readJson } from '../../src/hub/folder.ts'
import { loadModel } from '../../src/hub/load-model.ts'
import type { FalconForCausalLM } from '../../src/models/falcon.ts'
import { loadAdapter } from '../../src/peft/adapter-files.ts'
import { adapterChecks, tenStepChecks } from './adapter-checks.ts'
import type { Check } from './check.ts'
import { falconChecks } from './falcon-checks.ts'
import type { GoldenFolder } from './golden-folder.ts'
import { baseLogitsCheck, qloraFolder } from './qlora-folder.ts'
import { quantisedChecks } from './quantised-checks.ts'

/** A check, and where it was made. */
export interface GoldenCheck {
  readonly group: string
  readonly device: string
  readonly check: Check
}

/** Compares every number in golden folders (of `only` alone, if it is given) with this library on every device. */
export async function* goldenChecks(
  golden: GoldenFolder,
  devices: readonly Device[],
  only?: string,
): AsyncGenerator<GoldenCheck> {
  for (const name of golden.names()) {
    if (only !== undefined && name !== only) continue
    if (golden.has(`${name}/blockwise.safetensors`)) {
      const reader = await golden.tensors(name, 'blockwise.safetensors')
      yield* group(name, null, () => quantisedChecks(reader, null))
      for (const device of devices) yield* group(name, device, () => quantisedChecks(reader, device))
    } else if (golden.has(`${name}/model-bnb-4bit.safetensors`)) {
      for (const device of devices) yield* checkQlora(golden, name, device)
    } else if (golden.has(`${name}/config.json`)) {
      for (const device of devices) yield* checkFamily(golden, name, device)
    }
  }
}

/** Runs a group; what this version cannot do is listed, anything else that is thrown is a failure. */
async function* group(
  name: string,
  device: Device | null,
  checks: () => AsyncGenerator<Check>,
): AsyncGenerator<GoldenCheck> {
  const place = { group: name, device: device?.description ?? 'plain arrays' }
  try {
    for await (const check of checks()) yield { ...place, check }
  } catch (error) {
    if (error instanceof MedAwareError && error.code === 'unsupported') {
      yield { ...place, check: { name: 'whole group', unsupported: error.message } }
    } else yield { ...place, check: { name: String(error), error: NaN, bound: 0, ok: false } }
  }
}

/** Runs checks on a model that is freed afterwards. */
async function* withModel(
  folder: Folder,
  device: Device,
  use: (model: FalconForCausalLM) => AsyncGenerator<Check>,
): AsyncGenerator<Check> {
  const { model } = await loadModel(folder, { device })
  try {
    yield* use(model)
  } finally {
    model.dispose()
  }
}

async function* checkFamily(golden: GoldenFolder, name: string, device: Device): AsyncGenerator<GoldenCheck> {
  yield* group(name, device, () =>
    withModel(golden.at(name), device, async function* (model) {
      const reference = await golden.tensors(name, 'reference.safetensors')
      yield* falconChecks(model, { device, folder: name, reference })
    }),
  )
  for (const kind of golden.names(`${name}/adapters`)) {
    const at = `${name}/adapters/${kind}`
    yield* group(`${name}/${kind}`, device, () =>
      withModel(golden.at(name), device, async function* (model) {
        const config = await readJson(golden.at(at), 'adapter_config.json')
        const weights = await golden.tensors(at, 'adapter_model.safetensors')
        const adapter = await loadAdapter(model, config, weights, { device, trainable: true })
        const base = await golden.tensors(name, 'reference.safetensors')
        yield* adapterChecks(model, adapter, base, await golden.tensors(at, 'reference.safetensors'))
      }),
    )
  }
  yield* group(`${name}/adamw`, device, () =>
    withModel(golden.at(name), device, async function* (model) {
      const reference = await golden.tensors(name, 'adamw-10-steps.safetensors')
      const inputs = (step: number) => ({ ids: `ids.${step % 3}` })
      yield* tenStepChecks(model, {
        reference,
        inputs,
        weightDecay: 0.01,
        warmup: 3,
        schedule: 'cosine',
        maxGradNorm: 0.3,
      })
    }),
  )
}

async function* checkQlora(golden: GoldenFolder, name: string, device: Device): AsyncGenerator<GoldenCheck> {
  const folder = qloraFolder(golden.at(name), golden.at(name.replace(/^qlora-/, '')))
  yield* group(name, device, () =>
    withModel(folder, device, async function* (model) {
      const reference = await golden.tensors(name, 'reference.safetensors')
      yield await baseLogitsCheck(model, reference)
      const inputs = () => ({ ids: 'input_ids', labels: 'labels' })
      yield* tenStepChecks(model, {
        reference,
        inputs,
        weightDecay: 0,
        warmup: 0,
        schedule: 'constant',
        maxGradNorm: 0,
      })
    }),
  )
}
