// What gpu.sh runs: plain JavaScript on Node's own modules, because nothing is installed yet.
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const help = `Installs, tests and measures peft-medaware on this machine's GPU, and writes one JSON.

  bash bench/gpu.sh [GOLDEN] [options]

  GOLDEN         folder of golden numbers, to be compared too
  --out FILE     the JSON                                    (out/gpu.json)
  --limit N      minutes a part may take                     (60)
  --quick        a rehearsal: one round of each row, few tests and steps
  --only NAME    the part of this name; repeatable           (all)
  --help

Parts: PARTS.
Each part's outcome, time and output are in the JSON, which is written anew after each; one that fails does not stop the
others, and the exit status is 1. On Linux VK_ICD_FILENAMES names the Vulkan driver; without it all that are installed may
serve, and the fastest adapter does.`

const root = fileURLToPath(new URL('..', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'peft-medaware-gpu-'))
const { values: flags, positionals } = parse()
const minutes = Number(flags.limit)
const [golden] = positionals.map((folder) => resolve(folder))
const rounds = flags.quick ? ['--rounds', '1'] : []
const bench = ['npm', 'run', '--silent', 'bench', '--', 'webgpu', '--json', ...rounds]

/** Each: its name, a command or why there is none, and whether the command prints JSON. */
const parts = [
  { name: 'install', command: ['npm', 'ci'] },
  { name: 'install-peers', command: ['npm', 'ci', '--prefix', 'bench', '--ignore-scripts'] },
  { name: 'adapter', command: ['npx', 'tsx', 'bench/adapter.ts'], isJson: true },
  {
    name: 'tests',
    command: [
      'npm',
      'test',
      '--',
      ...['kernels', 'wgsl', 'webgpu', 'self-test'].map((name) => `test/device/${name}`),
    ].concat(flags.quick ? [] : ['test/ops', 'test/train', 'test/generate']),
  },
  {
    name: 'parity',
    ...(golden === undefined
      ? { reason: 'no folder of golden numbers was given' }
      : { command: ['npm', 'run', 'parity', '--', golden] }),
  },
  { name: 'bench-tuned', command: [...bench, '--tuning', 'on'], isJson: true },
  { name: 'bench-untuned', command: [...bench, '--tuning', 'off'], isJson: true },
  {
    name: 'medquad',
    command: [
      ...['npm', 'run', 'medquad', '--', '--device', 'webgpu', '--out', join(work, 'medquad')],
      ...(flags.quick ? ['--steps', '2', '--eval', '4', '--batch', '1'] : ['--steps', '10']),
    ],
  },
]
if (
  flags.help ||
  positionals.length > 1 ||
  !(minutes > 0) ||
  flags.only.some((name) => !parts.some((part) => part.name === name))
) {
  console.log(help.replace('PARTS', parts.map(({ name }) => name).join(', ')))
  leave(flags.help ? 0 : 2)
}
if (golden !== undefined && !existsSync(golden)) {
  console.error(`there is no ${golden}`)
  leave(2)
}

const out = resolve(flags.out)
const env = { ...process.env, ...drivers() }
const report = {
  'peft-medaware': JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
  commit: spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout?.trim() || null,
  begun: new Date().toISOString(),
  isQuick: flags.quick,
  machine: {
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    VK_ICD_FILENAMES: env.VK_ICD_FILENAMES ?? null,
  },
  parts: [],
}
for (const part of parts) {
  if (flags.only.length > 0 && !flags.only.includes(part.name)) continue
  const { name, reason } = part
  const result = reason === undefined ? await run(part) : { outcome: 'not run', reason }
  report.parts.push({ name, ...result })
  write()
  console.log(`${result.outcome.padEnd(8)} ${(result.seconds ?? 0).toFixed(0).padStart(5)} s  ${name}`)
}
console.log(out)
leave(report.parts.some(({ outcome }) => outcome === 'failed') ? 1 : 0)

/** Runs a part, its output passed on to stderr and kept. */
function run({ command, isJson = false }) {
  process.stderr.write(`\n=== ${command.join(' ')}\n`)
  const start = performance.now()
  const isWindows = process.platform === 'win32'
  // A group of its own, so that what it started ends with it. npm is a script on Windows, which only a shell runs.
  const child = spawn(command[0], command.slice(1), {
    cwd: root,
    env,
    shell: isWindows,
    detached: !isWindows,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = () => (isWindows ? child.kill() : process.kill(-child.pid, 'SIGKILL'))
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    stop()
  }, minutes * 60_000)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => (stop(), leave(1)))
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text
      process.stderr.write(text)
    })
  }
  return new Promise((settle) => {
    child.on('error', ({ message }) => (output.stderr += message))
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
      const value = isJson ? jsonOf(output.stdout) : undefined
      settle({
        outcome: status === 0 && value !== null ? 'passed' : 'failed',
        command: command.join(' '),
        seconds: Math.round((performance.now() - start) / 100) / 10,
        status,
        ...(signal !== null && { signal }),
        ...(isLate && { reason: `stopped after ${minutes} minutes` }),
        ...(value === null && { reason: 'it printed no JSON' }),
        ...(value ? { value } : { stdout: output.stdout }),
        stderr: output.stderr,
      })
    })
  })
}

function jsonOf(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Where nobody chose one, every Vulkan driver of this machine, so that the tests do not take SwiftShader. */
function drivers() {
  if (process.platform !== 'linux' || process.env.VK_ICD_FILENAMES !== undefined) return {}
  const found = ['/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d']
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  return found.length > 0 ? { VK_ICD_FILENAMES: found.join(delimiter) } : {}
}

/** Beside, then renamed: who reads it finds a whole one. */
function write() {
  mkdirSync(dirname(out), { recursive: true })
  writeFileSync(`${out}.tmp`, `${JSON.stringify(report, null, 2)}\n`)
  renameSync(`${out}.tmp`, out)
}

function leave(status) {
  rmSync(work, { recursive: true, force: true })
  process.exit(status)
}

function parse() {
  const options = {
    out: { type: 'string', default: 'out/gpu.json' },
    limit: { type: 'string', default: '60' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  }
  try {
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    console.error(error.message)
    return leave(2)
  }
}
