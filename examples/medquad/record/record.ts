/**
 * Makes of a finished run what a page shows: its curve as an SVG, and Markdown of its figures, of the held-out loss by
 * disease and of the answers. `npm run medquad:record --silent -- RUN CURVE.svg > RECORD.md`
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../data/data-error.ts'
import { reportErrorsPlainly } from '../story.ts'
import { type LogEntry, lossCurve } from './loss-curve.ts'
import { type RecordedRun, recordOf } from './record-text.ts'

reportErrorsPlainly()
const [run, curve] = process.argv.slice(2)
if (run === undefined || curve === undefined) {
  throw new DataError('config', 'record: give the folder of a finished run, and where its curve goes')
}
const read = async (name: string) => readFile(join(run, name), 'utf8')
const json = async (name: string) => JSON.parse(await read(name)) as unknown
const entries = (await read('log.jsonl')).trim().split('\n')
await writeFile(curve, lossCurve(entries.map((line) => JSON.parse(line) as LogEntry)))
const [summary, heldOut, answers] = [
  await json('summary.json'),
  await json('held-out.json'),
  await json('answers.json'),
]
console.log(recordOf({ summary, heldOut, answers } as RecordedRun))
