import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { openBrowser, openPage } from '../device/browser.ts'
import { serveHub } from '../io/huggingface/hub-beside-page.ts'
import { tinyBytes } from '../io/tiny-files.ts'

const script = `
  import { loadModel, openDevice, train } from './src/index.ts'
  import { startWorker } from './src/worker/index.ts'
  const examples = Array.from({ length: 12 }, (_, i) => {
    const inputIds = Array.from({ length: 6 + i % 4 }, (_, j) => (7 * i + 3 * j) % 60)
    return { inputIds, labels: inputIds }
  })
  const cpu = { threads: 1 }
  const hub = { endpoint: 'https://page.test/hub' }
  const directoryOf = async (name) =>
    (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true })

  // Trains in a directory of the page's own, up to a step where it waits for ever; 'told' is what came of it.
  globalThis.trained = async (where, name, haltAt) => {
    const outputDir = await directoryOf(name)
    const told = { begun: -1, losses: [], warnings: [] }
    const options = {
      peftConfig: { peftType: 'LORA', r: 4, loraDropout: 0.1 },
      ...{ maxSteps: 12, batchSize: 3, learningRate: 0.01, seed: 7, evalDataset: examples.slice(9), evalSteps: 3 },
      ...{ outputDir, saveSteps: 2, saveTotalLimit: 2, reportTo: ['jsonl', 'html'], resumeFromCheckpoint: true },
      callbacks: [{
        name: 'told',
        onTrainBegin: ({ step }) => void (told.begun = step),
        onStepEnd: ({ step, loss }) => {
          told.losses.push([step, loss])
          if (step !== haltAt) return
          globalThis.isHalted = true
          return new Promise(() => {})
        },
        onWarning: (message) => void told.warnings.push(message),
      }],
    }
    if (where === 'worker') {
      const worker = await startWorker({ device: 'cpu', cpu })
      await (await worker.loadModel('lab/tiny', { hub })).train(examples, options)
      worker.terminate()
    } else {
      const { device } = await openDevice({ device: 'cpu', cpu })
      const { model } = await loadModel('lab/tiny', { device, hub })
      await train(model, examples, options)
      device.dispose()
    }
    const fileOf = async (file) => (await outputDir.getFileHandle(file)).getFile()
    const log = (await (await fileOf('log.jsonl')).text()).trim().split('\\n').map((line) => JSON.parse(line))
    const names = []
    for await (const name of outputDir.keys()) names.push(name)
    return {
      ...{ ...told, names: names.sort(), logged: log.map(({ step, loss, eval_loss }) => [step, loss ?? eval_loss]) },
      adapter: [...new Uint8Array(await (await fileOf('adapter_model.safetensors')).arrayBuffer())],
    }
  }
  // The page is gone before this manifest is written.
  globalThis.haltAtManifest = (count) => {
    const { createWritable } = FileSystemFileHandle.prototype
    FileSystemFileHandle.prototype.createWritable = function (...args) {
      if (this.name !== 'manifest.json' || --count > 0) return createWritable.apply(this, args)
      globalThis.isHalted = true
      return new Promise(() => {})
    }
  }
  globalThis.isReady = true`

interface Told {
  readonly begun: number
  readonly losses: readonly (readonly [number, number])[]
  readonly warnings: readonly string[]
  readonly names: readonly string[]
  /** Steps and losses of its log, evaluations among them. */
  readonly logged: readonly (readonly [number, number])[]
  /** Bytes of the adapter's file. */
  readonly adapter: readonly number[]
}

let browser: Browser
let page: Page
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())
beforeEach(async () => {
  page = await openPage(browser, script, {})
  await serveHub(page, {
    'config.json': await tinyBytes('config.json'),
    'model.safetensors': await tinyBytes('model.safetensors'),
  })
  await page.waitForFunction('globalThis.isReady')
})
afterEach(() => page.close())

const trained = (where: string, name: string, haltAt = 0): Promise<Told> =>
  page.evaluate(`trained('${where}', '${name}', ${haltAt})`)

/** Begins a training that comes to a halt, and loads the page again in the midst of it. */
async function reloadIn(where: string, haltAt: number): Promise<void> {
  // The page's end is its end.
  trained(where, 'torn', haltAt).catch(() => undefined)
  await page.waitForFunction('globalThis.isHalted')
  await page.reload()
  await page.waitForFunction('globalThis.isReady')
}

it.each(['page', 'worker'])('goes on after the %s was closed in the midst, bit for bit', async (where) => {
  const whole = await trained(where, 'whole')
  expect(whole.losses.map(([step]) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
  await reloadIn(where, 7)
  const resumed = await trained(where, 'torn')
  expect(resumed).toMatchObject({ begun: 6, losses: whole.losses.slice(6), warnings: [] })
  const { names, logged, adapter } = whole
  expect(names).toEqual(expect.arrayContaining(['checkpoint-10', 'checkpoint-12', 'report.html', 'run.json']))
  expect(logged).toHaveLength(12 + 4)
  expect(resumed).toMatchObject({ names, logged, adapter })
})

it('passes over a checkpoint in whose midst the page was closed, and says so', async () => {
  const whole = await trained('page', 'whole')
  await page.evaluate('haltAtManifest(3)')
  await reloadIn('page', 0)
  const resumed = await trained('page', 'torn')
  expect(resumed).toMatchObject({ begun: 4, losses: whole.losses.slice(4) })
  expect(resumed.warnings).toEqual([expect.stringContaining('torn/checkpoint-6 is passed over: it is not whole')])
  expect(resumed.adapter).toEqual(whole.adapter)
})
