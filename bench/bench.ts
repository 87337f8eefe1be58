import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { cpuBuilds } from '../src/device/cpu/cpu-device.ts'
import { fastestBuild } from '../src/device/cpu/fastest-build.ts'
import { adapterRows } from './adapters.ts'
import { cpuRows } from './cpu.ts'
import { smollm2File } from './smollm2.ts'
import { type Figure, fullLayers, type Row, type RowResult, tunings } from './row.ts'
import { clocks } from './stats.ts'
import { webgpuRows } from './webgpu.ts'

const builds = cpuBuilds()
const rowsOf: Readonly<Record<string, readonly Row[]>> = { cpu: cpuRows, webgpu: webgpuRows, adapters: adapterRows }
const help = `Measures peft-medaware in alternating rounds of one run, each figure as median and best, beside its bar.

  npm run bench -- cpu [options]
  npm run bench -- webgpu [options]
  npm run bench -- adapters [options]

  --only NAME    the row of this name; repeatable         (all)
  --rounds N     rounds that count                        (as below)
  --layers N     decoder layers of the models; bars on models hold at ${fullLayers}  (${fullLayers})
  --build NAME   of the CPU kernels: ${builds.join(', ')}    (the fastest here)
  --tuning HOW   of the WebGPU engine: ${tunings.join(', ')}      (auto)
  --clock HOW    of the rows of adapters: ${clocks.join(', ')}  (wall)
  --model FILE   SmolLM2-135M-Instruct, GGUF or a folder  (${smollm2File})
  --profile      kernels of a step: calls, time, speed, share
  --json         figures as JSON, and nothing else on standard output

${Object.entries(rowsOf)
  .map(([engine, rows]) => `Rows of ${engine} and their rounds:\n${rows.map(aboutRow).join('\n')}\n`)
  .join('\n')}
The peers are installed apart from the project: bench/README.md says how. Those that are absent are left out.`

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    layers: { type: 'string', default: String(fullLayers) },
    build: { type: 'string' },
    tuning: { type: 'string', default: 'auto' },
    clock: { type: 'string', default: 'wall' },
    model: { type: 'string', default: smollm2File },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const layers = Number(flags.layers)
const build = flags.build === undefined ? (await fastestBuild()).build : builds.find((name) => name === flags.build)
const tuning = tunings.find((name) => name === flags.tuning)
const clock = clocks.find((name) => name === flags.clock)
const areRight = [layers, Number(flags.rounds ?? 1)].every((count) => Number.isInteger(count) && count >= 1)
const rows = positionals.length === 1 ? rowsOf[positionals[0] ?? ''] : undefined
const areKnown = flags.only.every((name) => rows?.some((row) => row.name === name))
if (
  flags.help ||
  rows === undefined ||
  build === undefined ||
  tuning === undefined ||
  clock === undefined ||
  !areRight ||
  !areKnown
) {
  console.log(help)
  process.exit(flags.help ? 0 : 2)
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const machine = {
  'peft-medaware': version,
  node: process.version,
  v8: process.versions.v8,
  build,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
}
const say = (text: string) => {
  if (!flags.json) console.log(text)
}
const list = (pairs: object) =>
  Object.entries(pairs)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · ')
say(list(machine))

const results: Record<string, RowResult & { about: string; rounds: number }> = {}
for (const row of rows) {
  if (flags.only.length > 0 && !flags.only.includes(row.name)) continue
  const rounds = Number(flags.rounds ?? row.rounds)
  say(`\n${row.name}: ${row.about}; ${rounds} rounds`)
  const result = await row.run({
    rounds,
    layers,
    build,
    tuning,
    clock,
    model: flags.model,
    profile: flags.profile,
    say,
  })
  results[row.name] = { about: row.about, rounds, ...result }
  const { figures, versions = {}, absent = {} } = result
  if (Object.keys(versions).length > 0) say(`  ${list(versions)}`)
  const width = Math.max(48, ...figures.map(({ what }) => what.length))
  for (const figure of figures) say(line(figure, rounds, width))
  for (const [name, reason] of Object.entries(absent)) say(`  ${name}: absent (${reason})`)
}
if (flags.json) console.log(JSON.stringify({ machine, layers, tuning, clock, rows: results }, null, 2))

function aboutRow({ name, about, rounds }: Row): string {
  return `  ${name.padEnd(16)} ${String(rounds)}  ${about}`
}

function line(
  { what, unit, median, best, least, most, bar, judgedBy, met, fell }: Figure,
  rounds: number,
  width: number,
): string {
  const isOne = least === most
  const spread = isOne ? '' : `${short(least)} – ${short(most)}`
  const verdict = bar === undefined ? '' : `${judgedBy} ${bar} ${met === true ? 'met' : 'NOT MET'}`
  const fallen = fell === undefined || fell.length === 0 ? '' : `registers fell in ${fell.length} of ${rounds}`
  const start = `  ${what.padEnd(width)} ${short(median).padStart(8)} ${unit.padEnd(8)}`
  const ends = `${isOne ? ''.padStart(13) : `best ${short(best).padStart(8)}`}  ${spread.padEnd(18)}`
  return `${start} ${ends} ${verdict.padEnd(24)} ${fallen}`.trimEnd()
}

function short(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.01) return value.toExponential(1)
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
