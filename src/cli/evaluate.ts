import { check } from '../core/errors.ts'
import { prepareExamples } from '../data/prepare-examples.ts'
import { openDevice } from '../device/open-device.ts'
import { evaluateLoss } from '../evaluate/loss.ts'
import { storageTypes } from '../formats/formats.ts'
import { openAdapter } from '../io/adapter-folder.ts'
import { loadDataset } from '../io/dataset/load-dataset.ts'
import { loadModel } from '../io/load/load-model.ts'
import { type Command, namesOf, oneOf, parseWords, whole } from './command.ts'
import { duration } from './progress-line.ts'

const help = `Measures how well a model predicts rows of text: loss, perplexity and bits per byte.

  peft-medaware evaluate SOURCE DATA [options]

  --adapter DIR         an adapter for the model, a folder or a name on the Hub
  --ignore-fields A,B   fields of the adapter's config to pass over, though they are not known here
  --max-length N        tokens of a row; what is beyond is cut off   (1024)
  --batch N             rows of a forward pass                       (8)
  --quantize NAME       load in nf4, fp4 or int8                     (as it is)
  --dtype NAME          f32, f16 or bf16, of what is not quantised   (f32)
  --device NAME         auto, cpu or webgpu                          (auto)
  --json                the numbers as JSON
  --help

DATA is a .jsonl, .json, .csv, .tsv or .parquet with columns text, prompt and completion, question and answer, or
messages. Prompts are read and not counted.`

/** `peft-medaware evaluate`. */
export const evaluateCommand: Command = {
  summary: 'measure how well a model predicts rows of text',
  help,
  async run(args, { signal, progress, print }) {
    const { values, words } = parseWords(args, ['SOURCE', 'DATA'], {
      adapter: { type: 'string' },
      'ignore-fields': { type: 'string' },
      'max-length': { type: 'string', default: '1024' },
      batch: { type: 'string', default: '8' },
      quantize: { type: 'string' },
      dtype: { type: 'string', default: 'f32' },
      device: { type: 'string', default: 'auto' },
      json: { type: 'boolean', default: false },
    })
    const type = values.quantize === undefined ? null : oneOf('quantize', values.quantize, storageTypes())
    const dtype = oneOf('dtype', values.dtype, ['f32', 'f16', 'bf16'])
    const maxLength = whole('max-length', values['max-length'], 2)
    const batchSize = whole('batch', values.batch)
    const engine = oneOf('device', values.device, ['auto', 'cpu', 'webgpu'])
    const data = await loadDataset(words.DATA)
    const { device } = await openDevice({ device: engine })
    try {
      const { model, tokenizer, name } = await loadModel(words.SOURCE, {
        ...{ device, dtype, signal, onProgress: progress.load, onWarning: progress.warn },
        quantize: type === null ? false : { type },
      })
      check(tokenizer !== null, 'not-found', () => `evaluate: ${name} has no tokenizer.json`)
      if (values.adapter !== undefined) {
        const ignoreFields = namesOf(values['ignore-fields'])
        const told = { onDownload: progress.load, onWarning: progress.warn }
        await openAdapter(model, values.adapter, { device, signal, ignoreFields, ...told })
      }
      const told = { onProgress: progress.rows, onWarning: progress.warn }
      const { examples, report: rows } = await prepareExamples(tokenizer, data, { maxLength, signal, ...told })
      const onProgress = (done: number, total: number) => {
        progress.status('measuring', (elapsed) => {
          const seconds = elapsed / 1000
          const rate = `${(done / seconds).toFixed(1)}/s  ${duration((seconds / done) * (total - done))} left`
          return `measuring  ${done}/${total} rows  ${rate}`
        })
      }
      const report = await evaluateLoss(model, examples, { batchSize, signal, onProgress })
      progress.clear()
      const { loss, perplexity, bitsPerByte, tokenAccuracy, tokens } = report
      const bits = bitsPerByte === null ? '' : `, ${bitsPerByte.toFixed(4)} bits per byte`
      const hits = tokenAccuracy === null ? '' : `, token accuracy ${tokenAccuracy.toFixed(4)}`
      print(
        values.json
          ? `${JSON.stringify({ ...report, rows: rows.rows })}\n`
          : `loss ${loss.toFixed(4)} nats a token, perplexity ${perplexity.toFixed(3)}${bits}${hits}; ${tokens} tokens of ${rows.rows} rows\n`,
      )
    } finally {
      device.dispose()
    }
  },
}
