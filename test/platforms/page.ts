import path from 'node:path'
import { hasFound, type PlatformsRecord, type Probed, type RuntimeRecord } from './finding.ts'
import { withBlock } from './marked-block.ts'

const docs = path.resolve(import.meta.dirname, '../../docs')

export const recordFile = path.join(docs, 'platforms/runtimes.json')
export const pageFile = path.join(docs, 'guides/what-works-where.md')

/** The page with the record's table. @throws Error where it has no place for it. */
export const withTable = (page: string, record: PlatformsRecord): Promise<string> => {
  return withBlock(page, 'runtimes', table(record))
}

function table({ runtimes, date, package: version, machine }: PlatformsRecord): string {
  const rows: readonly (readonly [string, (runtime: RuntimeRecord, first: RuntimeRecord) => string])[] = [
    ['version', (runtime) => runtime.version],
    ['engine', (runtime) => runtime.engine],
    ['installed by', (runtime) => runtime.installer],
    ['`#platform`', (runtime) => runtime.platform],
    ['CPU engine, `simd`', ({ probes }, first) => bits(probes.simd, first.probes.simd)],
    ['`relaxed`, two threads', ({ probes }, first) => bits(probes.threads, first.probes.threads)],
    ['`wide`, two threads', ({ probes }, first) => bits(probes.wide, first.probes.wide)],
    [
      'the three, GFLOP per core second',
      ({ probes }) => [probes.simd, probes.threads, probes.wide].map(speed).join(' / '),
    ],
    ['`peft-medaware/worker`', ({ probes }, first) => bits(probes.worker, first.probes.worker)],
    ['WebGPU by npm `webgpu`', ({ probes }, first) => bits(probes.webgpu, first.probes.webgpu)],
    ['WebGPU of its own', ({ probes }) => (probes.ownWebgpu === undefined ? 'none' : ownGpu(probes))],
    ['the command', ({ command }, first) => commandWorks(command, first.command)],
  ]
  const [first] = runtimes
  if (first === undefined) throw new Error('the record has no runtime')
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(['part', ...runtimes.map(({ name }) => name)]),
    line(['---', ...runtimes.map(() => '---')]),
    ...rows.map(([name, cell]) => line([name, ...runtimes.map((runtime) => cell(runtime, first))])),
    '',
    `Measured on ${date} with version ${version}, on ${machine}.`,
  ].join('\n')
}

/** Whether a probe worked, and whether all its digests are those of the first runtime. */
function bits(probed: Probed | undefined, first: Probed | undefined): string {
  if (!hasFound(probed)) return 'fails'
  if (probed === first || !hasFound(first)) return 'works'
  const isSame = probed.adapter === first.adapter && probed.logits === first.logits && probed.text === first.text
  return isSame ? 'same bits' : 'works, other last bits'
}

function speed(probed: Probed | undefined): string {
  return hasFound(probed) && probed.gflops != null ? probed.gflops.toFixed(0) : '-'
}

function ownGpu({ ownWebgpu, webgpu }: RuntimeRecord['probes']): string {
  if (!hasFound(ownWebgpu)) return 'fails'
  const times = hasFound(webgpu) ? `, ${(ownWebgpu.seconds / webgpu.seconds).toFixed(0)} times as long` : ''
  return `works${times}`
}

function commandWorks(command: RuntimeRecord['command'], first: RuntimeRecord['command']): string {
  if ('error' in command) return 'fails'
  if (command === first || 'error' in first) return 'works'
  return command.adapter === first.adapter ? 'same bits' : 'works, other last bits'
}
