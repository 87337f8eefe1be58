/** Measures what a model writes on held-out diseases: `npm run medquad:texts`. */
import { rm } from 'node:fs/promises'
import { completeText, evaluateLoss, loadModel, openAdapter, openDevice, ProgressLine } from 'peft-medaware'
import { baseOf } from '../bases.ts'
import { cacheDirectory } from '../data/cache-directory.ts'
import { loadMedquad } from '../data/load-medquad.ts'
import { dialogueOf } from '../dialogue.ts'
import { buildFlag, deviceFlag, number, readFlags, text, there, whole } from '../flags.ts'
import { diseasesOf } from '../held-out.ts'
import { Interrupts } from '../interrupts.ts'
import { cpuOptions } from '../options.ts'
import { pickQuestions } from '../questions.ts'
import { digestOf, Records, writeJson } from '../records.ts'
import { reportErrorsPlainly } from '../story.ts'
import { duration } from '../words.ts'
import { type Answered, describeTexts, textsTable } from './describe-texts.ts'
import { nameLists } from './name-lists.ts'

const help = `Asks a model questions on held-out diseases, each with several seeds, before and after its adapter, and
measures the answers. Prints a table of Markdown.

  npm run medquad:texts -- [options]

  --adapter DIR   the adapter                          (out/medquad)
  --base          the base model alone
  --model SOURCE  the base model it was trained on     (examples/medquad/base)
  --data PATH     MedQuAD, as for npm run medquad
  --questions N   each on another disease              (20)
  --seeds N       answers to each question             (10)
  --temperature X                                      (0.2)
  --tokens N      the longest answer                   (96)
  --device WHICH  auto, cpu or webgpu                  (auto)
  --threads N, --build NAME    of the CPU engine, as for npm run medquad
  --out FILE      all answers, as JSON                 (out/medquad/texts.json)
  --help

Ctrl-C loses at most one question's answers: the same command goes on, from FILE.parts, which is removed at the end.`

const flags = readFlags(
  process.argv.slice(2),
  {
    ...{ adapter: text('out/medquad'), base: there, model: text(undefined), data: text(undefined) },
    ...{ questions: whole(20), seeds: whole(10), temperature: number(0.2), tokens: whole(96) },
    ...{ device: deviceFlag, threads: whole(undefined), build: buildFlag, out: text('out/medquad/texts.json') },
  },
  help,
)
reportErrorsPlainly()
const line = new ProgressLine(process.stderr)
const data = await loadMedquad({
  ...(flags.data !== undefined && { data: flags.data }),
  ...{ cacheDir: cacheDirectory(), warn: line.warn },
})
const asked = pickQuestions(data.test, flags.questions)
const diseases = diseasesOf(asked)
const names = nameLists(data.all)

const { device } = await openDevice({ device: flags.device, cpu: cpuOptions(flags) })
const { source } = baseOf(flags.model)
const { model, tokenizer } = await loadModel(source, {
  device,
  quantize: { type: 'nf4' },
  onProgress: line.load,
  onWarning: line.warn,
})
if (tokenizer === null) throw new Error(`${source} has no tokenizer.json`)
const texter = tokenizer
const { promptOf, examplesOf } = dialogueOf(texter)
const settings = { doSample: true, temperature: flags.temperature, maxNewTokens: flags.tokens }

const parts = new Records(`${flags.out}.parts`)
const interrupts = new Interrupts()
interrupts.note = 'answers so far are kept; the same command goes on'

/** Who answers, as its column is headed, and what it answered; questions that it answered before it was ended stay. */
async function answerAll(who: string): Promise<[string, Answered[]]> {
  // Weights and adapter are those that find the first answer as likely, to the last bit.
  const { loss } = await evaluateLoss(model, await examplesOf(asked.slice(0, 1), 256))
  const answered: Answered[] = []
  const total = asked.length * flags.seeds
  let [done, known] = [0, 0]
  // Time counts from here.
  line.status(who, () => `answering, ${who}`)
  const answersTo = async (prompt: string): Promise<string[]> => {
    const answers: string[] = []
    for (let seed = 0; seed < flags.seeds; seed++) {
      answers.push((await completeText(model, texter, prompt, { ...settings, seed })).trim())
      done++
      line.status(who, (elapsed) => {
        const left = duration((elapsed / 1000 / done) * (total - known - done))
        return `answering, ${who}  ${known + done}/${total}  ${((1000 * done) / elapsed).toFixed(2)}/s  ${left} left`
      })
    }
    return answers
  }
  for (const [i, { question, answer: reference }] of asked.entries()) {
    const prompt = await promptOf(question)
    const key = `answers-${digestOf(JSON.stringify([device.description, loss, prompt, settings, flags.seeds]))}`
    const before = done
    const answers = await parts.made(key, () => answersTo(prompt), interrupts.signal)
    if (done === before) known += flags.seeds
    answered.push({ question, disease: diseases[i] ?? '', reference, answers })
  }
  line.clear()
  return [who, answered]
}

const columns = [await answerAll('base')]
if (!flags.base) {
  await openAdapter(model, flags.adapter, { device })
  columns.push(await answerAll('with the adapter'))
}
await writeJson(flags.out, Object.fromEntries(columns))
const described = columns.map(([name, answered]) => [name, describeTexts(answered, names, {})] as const)
console.log(textsTable(described.map(([name, { rows }]) => [name, rows])))
console.log(
  `\n${asked.length} questions, ${flags.seeds} seeds, temperature ${flags.temperature}, at most ${flags.tokens} tokens`,
)
console.log(`BLEU: ${described[0]?.[1].signature}`)
await rm(parts.path, { recursive: true, force: true })
device.dispose()
