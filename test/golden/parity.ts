/**
 * `npm run parity -- DIR [--only NAME] [--dtype f16]`: compares every number in a folder of golden values, made by the Python
 * stack (make_golden.py), with this library on every device present. One line a check; exit 1 if one fails. With --dtype f16
 * the base models' matrices are stored in f16: see half-checks.ts.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import type { Folder } from '../../src/hub/folder.ts'
import { loadModel } from '../../src/hub/load-model.ts'
import type { FalconForCausalLM } from '../../src/models/falcon.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { loadAdapter } from '../../src/peft/adapter-files.ts'
import { fileSource } from '../../src/platform/node.ts'
import { openSafetensors, type TensorReader } from '../../src/safetensors/reader.ts'
import { testDevices } from '../device/devices.ts'
import { adapterChecks, tenStepChecks } from './adapter-checks.ts'
import type { Check, LeftOut } from './check.ts'
import { falconChecks } from './falcon-checks.ts'
import { halfAdapterChecks, halfChecks, type HalfPair, roundedFolder } from './half-checks.ts'
import { quantisedChecks } from './quantised-checks.ts'
import { baseLogitsCheck, qloraFolder } from './qlora-folder.ts'

const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, dtype: { type: 'string', default: 'f32' } },
})
const [root] = positionals
if (root === undefined || !existsSync(root) || !['f32', 'f16'].includes(flags.dtype)) {
  console.error(
    'usage: npm run parity -- DIR [--only NAME] [--dtype f32|f16]   DIR holds golden folders such as falcon-rw, quantised, qlora-falcon-rw',
  )
  process.exit(2)
}

const counts = { passed: 0, failed: 0, unsupported: 0, leftOut: 0 }

function print(group: string, device: string, check: Check | LeftOut): void {
  const head = `${`${group}: ${check.name}`.padEnd(96)} ${device.padEnd(34)}`
  if ('unsupported' in check) {
    counts.unsupported++
    console.log(`${head} not supported yet: ${check.unsupported}`)
    return
  }
  if ('leftOut' in check) {
    counts.leftOut++
    console.log(`${head} left out: ${check.leftOut}`)
    return
  }
  counts[check.ok ? 'passed' : 'failed']++
  console.log(
    `${head} error ${check.error.toExponential(2)}  bound ${check.bound.toExponential(0)}  ${check.ok ? 'ok' : 'FAILED'}`,
  )
}

/** Runs a group; what this version cannot do is listed, anything else that is thrown is a failure. */
async function run(group: string, device: string, checks: () => AsyncGenerator<Check | LeftOut>): Promise<void> {
  try {
    for await (const check of checks()) print(group, device, check)
  } catch (error) {
    if (!(error instanceof MedAwareError && error.code === 'unsupported')) {
      print(group, device, { name: String(error), error: NaN, bound: 0, ok: false })
    } else print(group, device, { name: 'whole group', unsupported: error.message })
  }
}

const opened: TensorReader[] = []

async function open(path: string): Promise<TensorReader> {
  const reader = await openSafetensors(await fileSource(path))
  opened.push(reader)
  return reader
}

/** Runs checks on a model that is freed afterwards, and counts a byte left behind as a failure. */
async function* withModel<C extends Check | LeftOut>(
  source: string | Folder,
  device: Device,
  use: (model: FalconForCausalLM) => AsyncGenerator<C>,
  dtype: 'f32' | 'f16' = 'f32',
): AsyncGenerator<C> {
  const { model } = await loadModel(source, { device, dtype })
  try {
    yield* use(model)
  } finally {
    model.dispose()
  }
}

function adapterKinds(folder: string): string[] {
  return existsSync(`${folder}/adapters`) ? readdirSync(`${folder}/adapters`).sort() : []
}

async function adapterOf(model: FalconForCausalLM, at: string): Promise<Adapter> {
  const config: unknown = JSON.parse(readFileSync(`${at}/adapter_config.json`, 'utf8'))
  const weights = await open(`${at}/adapter_model.safetensors`)
  return loadAdapter(model, config, weights, { device: model.device, trainable: true })
}

async function checkFamily(name: string, folder: string, device: Device): Promise<void> {
  const label = device.description
  await run(name, label, () =>
    withModel(folder, device, async function* (model) {
      yield* falconChecks(model, { device, folder, reference: await open(`${folder}/reference.safetensors`) })
    }),
  )
  for (const kind of adapterKinds(folder)) {
    const at = `${folder}/adapters/${kind}`
    await run(`${name}/${kind}`, label, () =>
      withModel(folder, device, async function* (model) {
        yield* adapterChecks(
          model,
          await adapterOf(model, at),
          await open(`${folder}/reference.safetensors`),
          await open(`${at}/reference.safetensors`),
        )
      }),
    )
  }
  await run(`${name}/adamw`, label, () =>
    withModel(folder, device, async function* (model) {
      const reference = await open(`${folder}/adamw-10-steps.safetensors`)
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

async function checkQlora(name: string, folder: string, base: string, device: Device): Promise<void> {
  await run(name, device.description, async function* () {
    const { model } = await loadModel(qloraFolder(folder, base), { device })
    const reference = await open(`${folder}/reference.safetensors`)
    yield await baseLogitsCheck(model, reference)
    const inputs = () => ({ ids: 'input_ids', labels: 'labels' })
    yield* tenStepChecks(model, { reference, inputs, weightDecay: 0, warmup: 0, schedule: 'constant', maxGradNorm: 0 })
    model.dispose()
  })
}

/** A family with its matrices in f16, beside the same in f32 with rounded matrices. */
async function checkHalfFamily(name: string, folder: string, device: Device): Promise<void> {
  const reference = await open(`${folder}/reference.safetensors`)
  const source = await roundedFolder(folder, await open(`${folder}/model.safetensors`))
  const withPair = (use: (models: HalfPair<FalconForCausalLM>) => AsyncGenerator<Check | LeftOut>) => () =>
    withModel(folder, device, (half) => withModel(source, device, (rounded) => use({ half, rounded })), 'f16')
  await run(
    `${name} in f16`,
    device.description,
    withPair((models) => halfChecks(models, reference)),
  )
  for (const kind of adapterKinds(folder)) {
    const at = `${folder}/adapters/${kind}`
    await run(
      `${name}/${kind} in f16`,
      device.description,
      withPair(async function* (models) {
        const adapters = { half: await adapterOf(models.half, at), rounded: await adapterOf(models.rounded, at) }
        yield* halfAdapterChecks(models, adapters, reference, await open(`${at}/reference.safetensors`))
      }),
    )
  }
}

const devices = await testDevices()
for (const name of readdirSync(root).sort()) {
  const folder = `${root}/${name}`
  if (flags.only !== undefined && name !== flags.only) continue
  if (flags.dtype === 'f16') {
    const isBase = existsSync(`${folder}/config.json`)
    if (!isBase) print(name, 'every device', { name: 'whole group', leftOut: 'its weights have a format of their own' })
    else for (const device of devices) await checkHalfFamily(name, folder, device)
  } else if (existsSync(`${folder}/blockwise.safetensors`)) {
    const reader = await open(`${folder}/blockwise.safetensors`)
    await run(name, 'plain arrays', () => quantisedChecks(reader, null))
    for (const device of devices) await run(name, device.description, () => quantisedChecks(reader, device))
  } else if (existsSync(`${folder}/model-bnb-4bit.safetensors`)) {
    for (const device of devices) await checkQlora(name, folder, `${root}/${name.replace(/^qlora-/, '')}`, device)
  } else if (existsSync(`${folder}/config.json`)) {
    for (const device of devices) await checkFamily(name, folder, device)
  }
}
console.log(
  `\n${counts.passed} passed, ${counts.failed} failed; ${counts.unsupported} not supported yet, ` +
    `${counts.leftOut} left out, on ${devices.length} devices`,
)
for (const reader of opened) await reader.close()
for (const device of devices) device.dispose()
process.exit(counts.failed > 0 ? 1 : 0)
