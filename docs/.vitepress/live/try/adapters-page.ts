import { computed, defineComponent, h, ref, shallowRef } from 'vue'
import { compareAdapters, type ContenderName, contenders } from '../../../../examples/try/adapters.ts'
import { button, fields, numberField, status, table, tick } from '../parts/fields.ts'
import { lineChart, type Point, three, whole } from '../parts/line-chart.ts'
import { oneRun } from './one-run.ts'
import { fetchPairs, fetchSmallFalcon } from './small-falcon.ts'

/** What is known of one method's training. */
interface Turn {
  readonly name: ContenderName
  readonly trainable: number
  readonly points: readonly Point[]
  /** Of all its steps. */
  readonly seconds: number
  /** Over all questions, after the last step. */
  readonly loss: number | null
}

const names = Object.keys(contenders) as ContenderName[]
/** Trains a few methods in turns by the sample that the page shows, and puts their curves into one drawing. */
export const AdaptersPage = defineComponent({
  name: 'AdaptersPage',
  setup() {
    const choices = names.map((name, i) => ({ name, isChosen: ref(i < 3) }))
    // As many questions as a step has: then all steps see the same, and the curves do not jump.
    const [questions, steps, batch, seed] = [ref(8), ref(20), ref(8), ref(1)]
    const turns = shallowRef<readonly Turn[]>([])
    const baseLoss = ref<number | null>(null)
    const device = ref('')
    const { isRunning, isWrong, state, start, stop } = oneRun('Nothing is loaded yet. Run fetches 3 MB from this site.')
    const wanted = computed(() => choices.filter(({ isChosen }) => isChosen.value).map(({ name }) => name))

    const change = (name: ContenderName, to: (turn: Turn) => Turn) =>
      (turns.value = turns.value.map((turn) => (turn.name === name ? to(turn) : turn)))

    const run = () =>
      start(async (signal) => {
        turns.value = []
        baseLoss.value = null
        state.value = 'Loading the library, the model and the questions …'
        const [base, pairs] = await Promise.all([fetchSmallFalcon(), fetchPairs()])
        signal.throwIfAborted()
        state.value = 'Opening the model in a worker, and measuring it …'
        const settings = { names: wanted.value, steps: steps.value, batchSize: batch.value, seed: seed.value }
        await compareAdapters(base, pairs.slice(0, questions.value), settings, { ...told, signal })
        state.value = `Done: ${settings.names.length} methods, ${settings.steps} steps each.`
      })

    const told: Omit<Parameters<typeof compareAdapters>[3], 'signal'> = {
      onDevice: (reason) => (device.value = reason),
      onBegin: (name, trainable) =>
        (turns.value = [...turns.value, { name, trainable, points: [], seconds: 0, loss: null }]),
      onStep: (name, { step, loss, seconds }) => {
        change(name, (turn) => ({
          ...turn,
          seconds: turn.seconds + seconds,
          points: [...turn.points, { x: step, y: loss }],
        }))
        state.value = `${name}: step ${step} of ${steps.value}, loss ${three(loss)}`
      },
      onEnd: (name, loss) => {
        if (name === 'base') baseLoss.value = loss
        else change(name, (turn) => ({ ...turn, loss }))
      },
    }

    const rows = () => [
      ['The base alone', '0', '', '', baseLoss.value === null ? '…' : baseLoss.value.toFixed(3)],
      ...turns.value.map(({ name, trainable, points, seconds, loss }) => [
        name,
        whole(trainable),
        String(contenders[name].learningRate),
        points.length === 0 ? '…' : `${three((1000 * seconds) / points.length)} ms`,
        loss === null ? '…' : loss.toFixed(3),
      ]),
    ]

    return () => {
      const disabled = isRunning.value
      return [
        h('fieldset', { class: 'live-fields' }, [
          h('legend', 'names'),
          ...choices.map(({ name, isChosen }) => tick(name, isChosen, { disabled })),
        ]),
        fields(
          numberField('questions', questions, { min: 1, max: 500, step: 1, disabled }),
          numberField('steps', steps, { min: 1, max: 200, step: 1, disabled }),
          numberField('batchSize', batch, { min: 1, max: 32, step: 1, disabled }),
          numberField('seed', seed, { min: 0, max: 1e6, step: 1, disabled }),
        ),
        fields(
          button('Run', run, { disabled: disabled || wanted.value.length === 0, isMain: true }),
          button('Stop', stop, { disabled: !disabled }),
        ),
        status(state.value, isWrong.value),
        device.value === '' ? null : h('p', { class: 'live-note' }, `It runs on: ${device.value}.`),
        lineChart({
          title: 'Loss of each step, in nats a token; all methods see the same questions in the same order',
          x: { label: 'step', domain: [1, Math.max(2, steps.value)], tickFormat: 'd' },
          y: { label: 'loss', nice: true },
          series: turns.value.map(({ name, points }) => ({ name, points })),
        }),
        baseLoss.value === null
          ? null
          : table(
              `After ${steps.value} steps`,
              ['Method', 'Trained numbers', 'Rate', 'Time a step', 'Loss of all questions'],
              rows(),
            ),
      ]
    }
  },
})
