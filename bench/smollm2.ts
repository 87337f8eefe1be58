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
import { compete } from './competition.ts'
import { figure, type Row, type RowOptions, type RowResult } from './row.ts'

const tokens = 256
const ours = 'peft-medaware'
const theirs = 'PyTorch + PEFT + bitsandbytes'

/** Where `.ci/run` keeps the file. */
export const smollm2File = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'peft-medaware-models/SmolLM2-135M-Instruct.Q4_1.gguf',
)

/** A real model: both sides read one folder of a quantised base, one adapter and one file of tokens. */
export const smollm2Row: Row = {
  name: 'smollm2',
  about: `QLoRA of SmolLM2-135M-Instruct: NF4, double quantisation, r = 16 on all linears, batch 1, T = ${tokens}`,
  rounds: 5,
  run: raceOnSmollm2,
}

async function raceOnSmollm2(options: RowOptions): Promise<RowResult> {
  if (!existsSync(options.model)) {
    const reason = `there is no ${options.model}; --model names its GGUF file or its Hugging Face folder`
    return { figures: [], absent: { [ours]: reason, [theirs]: reason } }
  }
  const folder = mkdtempSync(join(tmpdir(), 'peft-medaware-smollm2-'))
  try {
    await writeStart(options.model, folder)
    const result = await compete(
      {
        competitors: [
          { name: ours, file: 'own/smollm2.ts', args: [folder, options.build] },
          { name: theirs, file: 'peers/smollm2.py', args: [folder] },
        ],
        compare: [{ slower: ours, faster: theirs }],
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
    return { ...result, figures: [...result.figures, ...memoryRatio(result)] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What both sides begin from: base/ as transformers reads it, adapter/ as PEFT does, and ids.json, an example. */
async function writeStart(source: string, folder: string): Promise<void> {
  const device = await openCpuDevice()
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

function memoryRatio({ figures }: RowResult) {
  const peak = (name: string) => figures.find(({ what }) => what === `${name}: peak resident memory`)?.median
  const [mine, other] = [peak(ours), peak(theirs)]
  return mine === undefined || other === undefined
    ? []
    : [figure(`${theirs} over ${ours}: memory`, 'x', [other / mine])]
}
