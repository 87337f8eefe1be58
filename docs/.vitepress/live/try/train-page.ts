import { defineComponent, h, ref, shallowRef } from 'vue'
import type { train } from '../../../../examples/try/train.ts'
import { button, fields, numberField, status } from '../parts/fields.ts'
import { lineChart, type Point, three } from '../parts/line-chart.ts'
import { oneRun } from './one-run.ts'

/** What the model is asked if the reader asks nothing else: of the questions it is trained on. */
const firstQuestion = 'What are the symptoms of Asthma?'

/** Trains the small Falcon by the sample that the page shows: the curve as it grows, and answers before and after. */
export const TrainPage = defineComponent({
  name: 'TrainPage',
  setup() {
    const [steps, rank, rate, batch, count] = [ref(10), ref(16), ref(0.01), ref(8), ref(16)]
    const question = ref(firstQuestion)
    const points = shallowRef<readonly Point[]>([])
    const answers = ref<Partial<Record<'before' | 'after', string>>>({})
    const device = ref('')
    const { isRunning, isWrong, state, start, stop } = oneRun('Nothing is loaded yet. Run fetches 3 MB from this site.')

    const run = () =>
      start(async (signal) => {
        points.value = []
        answers.value = {}
        state.value = 'Loading the library, the model and the questions …'
        const [sample, files] = await Promise.all([
          import('../../../../examples/try/train.ts'),
          import('./small-falcon.ts'),
        ])
        const [base, pairs] = await Promise.all([files.fetchSmallFalcon(), files.fetchPairs()])
        signal.throwIfAborted()
        state.value = 'Opening the model in a worker, and asking it …'
        const settings = {
          steps: steps.value,
          rank: rank.value,
          learningRate: rate.value,
          batchSize: batch.value,
          question: question.value,
        }
        await sample.train(base, pairs.slice(0, count.value), settings, { ...told, signal })
        state.value = `Done: ${steps.value} steps.`
      })

    const told: Omit<Parameters<typeof train>[3], 'signal'> = {
      onDevice: (reason) => (device.value = reason),
      onAnswer: (when, answer) => {
        answers.value = { ...answers.value, [when]: answer.trim() }
        state.value = when === 'before' ? `Training on ${count.value} questions …` : state.value
      },
      onStep: (step, loss) => {
        points.value = [...points.value, { x: step, y: loss }]
        state.value = `Step ${step} of ${steps.value}: loss ${three(loss)}`
      },
    }

    return () => {
      const disabled = isRunning.value
      return [
        fields(
          numberField('questions', count, { min: 1, max: 500, step: 1, disabled }),
          numberField('steps', steps, { min: 1, max: 500, step: 1, disabled }),
          numberField('rank', rank, { min: 1, max: 64, step: 1, disabled }),
          numberField('learningRate', rate, { min: 0.0001, max: 0.1, step: 0.0001, disabled }),
          numberField('batchSize', batch, { min: 1, max: 32, step: 1, disabled }),
        ),
        h('label', { class: 'live-field is-wide' }, [
          h('span', 'question'),
          h('input', {
            ...{ type: 'text', disabled, value: question.value },
            onInput: ({ target }: Event) => (question.value = (target as HTMLInputElement).value),
          }),
        ]),
        fields(button('Run', run, { disabled, isMain: true }), button('Stop', stop, { disabled: !disabled })),
        status(state.value, isWrong.value),
        device.value === '' ? null : h('p', { class: 'live-note' }, `It runs on: ${device.value}.`),
        lineChart({
          title: 'Loss of each step, in nats a token',
          x: { label: 'step', domain: [1, Math.max(2, steps.value)], tickFormat: 'd' },
          y: { label: 'loss', nice: true },
          series: [{ name: 'loss', points: points.value }],
        }),
        answers.value.before === undefined
          ? null
          : h('dl', { class: 'live-answers' }, [
              h('dt', 'Answer before'),
              h('dd', answers.value.before),
              h('dt', 'Answer after'),
              h('dd', answers.value.after ?? '…'),
            ]),
      ]
    }
  },
})
