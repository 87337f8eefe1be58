import * as Plot from '@observablehq/plot'
import { computed, defineComponent, h, ref } from 'vue'
import { fields, slider, table } from '../parts/fields.ts'
import { percent, three } from '../parts/line-chart.ts'
import { normalWeights } from '../parts/numbers.ts'
import { inks, PlotView } from '../parts/plot-view.ts'
import { doubleErrors, weightBytes } from './scale-costs.ts'

const blockSizes = [32, 64, 128, 256, 512]
const count = 1 << 17
const parts = [
  ['codes', 'codes of 4 bits'],
  ['scales', 'scales of blocks'],
  ['nested', 'scales of scales'],
] as const

/** Bytes of a weight with scales in 32 and in 8 bits, and what the second rounding adds to the error. */
export const DoubleQuantisationFigure = defineComponent({
  name: 'DoubleQuantisationFigure',
  setup() {
    const exponent = ref(1)
    const billions = ref(1.2)
    const weights = normalWeights(count, 1)
    const blockSize = computed(() => blockSizes[exponent.value] ?? 64)
    const errors = computed(() => doubleErrors(weights, blockSize.value))
    const rows = computed(() =>
      [false, true].map((isDouble) => {
        const bytes = weightBytes(blockSize.value, isDouble)
        return {
          name: isDouble ? 'scales in 8 bits' : 'scales in 32 bits',
          bytes,
          total: bytes.codes + bytes.scales + bytes.nested,
          error: isDouble ? errors.value.twice : errors.value.once,
        }
      }),
    )
    const bars = () => {
      const cells = rows.value.flatMap(({ name, bytes }) =>
        parts.map(([part]) => ({ name, part, bits: 8 * bytes[part] })),
      )
      return h('figure', { class: 'live-chart' }, [
        h('figcaption', `Bits of a weight in blocks of ${blockSize.value}`),
        h(
          'ul',
          { class: 'live-legend' },
          parts.map(([part, words], i) =>
            h('li', { key: part }, [h('span', { class: 'live-square', style: { background: inks[i] } }), words]),
          ),
        ),
        h(PlotView, {
          description: rows.value.map(({ name, total }) => `${name}: ${three(8 * total)} bits`).join('; '),
          options: {
            ...{ height: 130, marginLeft: 110 },
            x: { label: 'bits', domain: [0, 5.1] },
            y: { label: null, domain: rows.value.map(({ name }) => name) },
            color: { domain: parts.map(([part]) => part), range: inks.slice(0, 3) },
            marks: [Plot.barX(cells, { x: 'bits', y: 'name', fill: 'part', insetRight: 1 })],
          },
        }),
      ])
    }

    return () => [
      fields(
        slider('Block size', exponent, {
          ...{ min: 0, max: blockSizes.length - 1, step: 1, show: (at: number) => String(blockSizes[at]) },
        }),
        slider('Weights, in billions', billions, { min: 0.1, max: 70, step: 0.1, show: three }),
      ),
      bars(),
      table(
        `${three(billions.value)} billion weights; errors measured on ${count.toLocaleString('en-US')} random ones`,
        ['Stored with', 'Bits a weight', 'Size', 'RMS error of the weights'],
        rows.value.map(({ name, total, error }) => [
          name,
          (8 * total).toFixed(3),
          `${(billions.value * total).toFixed(3)} GB`,
          `${(100 * error).toFixed(3)}%`,
        ]),
      ),
      h('p', { class: 'live-note' }, [
        `The second rounding moves the scales by ${percent(errors.value.scales)} of them, `,
        `and saves ${three(1000 * billions.value * ((rows.value[0]?.total ?? 0) - (rows.value[1]?.total ?? 0)))} MB.`,
      ]),
    ]
  },
})
