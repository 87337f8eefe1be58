/**
 * `npm run interop`: adapters trained here load in real PEFT without a warning and give the same logits, adapters
 * trained there load here, a model merged here loads in transformers, PEFT reads the adapter that the page hands out,
 * and huggingface_hub and the Hub's client here find each other's downloads. Talks to peft_side.py; needs Python with
 * its requirements.txt.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import { openAdapter, saveAdapter } from '../../src/io/adapter-folder.ts'
import { writeFolder } from '../../src/io/sources/folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { saveModel } from '../../src/io/save/save-model.ts'
import { attachAdapter, type PlannedAdapter } from '../../src/peft/attach.ts'
import { fileSource } from '../../src/platform/node.ts'
import { openSafetensors, type TensorReader } from '../../src/safetensors/reader.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { openBrowser } from '../device/browser.ts'
import { testDevices } from '../device/devices.ts'
import { download, fourLines, trainTenSteps, visit } from '../examples/browser/drive-page.ts'
import { servePage } from '../examples/browser/serve-page.ts'
import { within, withinShare, worst, type Check } from '../golden/check.ts'
import { batchOf, gradientChecks, logitsOf } from '../golden/model-checks.ts'
import { quantisedChecks } from './quantised.ts'
import { hubCacheProblems } from './hub-cache.ts'

const BOUND = 1e-3
const base = fileURLToPath(new URL('../fixtures/tiny-falcon-rw', import.meta.url))
const script = fileURLToPath(new URL('peft_side.py', import.meta.url))
const cached = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'peft-medaware-interop/venv/bin/python')
const python = process.env['MEDAWARE_PYTHON'] ?? (existsSync(cached) ? cached : 'python3')
const work = mkdtempSync(join(tmpdir(), 'peft-medaware-interop-'))
const counts = { passed: 0, failed: 0, unsupported: 0 }

/** LoRA where they have no peftType. */
const ours: Readonly<Record<string, PlannedAdapter>> = {
  ia3: { peftType: 'IA3' },
  'ia3-random': {
    ...{
      peftType: 'IA3',
      targetModules: 'all-linear',
      feedforwardModules: '.*\\.dense_4h_to_h',
      initIa3Weights: false,
    },
  },
  lora: { r: 4, loraAlpha: 8, loraDropout: 0.1, targetModules: ['query_key_value'] },
  'lora-all-linear': { r: 4, loraAlpha: 16, targetModules: 'all-linear' },
  'lora-bias': { r: 4, loraAlpha: 8, bias: 'lora_only', targetModules: ['query_key_value', 'dense'] },
  'lora-all-biases': { r: 2, loraAlpha: 8, bias: 'all', targetModules: ['dense_h_to_4h'] },
  'lora-exclude': { r: 4, targetModules: '(?i).*\\.H\\.\\d++\\..*', excludeModules: '.*(?<!query_key_value)' },
  rslora: { r: 4, loraAlpha: 8, useRslora: true, initLoraWeights: 'gaussian', targetModules: ['query_key_value'] },
  'lora-patterns': {
    r: 4,
    loraAlpha: 8,
    layersToTransform: [1],
    rankPattern: { query_key_value: 6 },
    targetModules: ['query_key_value'],
  },
}

function askPython(...args: string[]): string {
  // AutoPeftModel would look on the Hub for a tokenizer.
  const env = { ...process.env, HF_HUB_OFFLINE: '1' }
  return execFileSync(python, [script, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env })
}

function print(name: string, check: Check): void {
  if ('unsupported' in check) {
    counts.unsupported++
    console.log(`${name}: ${check.name}: not supported yet: ${check.unsupported}`)
    return
  }
  counts[check.ok ? 'passed' : 'failed']++
  console.log(
    `${name}: ${check.name}: error ${check.error.toExponential(2)}  bound ${check.bound.toExponential(0)}  ${check.ok ? 'ok' : 'FAILED'}`,
  )
}

const opened: TensorReader[] = []

async function open(path: string): Promise<TensorReader> {
  const reader = await openSafetensors(await fileSource(path))
  opened.push(reader)
  return reader
}

const inputs = join(work, 'inputs.safetensors')
const fixture = await open(`${base}/reference.safetensors`)
const batch = await batchOf(fixture, 'input_ids')
const labels = Int32Array.from((await fixture.read('labels')) as Int32Array)
const tokens = { dtype: 'I32', shape: [...batch.shape] } as const
writeFileSync(
  inputs,
  writeSafetensors([
    { name: 'input_ids', ...tokens, data: batch.inputIds },
    { name: 'labels', ...tokens, data: labels },
  ]),
)

/** Adapters PEFT trained, read here. */
async function readTheirs(device: Device): Promise<void> {
  const reference = await open(join(work, 'theirs.safetensors'))
  for (const kind of readdirSync(join(work, 'theirs')).sort()) {
    const name = `${device.description}: PEFT's ${kind} here`
    const { model } = await loadModel(base, { device })
    try {
      const adapter = await openAdapter(model, join(work, 'theirs', kind), { device })
      print(name, within('logits', await logitsOf(model, batch), await reference.readF32(`${kind}.logits`), BOUND))
      adapter.merge()
      print(
        name,
        within('merged logits', await logitsOf(model, batch), await reference.readF32(`${kind}.merged_logits`), BOUND),
      )
    } catch (error) {
      const isUnsupported = error instanceof MedAwareError && error.code === 'unsupported'
      print(
        name,
        isUnsupported
          ? { name: 'load', unsupported: error.message }
          : { name: String(error), error: NaN, bound: 0, ok: false },
      )
    } finally {
      model.dispose()
    }
  }
}

/** Adapters trained here, read by PEFT: logits, merged logits, and the gradients it would train on with. */
async function writeOurs(device: Device): Promise<void> {
  const folder = join(work, `ours-${device.kind}`)
  const results: { kind: string; check: (reference: TensorReader) => Promise<Check[]>; free: () => void }[] = []
  for (const [kind, config] of Object.entries(ours)) {
    const { model } = await loadModel(base, { device })
    const adapter = attachAdapter(model, { peftType: 'LORA', ...config }, { seed: 7 })
    const [rows, width] = batch.shape
    const examples = Array.from({ length: rows }, (_, row) => {
      const part = (values: Int32Array) => values.slice(row * width, (row + 1) * width)
      return { inputIds: part(batch.inputIds), labels: part(labels) }
    })
    const run = new TrainingRun(model, examples, { maxSteps: 3, batchSize: rows, learningRate: 1e-2 })
    for await (const report of run) if (!Number.isFinite(report.loss)) throw new Error(`${kind}: loss ${report.loss}`)
    run.dispose()
    await saveAdapter(adapter, join(folder, kind))
    results.push({
      kind,
      check: async (reference) => {
        const logits = within('logits', await logitsOf(model, batch), await reference.readF32(`${kind}.logits`), BOUND)
        const gradients = await gradientChecks(model, adapter.namedTrainableParameters(), reference, `${kind}.grad.`, {
          batch,
          labels,
        })
        adapter.merge()
        return [
          logits,
          ...gradients,
          within(
            'merged logits',
            await logitsOf(model, batch),
            await reference.readF32(`${kind}.merged_logits`),
            BOUND,
          ),
        ]
      },
      free: () => model.dispose(),
    })
  }
  const out = join(work, `ours-${device.kind}.safetensors`)
  askPython('check', folder, base, inputs, out)
  const reference = await open(out)
  const opened = join(work, `auto-${device.kind}.safetensors`)
  askPython('auto', join(folder, 'lora'), inputs, opened)
  const [alone, told] = [await (await open(opened)).readF32('logits'), await reference.readF32('lora.logits')]
  print(`${device.description}: our lora in AutoPeftModelForCausalLM`, within('logits', alone, told, 1e-6))
  for (const { kind, check, free } of results) {
    for (const each of await check(reference)) print(`${device.description}: our ${kind} in PEFT`, each)
    free()
  }
}

/** A model merged here, read by transformers in three precisions. */
async function writeMerged(device: Device): Promise<void> {
  const { model } = await loadModel(base, { device })
  await openAdapter(model, join(work, 'theirs', 'lora'), { device }).then((adapter) => adapter.merge())
  const logits = await logitsOf(model, batch)
  for (const dtype of ['f32', 'bf16', 'f16'] as const) {
    const folder = join(work, `merged-${dtype}`)
    await saveModel(model, folder, { dtype })
    const out = join(work, `merged-${dtype}.safetensors`)
    askPython('model', folder, inputs, out)
    const again = await loadModel(folder, { device })
    const reread = await logitsOf(again.model, batch)
    again.model.dispose()
    const theirs = await (await open(out)).readF32('logits')
    print(`${device.description}: merged ${dtype} in transformers`, within('logits', reread, theirs, BOUND))
    if (dtype === 'f32')
      print(`${device.description}: merged f32`, worst('round trip', [withinShare('logits', reread, logits, 1e-6)]))
  }
  model.dispose()
}

/** Models quantised here, read by transformers and bitsandbytes. */
async function writeQuantised(device: Device): Promise<void> {
  const interop = { base, work, inputs, batch, bound: BOUND, ask: askPython, open }
  for await (const [name, check] of quantisedChecks(device, interop))
    print(`${device.description}: ${name} there`, check)
}

/** The adapter that the page of examples/browser trains in Chromium and hands out, read by PEFT. */
async function readPages(device: Device): Promise<void> {
  const folder = fileURLToPath(new URL('../../examples/medquad/base', import.meta.url))
  const [browser, served] = [await openBrowser(), await servePage()]
  try {
    const page = await browser.newPage()
    await visit(page, served.url)
    await trainTenSteps(page)
    const { files } = await download(page)
    await writeFolder(join(work, 'page'), files)
  } finally {
    await browser.close()
    await served.close()
  }
  const { model, tokenizer } = await loadModel(folder, { device })
  const adapterFolder = join(work, 'page/medaware-adapter')
  await openAdapter(model, adapterFolder, { device })
  const ids = Int32Array.from(tokenizer?.encode(fourLines) ?? [])
  const [asked, out] = [join(work, 'page-inputs.safetensors'), join(work, 'page.safetensors')]
  const tensor = { name: 'input_ids', dtype: 'I32', shape: [1, ids.length], data: ids } as const
  writeFileSync(asked, writeSafetensors([tensor]))
  askPython('check', adapterFolder, folder, asked, out)
  const logits = await logitsOf(model, { inputIds: ids, shape: [1, ids.length] })
  const theirs = await (await open(out)).readF32('logits')
  print(`${device.description}: the page's adapter in PEFT`, within('logits', logits, theirs, BOUND))
  model.dispose()
}

try {
  const problems = await hubCacheProblems(python)
  counts[problems.length === 0 ? 'passed' : 'failed']++
  console.log(`the Hub's cache and huggingface_hub: ${problems.map((each) => `FAILED: ${each}`).join('; ') || 'ok'}`)
  askPython('make', base, join(work, 'theirs'), inputs, join(work, 'theirs.safetensors'))
  const devices = await testDevices()
  for (const device of devices) {
    await readTheirs(device)
    await writeOurs(device)
  }
  const [first] = devices
  if (first) await writeMerged(first)
  if (first) await writeQuantised(first)
  if (first) await readPages(first)
  for (const device of devices) device.dispose()
} finally {
  for (const reader of opened) await reader.close()
  rmSync(work, { recursive: true, force: true })
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed; ${counts.unsupported} not supported yet`)
process.exit(counts.failed > 0 ? 1 : 0)
