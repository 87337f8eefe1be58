/**
 * `npm run interop`: adapters trained here load in real PEFT without a warning and give the same logits, adapters
 * trained there load here, a model merged here loads in transformers, from safetensors and from GGUF, PEFT reads the
 * adapter that the page hands out, TensorBoard reads a run's event file, and huggingface_hub and the Hub's client here
 * find each other's downloads. Talks to peft_side.py; needs Python with its requirements.txt.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Device } from '../../src/device/device.ts'
import { openAdapter } from '../../src/io/adapter-folder.ts'
import { writeFolder } from '../../src/io/sources/folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { saveModel } from '../../src/io/save/save-model.ts'
import { fileSource } from '../../src/platform/node.ts'
import { openSafetensors, type TensorReader } from '../../src/safetensors/reader.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { openBrowser } from '../device/browser.ts'
import { testEngines } from '../device/devices.ts'
import { download, fourLines, trainTenSteps, visit } from '../examples/browser/drive-page.ts'
import { servePage } from '../examples/browser/serve-page.ts'
import { within, withinShare, worst, type Check } from '../golden/check.ts'
import { batchOf, logitsOf } from '../golden/model-checks.ts'
import { exportedRuns } from './exported-runs.ts'
import { ggufChecks } from './gguf-models.ts'
import { quantisedChecks } from './quantised.ts'
import { eventFileProblems } from './event-file.ts'
import { hubCacheProblems } from './hub-cache.ts'
import { matrixChecks } from './matrix.ts'
import { families } from './methods.ts'
import { modelCardProblems } from './model-card.ts'
import { pushedProblems } from './pushed.ts'
import { PythonSide } from './python-side.ts'
import { trlDataProblems } from './trl-data.ts'

const BOUND = 1e-4
const base = fileURLToPath(new URL('../fixtures/tiny-falcon-rw', import.meta.url))
const cached = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'peft-medaware-interop/venv/bin/python')
const python = process.env['MEDAWARE_PYTHON'] ?? (existsSync(cached) ? cached : 'python3')
const work = mkdtempSync(join(tmpdir(), 'peft-medaware-interop-'))
const peft = new PythonSide(python)
const counts = { passed: 0, failed: 0, unsupported: 0, leftOut: 0 }

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

function printProblems(name: string, problems: readonly string[]): void {
  counts[problems.length === 0 ? 'passed' : 'failed']++
  console.log(`${name}: ${problems.map((each) => `FAILED: ${each}`).join('; ') || 'ok'}`)
}

const opened: TensorReader[] = []

async function open(path: string): Promise<TensorReader> {
  const reader = await openSafetensors(await fileSource(path))
  opened.push(reader)
  return reader
}

/** The tokens of a reference, and a file of them for Python. */
async function inputsOf(reference: string, file: string) {
  const reader = await open(reference)
  const batch = await batchOf(reader, 'input_ids')
  const labels = Int32Array.from((await reader.read('labels')) as Int32Array)
  const tokens = { dtype: 'I32', shape: [...batch.shape] } as const
  const named = { input_ids: batch.inputIds, labels }
  const tensors = Object.entries(named).map(([name, data]) => ({ name, ...tokens, data }))
  writeFileSync(file, writeSafetensors(tensors))
  return { batch, labels }
}

const inputs = join(work, 'inputs.safetensors')
const matrixInputs = join(work, 'matrix-inputs.safetensors')
const { batch } = await inputsOf(`${base}/reference.safetensors`, inputs)

/** The matrix: a line for each method and direction with the worst of each family, then whatever is to be said. */
async function compareMatrix(devices: readonly Device[]): Promise<void> {
  // All families have these tokens.
  const few = fileURLToPath(new URL('../fixtures/tiny-family/qwen2/reference.safetensors', import.meta.url))
  const tools = { work, inputsFile: matrixInputs, inputs: await inputsOf(few, matrixInputs), peft, open }
  const shares = new Map<string, Map<string, number>>()
  const apart = new Map<string, Set<string>>()
  for await (const { row, family, direction, device, check } of matrixChecks(devices, tools)) {
    const line = `${row}, trained ${direction}`
    if ('error' in check) {
      const worst = shares.get(line) ?? new Map<string, number>()
      shares.set(line, worst.set(family, Math.max(worst.get(family) ?? 0, check.error / (check.bound || 1))))
      if (check.ok) counts.passed++
      else print(`${device}: ${row} on ${family}, trained ${direction}`, check)
    } else {
      counts['leftOut' in check ? 'leftOut' : 'unsupported']++
      const reason = 'leftOut' in check ? `left out: ${check.leftOut}` : `not supported yet: ${check.unsupported}`
      const what = `${line}: ${check.name}: ${reason}`
      apart.set(what, (apart.get(what) ?? new Set()).add(family))
    }
  }
  for (const [what, names] of apart) console.log(`${[...names].join(', ')}: ${what}`)
  console.log(`\nthe worst error as a share of its bound: ${families.map(({ name }) => name).join(' · ')}`)
  for (const [line, worst] of shares) {
    const cells = families.map(({ name }) => worst.get(name)?.toFixed(3) ?? '-')
    console.log(`${line.padEnd(56)} ${cells.map((cell) => cell.padStart(7)).join('')}`)
  }
}

/** An adapter trained here, found by its folder alone. */
async function openAlone(): Promise<void> {
  const [adapter, out] = [join(work, 'ours-cpu/0/adapter'), join(work, 'alone.safetensors')]
  await peft.ask('auto', adapter, matrixInputs, out)
  const [alone, told] = [await open(out), await open(join(work, 'ours-cpu/0.safetensors'))]
  const check = within('logits', await alone.readF32('logits'), await told.readF32('logits'), 1e-6)
  print('our lora in AutoPeftModelForCausalLM', check)
}

/** A model merged here, read by transformers in three precisions. */
async function writeMerged(device: Device): Promise<void> {
  const { model } = await loadModel(base, { device })
  await openAdapter(model, join(work, 'theirs/0/adapter'), { device }).then((adapter) => adapter.merge())
  const logits = await logitsOf(model, batch)
  for (const dtype of ['f32', 'bf16', 'f16'] as const) {
    const folder = join(work, `merged-${dtype}`)
    await saveModel(model, folder, { dtype })
    const out = join(work, `merged-${dtype}.safetensors`)
    await peft.ask('model', folder, inputs, out)
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
  const decoding = new PythonSide(python, '--own-decoder')
  for await (const [name, check] of quantisedChecks(device, {
    base,
    work,
    inputs,
    batch,
    bound: BOUND,
    peft: decoding,
    open,
  }))
    print(`${device.description}: ${name} there`, check)
  decoding.close()
}

/** Models written here as GGUF, read by transformers. */
async function writeGgufs(device: Device): Promise<void> {
  for await (const [name, check] of ggufChecks(device, { python, work, open }))
    print(`${device.description}: ${name}`, check)
}

/** Runs that go on there, on two processes. */
async function goOnThere(device: Device): Promise<void> {
  for await (const [name, check] of exportedRuns(device, { python, work }))
    print(`${device.description}: ${name}`, check)
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
  const jobs = join(work, 'page.json')
  writeFileSync(jobs, JSON.stringify([{ name: 'page', base: folder, inputs: asked, adapter: adapterFolder, out }]))
  console.log(await peft.ask('check', jobs))
  const logits = await logitsOf(model, { inputIds: ids, shape: [1, ids.length] })
  const theirs = await (await open(out)).readF32('logits')
  print(`${device.description}: the page's adapter in PEFT`, within('logits', logits, theirs, BOUND))
  model.dispose()
}

try {
  printProblems("the Hub's cache and huggingface_hub", await hubCacheProblems(python))
  printProblems('a model card in huggingface_hub', await modelCardProblems(python))
  printProblems('what is pushed in huggingface_hub', await pushedProblems(python))
  printProblems('rows that TRL prepares', await trlDataProblems(python))
  const devices = await testEngines()
  await compareMatrix(devices)
  await openAlone()
  const [first] = devices
  if (first) printProblems("a run's event file in TensorBoard", await eventFileProblems(python, first))
  if (first) await writeMerged(first)
  if (first) await writeQuantised(first)
  if (first) await writeGgufs(first)
  if (first) await goOnThere(first)
  if (first) await readPages(first)
  for (const device of devices) device.dispose()
} finally {
  peft.close()
  for (const reader of opened) await reader.close()
  rmSync(work, { recursive: true, force: true })
}
console.log(
  `\n${counts.passed} passed, ${counts.failed} failed; ${counts.unsupported} not supported yet, ${counts.leftOut} left out`,
)
process.exit(counts.failed > 0 ? 1 : 0)
