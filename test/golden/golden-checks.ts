import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import { type Folder, readJson } from '../../src/io/sources/folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { loadAdapter } from '../../src/peft/files/adapter-files.ts'
import type { HalfType } from '../../src/tensor/half.ts'
import { adapterChecks, tenStepChecks } from './adapter-checks.ts'
import type { Check, LeftOut } from './check.ts'
import { modelChecks } from './model-checks.ts'
import { packedChecks } from './packed-checks.ts'
import type { GoldenFolder } from './golden-folder.ts'
import { halfAdapterChecks, halfChecks, type HalfPair, roundedFolder } from './half-checks.ts'
import { baseLogitsCheck, qloraFolder, savedAgainCheck } from './qlora-folder.ts'
import { quantisedChecks } from './quantised-checks.ts'

/** A check, and where it was made. */
export interface GoldenCheck {
  readonly group: string
  readonly device: string
  readonly check: Check | LeftOut
}

/** What is compared. */
export interface GoldenOptions {
  /** This folder alone. */
  readonly only?: string | undefined
  /** What base models' matrices are stored in; 16 bits have checks of their own, see half-checks.ts. */
  readonly dtype: 'f32' | HalfType
}

/** Compares every number in golden folders with this library on every device. */
export async function* goldenChecks(
  golden: GoldenFolder,
  devices: readonly Device[],
  { only, dtype }: GoldenOptions,
): AsyncGenerator<GoldenCheck> {
  for (const name of golden.names()) {
    if (only !== undefined && name !== only) continue
    if (dtype !== 'f32') {
      if (golden.has(`${name}/config.json`)) {
        for (const device of devices) yield* checkHalfFamily(golden, name, dtype, device)
      } else if (golden.names(name).some((file) => file.endsWith('.safetensors'))) {
        const check = { name: 'whole group', leftOut: 'its weights have formats of their own' }
        yield { group: name, device: 'every device', check }
      }
    } else if (golden.has(`${name}/blockwise.safetensors`)) {
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
  checks: () => AsyncGenerator<Check | LeftOut>,
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
async function* withModel<C extends Check | LeftOut>(
  folder: Folder,
  device: Device,
  use: (model: PretrainedLm) => AsyncGenerator<C>,
  dtype: 'f32' | HalfType = 'f32',
): AsyncGenerator<C> {
  const { model } = await loadModel(folder, { device, dtype })
  try {
    yield* use(model)
  } finally {
    model.dispose()
  }
}

async function adapterOf(golden: GoldenFolder, at: string, model: PretrainedLm): Promise<Adapter> {
  const config = await readJson(golden.at(at), 'adapter_config.json')
  const weights = await golden.tensors(at, 'adapter_model.safetensors')
  return loadAdapter(model, config, weights, { device: model.device, trainable: true })
}

async function* checkFamily(golden: GoldenFolder, name: string, device: Device): AsyncGenerator<GoldenCheck> {
  yield* group(name, device, () =>
    withModel(golden.at(name), device, async function* (model) {
      const reference = await golden.tensors(name, 'reference.safetensors')
      yield* modelChecks(model, { device, folder: name, reference })
    }),
  )
  if (golden.has(`${name}/packed.safetensors`)) {
    yield* group(`${name}/packed`, device, () =>
      withModel(golden.at(name), device, async function* (model) {
        yield* packedChecks(model, await golden.tensors(name, 'packed.safetensors'))
      }),
    )
  }
  for (const kind of golden.names(`${name}/adapters`)) {
    const at = `${name}/adapters/${kind}`
    yield* group(`${name}/${kind}`, device, () =>
      withModel(golden.at(name), device, async function* (model) {
        const adapter = await adapterOf(golden, at, model)
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

/** A family with its matrices in 16 bits, beside the same in f32 with rounded matrices. */
async function* checkHalfFamily(
  golden: GoldenFolder,
  name: string,
  dtype: HalfType,
  device: Device,
): AsyncGenerator<GoldenCheck> {
  const withPair = (use: (models: HalfPair<PretrainedLm>) => AsyncGenerator<Check | LeftOut>) =>
    async function* () {
      const rounded = await roundedFolder(golden.at(name), await golden.tensors(name, 'model.safetensors'), dtype)
      yield* withModel(
        golden.at(name),
        device,
        (half) => withModel(rounded, device, (plain) => use({ half, rounded: plain })),
        dtype,
      )
    }
  const base = () => golden.tensors(name, 'reference.safetensors')
  const baseChecks = withPair(async function* (models) {
    yield* halfChecks(models, dtype, await base())
  })
  yield* group(`${name} in ${dtype}`, device, baseChecks)
  for (const kind of golden.names(`${name}/adapters`)) {
    const at = `${name}/adapters/${kind}`
    const checks = withPair(async function* (models) {
      const adapters = {
        half: await adapterOf(golden, at, models.half),
        rounded: await adapterOf(golden, at, models.rounded),
      }
      yield* halfAdapterChecks(models, adapters, dtype, await base(), await golden.tensors(at, 'reference.safetensors'))
    })
    yield* group(`${name}/${kind} in ${dtype}`, device, checks)
  }
  const check = {
    name: 'ten steps',
    leftOut: 'their ends are of unrounded weights; a step is checked by its gradients',
  }
  yield { group: `${name}/adamw in ${dtype}`, device: device.description, check }
}

async function* checkQlora(golden: GoldenFolder, name: string, device: Device): AsyncGenerator<GoldenCheck> {
  const folder = qloraFolder(golden.at(name), golden.at(name.replace(/^qlora-/, '')))
  yield* group(name, device, () =>
    withModel(folder, device, async function* (model) {
      const reference = await golden.tensors(name, 'reference.safetensors')
      yield await baseLogitsCheck(model, reference)
      yield await savedAgainCheck(model, await golden.tensors(name, 'model-bnb-4bit.safetensors'))
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
