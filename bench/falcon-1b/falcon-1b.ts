/**
 * Takes a Falcon-RW-1B of full size through the library: load and quantise, reload, 10 training steps, generation,
 * adapter, merge, reload. Each part is a process of its own, so that its peak memory is its own.
 * bench/falcon-1b/load.ts has a plain read beside it.
 * `npx tsx test/device/with-gpu.ts bench/falcon-1b/falcon-1b.ts FOLDER OUT [--device cpu|webgpu] [--steps 10]
 * [--tokens 128]`, FOLDER as make-falcon-1b.ts writes it.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type FalconPart, parts, type PartOptions } from './parts.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', default: 'cpu' },
    steps: { type: 'string', default: '10' },
    tokens: { type: 'string', default: '128' },
    part: { type: 'string' },
  },
})
const [folder, out] = positionals
if (folder === undefined || out === undefined || (flags.device !== 'cpu' && flags.device !== 'webgpu')) {
  console.error('usage: falcon-1b.ts FOLDER OUT [--device cpu|webgpu] [--steps 10] [--tokens 128]')
  process.exit(2)
}
const options: PartOptions = {
  folder,
  out,
  device: flags.device,
  steps: Number(flags.steps),
  tokens: Number(flags.tokens),
}

if (flags.part === undefined) runAll()
else {
  const facts = await parts[flags.part as FalconPart](options)
  const peak = process.resourceUsage().maxRSS * 1024
  console.log(JSON.stringify({ ...facts, 'peak resident': `${(peak / 1e9).toFixed(2)} GB` }))
  process.exit(0)
}

/** Runs the parts one after another, and prints what each says. */
function runAll(): void {
  mkdirSync(options.out, { recursive: true })
  for (const part of Object.keys(parts) as FalconPart[]) {
    const words = ['--device', options.device, '--steps', String(options.steps), '--tokens', String(options.tokens)]
    const file = fileURLToPath(import.meta.url)
    const { status, stdout } = spawnSync(
      process.execPath,
      [...process.execArgv, file, options.folder, options.out, ...words, '--part', part],
      { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(`${part} ended with ${status}`)
    say(part, JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>)
  }
}

function say(what: string, facts: Readonly<Record<string, unknown>>): void {
  console.log(`\n${what}`)
  for (const [name, value] of Object.entries(facts)) console.log(`  ${name}: ${String(value)}`)
}
