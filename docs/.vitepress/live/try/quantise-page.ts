import type { FourBitType } from 'peft-medaware/quant'
import { computed, defineComponent, h, ref, shallowRef } from 'vue'
import { quantise, type QuantiseSettings } from '../../../../examples/try/quantise.ts'
import { errorOf } from '../nf4/quantisation-errors.ts'
import { button, choice, fields, numberField, status, table, tick } from '../parts/fields.ts'
import { HeatMap } from '../parts/heat-map.ts'
import { percent, three, whole } from '../parts/line-chart.ts'
import { type GivenMatrix, normalWeights, readMatrix } from '../parts/numbers.ts'

const blockSizes = [32, 64, 128, 256, 512, 1024, 2048, 4096]

/** What a run gave. */
interface Outcome {
  readonly matrix: GivenMatrix
  readonly settings: QuantiseSettings
  readonly bytes: number
  readonly errors: Float32Array
  readonly rms: number
  readonly worst: number
  readonly milliseconds: number
}

/** Quantises a random matrix or one that the reader pastes, by the sample that the page shows. */
export const QuantisePage = defineComponent({
  name: 'QuantisePage',
  setup() {
    const [rows, columns, seed] = [ref(128), ref(128), ref(1)]
    const type = ref<FourBitType>('nf4')
    const blockSize = ref(64)
    const doubleQuant = ref(true)
    const text = ref('')
    const outcome = shallowRef<Outcome | null>(null)
    const problem = ref('')
    const settings = computed(() => ({ type: type.value, blockSize: blockSize.value, doubleQuant: doubleQuant.value }))

    function run(): void {
      try {
        const matrix =
          text.value.trim() === '' ? randomMatrix(rows.value, columns.value, seed.value) : readMatrix(text.value)
        outcome.value = outcomeOf(matrix, settings.value)
        problem.value = ''
      } catch (error) {
        problem.value = error instanceof Error ? error.message : String(error)
      }
    }

    const told = () => {
      if (problem.value !== '') return status(problem.value, true)
      if (outcome.value === null) return status('Nothing has run yet.')
      const { matrix, milliseconds, settings: used } = outcome.value
      return status(
        `${whole(matrix.rows)} × ${whole(matrix.columns)} numbers went through ${used.type.toUpperCase()} and back in ${three(milliseconds)} ms.`,
      )
    }

    return () => [
      fields(
        numberField('Rows', rows, { min: 1, max: 1024, step: 1 }),
        numberField('Columns', columns, { min: 1, max: 1024, step: 1 }),
        numberField('Seed', seed, { min: 0, max: 1e6, step: 1 }),
      ),
      h('label', { class: 'live-field is-wide' }, [
        h('span', 'Or a matrix of your own, as CSV; it stays in this page'),
        h('textarea', {
          ...{ rows: 3, spellcheck: false, value: text.value, placeholder: '0.12, -0.03, 0.40' },
          onInput: ({ target }: Event) => (text.value = (target as HTMLTextAreaElement).value),
        }),
      ]),
      fields(
        choice('type', type, [
          ['nf4', 'nf4'],
          ['fp4', 'fp4'],
        ]),
        choice(
          'blockSize',
          blockSize,
          blockSizes.map((size) => [size, String(size)] as const),
        ),
        tick('doubleQuant', doubleQuant),
        button('Run', run, { isMain: true }),
      ),
      h('pre', { class: 'live-call', tabindex: 0 }, h('code', `quantise(values, ${callOf(settings.value)})`)),
      told(),
      outcome.value === null ? null : shown(outcome.value),
    ]
  },
})

function randomMatrix(rows: number, columns: number, seed: number): GivenMatrix {
  return { values: Float32Array.from(normalWeights(rows * columns, seed)), rows, columns }
}

/** What the sample makes of a matrix, and how far that is from it. */
export function outcomeOf(matrix: GivenMatrix, settings: QuantiseSettings): Outcome {
  const begin = performance.now()
  const { restored, bytes } = quantise(matrix.values, settings)
  const milliseconds = performance.now() - begin
  const errors = restored.map((value, i) => Math.abs(value - (matrix.values[i] ?? 0)))
  return { matrix, settings, bytes, errors, milliseconds, ...errorOf(matrix.values, restored) }
}

const callOf = ({ type, blockSize, doubleQuant }: QuantiseSettings) =>
  `{ type: '${type}', blockSize: ${blockSize}, doubleQuant: ${doubleQuant} }`

function shown({ matrix, settings, bytes, errors, rms, worst }: Outcome) {
  const most = errors.reduce((largest, error) => Math.max(largest, error), 0)
  const { values, rows, columns } = matrix
  return [
    table(
      callOf(settings),
      ['Of the matrix', 'Value'],
      [
        ['Bytes in 32 bits', whole(4 * values.length)],
        ['Bytes now', `${whole(bytes)} (${three((8 * bytes) / values.length)} bits a number)`],
        ['RMS error', `${percent(rms)} of the RMS of the numbers`],
        ['Largest error', `${three(most)}, ${percent(worst)} of the largest number`],
      ],
    ),
    h('figure', { class: 'live-chart' }, [
      h('figcaption', `Where the errors are: the stronger the blue, the larger, up to ${three(most)}`),
      h(HeatMap, {
        ...{ values: errors, rows, columns, most },
        description: `Errors of ${rows} by ${columns} numbers; the largest is ${three(most)}, RMS ${percent(rms)}`,
      }),
    ]),
  ]
}
