import { disk } from '#platform'
import { joined } from '../../core/bytes.ts'
import { eventRecord } from './event-file.ts'
import type { LogFormat, LogRecord } from './log-format.ts'

/** Ends the names of event files that are written here, so that those of other programs stay as they are. */
const mark = '.peft-medaware'

/** TensorBoard's event file, with the tags of transformers' TensorBoardCallback: `train/loss`, `eval/loss`. */
export const tensorboard: LogFormat = {
  fileName(there) {
    const ours = there.find((name) => name.startsWith('events.out.tfevents.') && name.endsWith(mark))
    const seconds = Math.floor(Date.now() / 1000)
    return ours ?? `events.out.tfevents.${String(seconds).padStart(10, '0')}.${disk?.processName ?? 'page'}${mark}`
  },
  whole(records) {
    const wallTime = (records[0]?.time ?? Date.now()) / 1000
    return joined([eventRecord({ wallTime, fileVersion: 'brain.Event:2' }), ...records.map(eventOf)])
  },
  added: (records) => joined(records.map(eventOf)),
}

function eventOf({ step, time, figures }: LogRecord): Uint8Array {
  const tagged = Object.entries(figures).map(([name, value]) => {
    return [name.startsWith('eval_') ? `eval/${name.slice('eval_'.length)}` : `train/${name}`, value] as const
  })
  // A step has one value of each tag: that of the epoch is the step's own, not the evaluation's again.
  const isEvaluation = tagged.some(([tag]) => tag.startsWith('eval/'))
  const own = isEvaluation ? tagged.filter(([tag]) => tag.startsWith('eval/')) : tagged
  return eventRecord({ wallTime: time / 1000, step, scalars: Object.fromEntries(own) })
}
