/**
 * What it takes to load a checkpoint on the CPU engine, beside a program that reads the same files once and touches
 * every byte: seconds by the clock and of processor, and the most memory that was resident. Each run is a process of
 * its own.
 * `npx tsx bench/falcon-1b/load.ts FOLDER [--quantize] [--runs 3]`; bench/falcon-1b/make-falcon-1b.ts makes a folder.
 */
import { execFileSync } from 'node:child_process'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { loadModel } from '../../src/io/load/load-model.ts'

type What = 'touch' | 'load'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quantize: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
})
const [folder] = positionals
if (folder === undefined) throw new Error('load: which folder?')

/** Reads every safetensors file in pieces of 8 MiB, and adds up its bytes. */
async function touch(path: string): Promise<void> {
  const bytes = new Uint8Array(8 * 1024 * 1024)
  let sum = 0
  for (const name of (await readdir(path)).filter((each) => each.endsWith('.safetensors'))) {
    const file = await open(join(path, name))
    for (let length = 1; length > 0;) {
      length = (await file.read(bytes, 0, bytes.length)).bytesRead
      for (let i = 0; i < length; i++) sum += bytes[i] ?? 0
    }
    await file.close()
  }
  if (sum === 0) throw new Error(`load: no numbers in ${path}`)
}

async function load(path: string): Promise<void> {
  const device = await openCpuDevice({ build: 'fastest' })
  await loadModel(path, { device, quantize: values.quantize ? { type: 'nf4' } : false })
  device.dispose()
}

async function run(what: What, path: string): Promise<void> {
  const start = performance.now()
  await (what === 'touch' ? touch(path) : load(path))
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const seconds = (performance.now() - start) / 1e3
  console.log(JSON.stringify({ seconds, cpu: (userCPUTime + systemCPUTime) / 1e6, megabytes: maxRSS / 1e3 }))
}

if (values.only !== undefined) await run(values.only as What, folder)
else {
  for (let i = 0; i < Number(values.runs); i++) {
    const [touched, loaded] = (['touch', 'load'] as const).map((what) => {
      const args = ['--import', 'tsx', import.meta.filename, folder, '--only', what]
      if (values.quantize) args.push('--quantize')
      const line = execFileSync(process.execPath, args, { encoding: 'utf8' })
      const { seconds, cpu, megabytes } = JSON.parse(line) as { seconds: number; cpu: number; megabytes: number }
      console.log(
        `${what}: ${seconds.toFixed(2)} s, ${cpu.toFixed(2)} s of processor, ${megabytes.toFixed(0)} MB at most`,
      )
      return seconds
    })
    console.log(`loading takes ${((loaded ?? NaN) / (touched ?? NaN)).toFixed(2)} times as long`)
  }
}
