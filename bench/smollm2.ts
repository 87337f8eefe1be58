import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { sampleFolder } from '../examples/medquad/data/load-medquad.ts'
import { readMedquad } from '../examples/medquad/data/read-medquad.ts'
import { openCpuDevice } from '../src/device/cpu/cpu-device.ts'
import { saveAdapter } from '../src/io/adapter-folder.ts'
import { loadModel } from '../src/io/load/load-model.ts'
import { saveModel } from '../src/io/save/save-model.ts'
import { attachLora } from '../src/peft/attach.ts'
import type { Competitor } from './competition.ts'
import { besideSum, competeOnCpu, over } from './cpu-model.ts'
import type { Row, RowOptions, RowResult } from './row.ts'

const tokens = 256
const ours = 'peft-medaware'
const oursF32 = 'peft-medaware f32'
const theirs = 'PyTorch + PEFT + bitsandbytes'
const torch = 'PyTorch f32'

/** Where `.ci/run` keeps the file. */
export const smollm2File = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'peft-medaware-models/SmolLM2-135M-Instruct.Q4_1.gguf',
)

/** A real model: both sides read one folder of a quantised base, one adapter and one file of tokens. */
export const smollm2Rows: readonly Row[] = [
  {
    name: 'smollm2',
    about: `QLoRA of SmolLM2-135M-Instruct: NF4, double quantisation, r = 16 on all linears, batch 1, T = ${tokens}`,
    rounds: 5,
    run: (options) => withFiles(options, [ours, theirs], race),
  },
  {
    name: 'smollm2-decode',
    about: 'one token of SmolLM2-135M-Instruct after another, batch 1; ours on NF4 and in f32',
    rounds: 15,
    run: (options) => withFiles(options, [ours, oursF32, torch], raceOnTokens),
  },
]

async function race(folder: string, options: RowOptions): Promise<RowResult> {
  const result = await competeOnCpu(
    {
      competitors: [
        { name: ours, file: 'own/smollm2.ts', args: [folder, options.build] },
        { name: theirs, file: 'peers/smollm2.py', args: [folder] },
      ],
      compare: [over(theirs, ours, { 24: '> 1' }), { slower: ours, faster: theirs, of: 'memory' }],
      sameLosses: [ours, theirs],
      lossesApart: '<= 0.0001',
      tokens,
      unit: 's',
      isModel: false,
    },
    options,
  )
  const apart = result.figures.find(({ what, met }) => what.includes('furthest apart') && met === false)
  if (apart) throw new Error(`they do not compute the same: losses are ${apart.median} nats apart, ${apart.bar}`)
  return result
}

async function raceOnTokens(folder: string, options: RowOptions): Promise<RowResult> {
  const ids = join(folder, 'ids.json')
  const own = (name: string, of: string): Competitor => ({
    name,
    file: 'own/smollm2-decode.ts',
    args: [join(folder, of), ids, options.build],
    between: '<= 10',
  })
  const beside = besideSum(options, ours)
  return competeOnCpu(
    {
      competitors: [
        own(ours, 'base'),
        own(oursF32, 'f32'),
        { name: torch, file: 'peers/decode.py', args: [join(folder, 'f32'), ids] },
        ...beside.competitors,
      ],
      compare: [over(torch, ours, '>= 1.5'), over(torch, oursF32, '>= 1.5'), ...(beside.compare ?? [])],
      calls: 8,
      isModel: false,
    },
    options,
  )
}

/** Runs `race` on a folder that is there meanwhile; without the model all of `names` are absent. */
async function withFiles(
  options: RowOptions,
  names: readonly string[],
  race: (folder: string, options: RowOptions) => Promise<RowResult>,
): Promise<RowResult> {
  if (!existsSync(options.model)) {
    const reason = `there is no ${options.model}; --model names its GGUF file or its Hugging Face folder`
    return { figures: [], absent: Object.fromEntries(names.map((name) => [name, reason])) }
  }
  const folder = mkdtempSync(join(tmpdir(), 'peft-medaware-smollm2-'))
  try {
    await writeStart(options.model, folder)
    return await race(folder, options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * What all sides begin from: base/ in NF4 and f32/ as transformers reads them, adapter/ as PEFT does, and ids.json, an
 * example.
 */
async function writeStart(source: string, folder: string): Promise<void> {
  const device = await openCpuDevice()
  const whole = await loadModel(source, { device, quantize: false })
  await saveModel(whole.model, join(folder, 'f32'))
  whole.model.dispose()
  const { model, tokenizer } = await loadModel(source, { device, quantize: { type: 'nf4', doubleQuant: true } })
  await saveModel(model, join(folder, 'base'))
  const adapter = attachLora(model, { r: 16, loraAlpha: 32, targetModules: 'all-linear' }, { device, seed: 42 })
  await saveAdapter(adapter, join(folder, 'adapter'))
  const { pairs } = await readMedquad(sampleFolder)
  const ids = tokenizer?.encode(pairs.map(({ answer }) => answer).join('\n\n')) ?? []
  if (ids.length < tokens) throw new Error(`${source}: the sample has ${ids.length} tokens, too few`)
  writeFileSync(join(folder, 'ids.json'), JSON.stringify([...ids.slice(0, tokens)]))
  model.dispose()
  device.dispose()
}
