import * as Plot from '@observablehq/plot'
import { fourBitCode, fourBitDecision } from 'peft-medaware/quant'
import { computed, defineComponent, h, ref } from 'vue'
import { button, choice, fields, slider, status, table } from '../parts/fields.ts'
import { lineChart, percent, three, whole } from '../parts/line-chart.ts'
import { normalWeights, readMatrix } from '../parts/numbers.ts'
import { inks, PlotView } from '../parts/plot-view.ts'
import { formatErrors, levelShares } from './quantisation-errors.ts'

const blockSizes = [32, 64, 128, 256, 512, 1024, 2048, 4096]
const count = 1 << 15

/** Random weights, or a reader's numbers, in 4 and 8 bits: errors by block size, and how often each level is taken. */
export const Nf4Figure = defineComponent({
  name: 'Nf4Figure',
  setup() {
    const exponent = ref(1)
    const seed = ref(1)
    const type = ref<'nf4' | 'fp4'>('nf4')
    const text = ref('')
    const given = computed(() => {
      if (text.value.trim() === '') return { values: normalWeights(count, seed.value), problem: '' }
      try {
        return { values: readMatrix(text.value).values, problem: '' }
      } catch (error) {
        return {
          values: normalWeights(count, seed.value),
          problem: error instanceof Error ? error.message : String(error),
        }
      }
    })
    const blockSize = computed(() => blockSizes[exponent.value] ?? 64)
    const all = computed(() => blockSizes.map((size) => ({ size, errors: formatErrors(given.value.values, size) })))
    const errors = computed(() => all.value.find(({ size }) => size === blockSize.value)?.errors ?? [])
    const shares = computed(() => {
      const levels = fourBitCode(type.value)
      const { codes } = fourBitDecision(type.value)
      const counted = levelShares(given.value.values, type.value, blockSize.value)
      return [...codes].map((code, i) => ({ level: levels[code] ?? 0, share: counted[i] ?? 0 }))
    })

    const source = () => {
      const { values, problem } = given.value
      if (problem !== '') return status(`${problem}. Shown are random weights.`, true)
      const what =
        text.value.trim() === '' ? 'random weights, normal with a standard deviation of 0.02' : 'numbers of yours'
      return status(`${whole(values.length)} ${what}.`)
    }
    const histogram = () =>
      h('figure', { class: 'live-chart' }, [
        h('figcaption', `How many of the numbers take each level of ${type.value.toUpperCase()}`),
        h(PlotView, {
          description: `Shares of the 16 levels: ${shares.value.map(({ level, share }) => `${three(level)} ${percent(share)}`).join(', ')}`,
          options: {
            height: 180,
            x: { domain: [-1.04, 1.04], label: 'level, as a share of the largest in its block', labelAnchor: 'center' },
            y: { grid: true, percent: true, label: 'share of the numbers (%)' },
            marks: [
              Plot.ruleX(shares.value, { x: 'level', y: 'share', stroke: inks[0], strokeWidth: 7 }),
              Plot.ruleY([0]),
            ],
          },
        }),
      ])

    return () => [
      fields(
        slider('Numbers that share a scale (block size)', exponent, {
          ...{ min: 0, max: blockSizes.length - 1, step: 1, show: (at: number) => String(blockSizes[at]) },
        }),
        choice('Levels shown', type, [
          ['nf4', 'NF4'],
          ['fp4', 'FP4'],
        ]),
        button('Other random weights', () => (seed.value += 1)),
      ),
      source(),
      histogram(),
      table(
        `What is lost in blocks of ${blockSize.value}`,
        ['Format', 'Bits a weight', 'RMS error', 'Largest error'],
        errors.value.map(({ format, bits, rms, worst }) => [format, three(bits), percent(rms), percent(worst)]),
      ),
      lineChart({
        title: 'RMS error by block size, as a share of the RMS of the numbers',
        x: { type: 'log', base: 2, label: 'block size', tickFormat: String, ticks: blockSizes },
        y: { percent: true, label: 'error (%)', zero: true },
        marks: [Plot.ruleX([blockSize.value], { stroke: 'currentColor', strokeOpacity: 0.3, strokeWidth: 6 })],
        series: (['NF4', 'FP4', '4 bits, even steps', 'int8'] as const).map((format) => ({
          name: format,
          points: all.value.flatMap(({ size, errors: each }) =>
            each.filter((error) => error.format === format).map(({ rms }) => ({ x: size, y: rms })),
          ),
        })),
        format: percent,
      }),
      h('details', [
        h('summary', 'Numbers of your own'),
        h('label', { class: 'live-field is-wide' }, [
          h('span', 'Lines of numbers, parted by commas or spaces; they stay in this page'),
          h('textarea', {
            ...{ rows: 4, spellcheck: false, value: text.value },
            onInput: ({ target }: Event) => (text.value = (target as HTMLTextAreaElement).value),
          }),
        ]),
      ]),
    ]
  },
})
