import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import type { Folder } from '../../src/io/sources/folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import type { HalfType } from '../../src/tensor/half.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { adapterChecks } from './adapter-checks.ts'
import { readGoldenAdapter } from './golden-adapter.ts'
import { goldenStarts, startChecks } from './start-checks.ts'
import { tenStepChecks } from './ten-step-checks.ts'
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

/** A model: its own numbers, packed documents, adapters, and ten steps of training. */
async function* checkFamily(golden: GoldenFolder, name: string, device: Device): AsyncGenerator<GoldenCheck> {
  const checks = (file: string, use: (model: PretrainedLm, numbers: TensorReader) => AsyncGenerator<Check | LeftOut>) =>
    withFiles(golden, name, [file], () =>
      withModel(golden.at(name), device, async function* (model) {
        yield* use(model, await golden.tensors(name, file))
      }),
    )
  const reference = 'reference.safetensors'
  yield* group(name, device, () => checks(reference, modelChecks))
  yield* group(`${name}/packed`, device, () => checks('packed.safetensors', packedChecks))
  if (golden.names(`${name}/adapters`).length === 0) {
    yield { group: name, device: device.description, check: { name: 'adapters', leftOut: 'the folder has none' } }
  }
  for (const kind of golden.names(`${name}/adapters`)) {
    const files = [reference, `adapters/${kind}/${reference}`]
    yield* group(`${name}/${kind}`, device, () =>
      withFiles(golden, name, files, () =>
        withModel(golden.at(name), device, async function* (model) {
          const adapter = await readGoldenAdapter(golden.at(`${name}/adapters/${kind}`))
          yield* adapterChecks(model, adapter, await golden.tensors(name, reference))
        }),
      ),
    )
  }
  for (const kind of goldenStarts) {
    const file = `starts/${kind}.safetensors`
    yield* group(`${name}/starts/${kind}`, device, () =>
      withFiles(golden, name, [reference, file], () =>
        withModel(golden.at(name), device, async function* (model) {
          const wanted = await golden.tensors(`${name}/starts`, `${kind}.safetensors`)
          yield* startChecks(model, kind, wanted, await golden.tensors(name, reference))
        }),
      ),
    )
  }
  yield* group(`${name}/adamw`, device, () =>
    checks('adamw-10-steps.safetensors', (model, numbers) => {
      const inputs = (step: number) => ({ ids: `ids.${step % 3}` })
      const course = { weightDecay: 0.01, warmup: 3, schedule: 'cosine', maxGradNorm: 0.3 } as const
      return tenStepChecks(model, { reference: numbers, inputs, ...course })
    }),
  )
}

/** Runs checks if the files are there that they need, and lists those that are absent. */
async function* withFiles(
  golden: GoldenFolder,
  folder: string,
  files: readonly string[],
  checks: () => AsyncGenerator<Check | LeftOut>,
): AsyncGenerator<Check | LeftOut> {
  const absent = files.filter(
    (file) => !golden.has(`${folder}/${file}`) && golden.names(`${folder}/${file}`).length === 0,
  )
  for (const file of absent) yield { name: file, leftOut: 'the folder has none' }
  if (absent.length === 0) yield* checks()
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
  yield* group(`${name} in ${dtype}`, device, () => withFiles(golden, name, ['reference.safetensors'], baseChecks))
  for (const kind of golden.names(`${name}/adapters`)) {
    const at = `${name}/adapters/${kind}`
    const checks = withPair(async function* (models) {
      yield* halfAdapterChecks(models, await readGoldenAdapter(golden.at(at)), dtype, await base())
    })
    const files = ['reference.safetensors', `adapters/${kind}/reference.safetensors`]
    yield* group(`${name}/${kind} in ${dtype}`, device, () => withFiles(golden, name, files, checks))
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
      const course = { weightDecay: 0, warmup: 0, schedule: 'constant', maxGradNorm: 0 } as const
      yield* tenStepChecks(model, { reference, inputs, ...course })
    }),
  )
}
