import { type AdapterReport, inspectModel, type ModelReport } from '../io/plan/inspect-model.ts'
import { showBytes } from '../io/plan/memory-advice.ts'
import { describeMemoryPlan } from '../io/plan/describe-memory-plan.ts'
import { type Command, parseWords, whole } from './command.ts'

const help = `Says what a model or an adapter is, from its configs and the headers of its files; no weights are read.

  peft-medaware inspect SOURCE [options]

  --r N                 rank of the adapter that is counted     (16)
  --target-modules A,B  what it adapts, or all-linear           (the architecture's usual)
  --batch N             examples of the training step that memory is planned for (1)
  --length N            tokens of each                          (512)
  --json                all of it, for programs
  --help`

/** `peft-medaware inspect`. */
export const inspectCommand: Command = {
  summary: 'say what a model or an adapter is, and what it takes',
  help,
  async run(args, { signal, progress, print }) {
    const { values, words } = parseWords(args, ['SOURCE'], {
      r: { type: 'string', default: '16' },
      'target-modules': { type: 'string' },
      batch: { type: 'string', default: '1' },
      length: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const targets = values['target-modules']
    const report = await inspectModel(words.SOURCE, {
      ...{ signal, onDownload: progress.load },
      adapter: {
        r: whole('r', values.r),
        ...(targets !== undefined && { targetModules: targets === 'all-linear' ? targets : targets.split(',') }),
      },
      batchSize: whole('batch', values.batch),
      ...(values.length !== undefined && { length: whole('length', values.length) }),
    })
    progress.clear()
    if (values.json) {
      print(`${JSON.stringify(report, null, 2)}\n`)
      return
    }
    const lines = report.kind === 'adapter' ? adapterLines(report) : modelLines(report)
    print(lines.map(([name, text]) => `${name.padEnd(14)}${text}\n`).join(''))
  },
}

type Line = readonly [name: string, text: string]

function modelLines(report: ModelReport): Line[] {
  const { config, parameters, adapter, files, quantization, tokenizer, memory } = report
  const { vocabSize, hiddenSize, numHiddenLayers, numAttentionHeads, maxPositionEmbeddings } = config
  const kinds = Object.entries(files.kinds).filter(([, { tensors }]) => tensors > 0)
  return [
    ['model', report.name],
    ['architecture', report.architecture],
    [
      'sizes',
      `${numHiddenLayers} layers of ${hiddenSize}, ${numAttentionHeads} heads, ${vocabSize} tokens, ${maxPositionEmbeddings} positions`,
    ],
    ['parameters', `${count(parameters.all)}; ${count(parameters.packed)} with two 4-bit ones counted as one`],
    [
      adapter.method,
      `${adapter.settings}: ${count(adapter.trainable)} trainable, ${percent(adapter.share)} of all, ${percent(adapter.sharePacked)} counted so`,
    ],
    ['files', `${files.tensors} tensors, ${showBytes(files.bytes)}: ${dtypesOf(files.dtypes)}`],
    ...kinds.map(([name, kind]): Line => [
      '',
      `${name}s: ${count(kind.parameters)} parameters, ${showBytes(kind.bytes)}`,
    ]),
    ['quantised', quantization === null ? 'no' : describeQuantization(quantization)],
    [
      'tokenizer',
      tokenizer === null ? 'none' : `${tokenizer.vocabSize} tokens, end of text ${tokenizer.eosTokenId ?? 'unknown'}`,
    ],
    ['to load', describeMemoryPlan(memory.load)],
    ['to train', describeMemoryPlan(memory.train)],
  ]
}

function adapterLines({ name, method, settings, config, ignored, parameters, files }: AdapterReport): Line[] {
  return [
    ['adapter', name],
    [method, settings],
    ['base', config.baseModelNameOrPath ?? 'not said'],
    ['parameters', count(parameters)],
    ['files', `${files.tensors} tensors, ${showBytes(files.bytes)}: ${dtypesOf(files.dtypes)}`],
    ...(ignored.length > 0 ? [['not known', ignored.join(', ')] as const] : []),
  ]
}

function describeQuantization({
  type,
  blockSize,
  doubleQuant,
  layers,
}: NonNullable<ModelReport['quantization']>): string {
  const blocks = blockSize === null ? '' : ` in blocks of ${blockSize}`
  return `${layers} layers in ${type}${blocks}${doubleQuant ? ', double-quantised' : ''}`
}

function dtypesOf(dtypes: ModelReport['files']['dtypes']): string {
  return Object.entries(dtypes)
    .map(([dtype, { bytes }]) => `${dtype} ${showBytes(bytes)}`)
    .join(', ')
}

/** 1,234,567. */
function count(value: number): string {
  return value.toLocaleString('en-US')
}

function percent(share: number): string {
  return `${(100 * share).toFixed(4)}%`
}
