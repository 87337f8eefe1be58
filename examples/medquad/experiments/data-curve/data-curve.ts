/** How quality grows with data: `npm run medquad:data-curve`. */
import { rm } from 'node:fs/promises'
import { completeText, evaluateLoss, type Example, loadModel, MedAwareError, rouge } from 'peft-medaware'
import { dialogueOf } from '../../dialogue.ts'
import { diseasesOf, heldOutOf } from '../../held-out.ts'
import { pickQuestions } from '../../questions.ts'
import { isOurs, writeJson } from '../../records.ts'
import { reportErrorsPlainly } from '../../story.ts'
import { openSurroundings } from '../open-surroundings.ts'
import { parseCurveOptions } from './curve-options.ts'
import { drawCurve } from './draw-curve.ts'
import { CurveFolder, type CurveRecord, type WrittenAnswer } from './records.ts'
import { holdOut, nestedSubsets } from './subsets.ts'
import { type CurveBench, natsOf, trainPoint } from './train-point.ts'

reportErrorsPlainly()
const options = parseCurveOptions(process.argv.slice(2))
if (!options.draw) await measureCurve()
await drawCurve(options)

async function measureCurve(): Promise<void> {
  const { settings, base, seeds } = options
  const { sizes, maxLength, answers, answerTokens } = settings
  const { line, story, interrupts, device, data } = await openSurroundings(options)
  const folder = new CurveFolder(options.out)
  const { pool, ...held } = holdOut(data, settings)
  const { model, tokenizer } = await loadModel(base.source, {
    ...{ device, quantize: { type: 'nf4', doubleQuant: true }, onProgress: line.load, onWarning: story.warn },
  })
  if (tokenizer === null) throw new MedAwareError('not-found', `${base.source}: no tokenizer.json`)
  const texter = tokenizer
  const dialogue = dialogueOf(texter)
  const kept = await heldOutOf(dialogue, held.measured, held.measured.length, maxLength)
  const measured = kept.map(({ example }) => example)
  const asked = pickQuestions(held.measured, answers)

  const answer = async (): Promise<WrittenAnswer[]> => {
    const texts: string[] = []
    for (const { question } of asked) {
      line.status('answers', () => `answering ${texts.length} of ${asked.length}`)
      const greedy = { maxNewTokens: answerTokens, repetitionPenalty: 1.15, doSample: false }
      texts.push((await completeText(model, texter, await dialogue.promptOf(question), greedy)).trim())
    }
    if (texts.length === 0) return []
    const references = asked.map(({ answer: reference }) => reference)
    const { scores } = rouge(texts, references, { rougeTypes: ['rougeL'], resamples: 1 })
    return texts.map((text, i) => {
      return { id: asked[i]?.id ?? '', rougeL: Number(scores[i]?.rougeL.fmeasure.toFixed(4)), text }
    })
  }
  const shared = await folder.shared(settings, async () => ({
    ...{ engine: device.description, settings },
    data: { pool: pool.length, validation: held.validation.length, measured: measured.length },
    questions: questionsOf(kept),
    base: {
      nats: natsOf(await evaluateLoss(model, measured, { onProgress: line.measuring })),
      answers: await answer(),
    },
  }))
  const bench: CurveBench = {
    ...{ model, dialogue, adapter: settings.adapter, settings, measured, answer, line },
    validation: await dialogue.examplesOf(held.validation, maxLength),
    ...{ signal: interrupts.signal, onWarning: story.warn },
  }

  const writing = [sizes[0], sizes[(sizes.length - 1) >> 1], sizes.at(-1)]
  const wanted = sizes.filter((size) => options.only?.includes(size) ?? true)
  const order = options['largest-first'] ? wanted.toReversed() : wanted
  for (const [size, seed] of order.flatMap((each) => seeds.map((seed) => [each, seed] as const))) {
    const name = `${size} pairs, seed ${seed}`
    if ((await folder.point({ size, seed })) !== null) continue
    const run = folder.runOf({ size, seed })
    if (!(await isOurs(run))) {
      story.say('passed', `${name}: another process is at it`)
      continue
    }
    // It may have ended there between the look and the lock.
    if ((await folder.point({ size, seed })) !== null) continue
    const pairs = nestedSubsets(pool, sizes, seed).get(size) ?? []
    story.say('training', `${name}: ${pairs.length} drawn`)
    interrupts.putOff()
    const point = await trainPoint(bench, { size, seed, pairs, folder: run, writes: writing.includes(size) }).catch(
      (error: unknown) => {
        if (!interrupts.isReason(error)) throw error
        story.say('stopped', `${name}, saved; the same command goes on`)
        return interrupts.leave()
      },
    )
    await folder.keep(point)
    await rm(run, { recursive: true })
    interrupts.letThrough('the points that were trained are kept; the same command goes on')
    story.say('trained', `${name}: validation loss ${point.best.loss}, after step ${point.best.step} of ${point.steps}`)
  }
  device.dispose()
  const record: CurveRecord = { ...shared, points: await folder.points() }
  await writeJson(options.record, record)
  story.say('recorded', `${record.points.length} points in ${options.record}`)
}

function questionsOf(kept: Awaited<ReturnType<typeof heldOutOf>>): CurveRecord['questions'] {
  const diseases = diseasesOf(kept.map(({ pair }) => pair))
  return kept.map(({ pair: { id, qtype }, example }, i) => {
    const tokens = labelsOf(example)
    return { id, disease: diseases[i] ?? '', qtype, tokens, bytes: example.bytes ?? 0 }
  })
}

/** Tokens of the answer. */
function labelsOf({ labels }: Example): number {
  return labels.reduce((count, label) => count + (label < 0 ? 0 : 1), 0)
}
