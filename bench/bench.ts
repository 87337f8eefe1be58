import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { type CpuBuild, cpuBuilds } from '../src/device/cpu.ts'
import { cpuRows } from './cpu.ts'
import type { Figure } from './row.ts'

const help = `Measures peft-medaware in alternating rounds of one run.

  npm run bench -- cpu [options]

  --only NAME    rows whose name starts so; repeatable    (all)
  --rounds N     rounds that count                        (7)
  --layers N     decoder layers of the models            (2)
  --profile      kernels of a step: calls, time, speed, share
  --build NAME   simd, relaxed or wide                   (the engine's default)
  --json         figures as JSON, and nothing else

Rows: ${cpuRows.map(({ name }) => name).join(', ')}`

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '7' },
    layers: { type: 'string', default: '2' },
    profile: { type: 'boolean', default: false },
    build: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const rounds = Number(flags.rounds)
const builds = cpuBuilds()
const build = (flags.build ?? (builds.includes('relaxed') ? 'relaxed' : 'simd')) as CpuBuild
const layers = Number(flags.layers)
const isWrong =
  positionals.length !== 1 || positionals[0] !== 'cpu' || !(rounds >= 1) || !(layers >= 1) || !builds.includes(build)
if (flags.help || isWrong) {
  console.log(help)
  process.exit(flags.help ? 0 : 2)
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const machine = {
  'peft-medaware': version,
  node: process.version,
  build,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
  rounds,
}
const say = (text: string) => {
  if (!flags.json) console.log(text)
}
const results: Record<string, readonly Figure[]> = {}
say(
  Object.entries(machine)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · '),
)
for (const row of cpuRows) {
  if (flags.only.length > 0 && !flags.only.some((name) => row.name.startsWith(name))) continue
  say(`\n${row.name}: ${row.about}`)
  const figures = await row.run({
    rounds,
    layers,
    build,
    profile: flags.profile,
    say,
  })
  results[row.name] = figures
  for (const figure of figures) say(line(figure))
}
if (flags.json) console.log(JSON.stringify({ machine, results }, null, 2))

function line({ what, unit, median, least, most, bar }: Figure): string {
  const spread = `${short(least)} – ${short(most)}`
  return `  ${what.padEnd(44)} ${short(median).padStart(8)} ${unit.padEnd(8)} ${spread.padEnd(18)} ${bar ?? ''}`.trimEnd()
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
