import * as Plot from '@observablehq/plot'
import { computed, defineComponent, h, onBeforeUnmount, ref, shallowRef, type VNode } from 'vue'
import { button, fields, slider, status, table } from '../parts/fields.ts'
import { percent, three, whole } from '../parts/line-chart.ts'
import { cpuInPage } from '../parts/cpu-in-page.ts'
import { inks, PlotView } from '../parts/plot-view.ts'
import { leastLoss, learnUpdate, type LearnReport, side, updateToLearn, wanted } from './learn-update.ts'
import { loraSizes } from './lora-sizes.ts'
import { singularValues } from './singular-values.ts'

const steps = 300

/** What rank costs, and what it can say: sizes by rank, and an update that is learned in the page. */
export const LoraFigure = defineComponent({
  name: 'LoraFigure',
  setup() {
    const r = ref(16)
    const inputs = ref(2048)
    const outputs = ref(6144)
    const rank = ref(2)
    const report = shallowRef<LearnReport | null>(null)
    const isLearning = ref(false)
    const failure = ref('')
    let isGone = false
    onBeforeUnmount(() => (isGone = true))
    const sizes = computed(() => loraSizes({ inputs: inputs.value, outputs: outputs.value, r: r.value }))
    const learned = computed(() => (report.value === null ? [] : singularValues(report.value.product, side, side)))

    async function learn(): Promise<void> {
      isLearning.value = true
      failure.value = ''
      try {
        const device = await cpuInPage()
        for await (const each of learnUpdate(device, updateToLearn(1), { r: rank.value, steps })) {
          if (isGone) return
          report.value = each
          await new Promise(requestAnimationFrame)
        }
      } catch (error) {
        failure.value = error instanceof Error ? error.message : String(error)
      } finally {
        isLearning.value = false
      }
    }

    const told = () => {
      if (failure.value !== '') return status(failure.value, true)
      if (report.value === null) return status('Not learned yet.')
      const { step, loss } = report.value
      return status(
        `Step ${step} of ${steps}: mean squared difference ${three(loss)}; rank ${rank.value} can reach ${three(leastLoss(rank.value))}.`,
      )
    }

    const values = (): VNode => {
      const rows = wanted.flatMap((value, i) => [
        { index: i + 1, kind: 'wanted', value },
        { index: i + 1, kind: 'learned', value: learned.value[i] ?? 0 },
      ])
      return h('figure', { class: 'live-chart' }, [
        h('figcaption', 'Singular values of the update that is wanted, and of B A'),
        h('ul', { class: 'live-legend' }, [
          h('li', [h('span', { class: 'live-square', style: { background: 'var(--live-faint)' } }), 'wanted']),
          h('li', [h('span', { class: 'live-square', style: { background: inks[0] } }), 'learned']),
        ]),
        h(PlotView, {
          description: `Wanted: ${wanted.join(', ')}. Learned: ${learned.value.slice(0, wanted.length).map(three).join(', ') || 'nothing yet'}.`,
          options: {
            height: 170,
            fx: { label: 'singular value, from the largest', tickFormat: String },
            x: { axis: null, domain: ['wanted', 'learned'] },
            y: { grid: true, label: 'value' },
            color: { domain: ['wanted', 'learned'], range: ['var(--live-faint)', inks[0]] },
            marks: [Plot.barY(rows, { fx: 'index', x: 'kind', y: 'value', fill: 'kind' }), Plot.ruleY([0])],
          },
        }),
      ])
    }

    return () => [
      h('h3', 'What a rank costs'),
      fields(
        slider('Rank r', r, { min: 1, max: 256, step: 1 }),
        slider('Inputs of the layer', inputs, { min: 128, max: 8192, step: 128, show: whole }),
        slider('Outputs of the layer', outputs, { min: 128, max: 8192, step: 128, show: whole }),
      ),
      rectangles(inputs.value, outputs.value, r.value),
      table(
        'One layer',
        ['What learns', 'Numbers trained', 'Share of the layer', 'Training memory'],
        [
          ['LoRA', whole(sizes.value.trained), percent(sizes.value.share), megabytes(sizes.value.trainingBytes)],
          ['The layer itself', whole(sizes.value.full), '100%', megabytes(sizes.value.fullTrainingBytes)],
        ],
      ),
      h('h3', 'What a rank can say'),
      fields(
        slider('Rank r of the small layer', rank, { min: 1, max: wanted.length, step: 1, disabled: isLearning.value }),
        button('Learn the update', learn, { disabled: isLearning.value, isMain: true }),
      ),
      told(),
      values(),
    ]
  },
})

const megabytes = (bytes: number): string => `${three(bytes / 1e6)} MB`

/** W, B and A to one scale; a side that would be thinner than a line is drawn as one. */
function rectangles(inputs: number, outputs: number, r: number): VNode {
  const scale = 150 / Math.max(inputs, outputs)
  const [wide, high, thin] = [inputs * scale, outputs * scale, Math.max(1.5, r * scale)]
  const parts = [
    { x: 2, width: wide, height: high, name: 'frozen', words: `W: ${whole(outputs)} × ${whole(inputs)}` },
    { x: 190, width: thin, height: high, name: 'trained', words: 'B' },
    { x: 240, width: wide, height: thin, name: 'trained', words: `A, r = ${r}` },
  ]
  const label = `W has ${outputs} rows and ${inputs} columns, B ${r} columns, A ${r} rows`
  return h('svg', { class: 'live-drawing', viewBox: '0 0 400 180', role: 'img', 'aria-label': label }, [
    ...parts.flatMap(({ x, width, height, name, words }) => [
      h('rect', { x, y: 24, width, height, class: name }),
      h('text', { x, y: 16 }, words),
    ]),
    h('text', { x: 170, y: 24 + high / 2, 'text-anchor': 'middle' }, '+'),
    h('text', { x: 224, y: 24 + high / 2, 'text-anchor': 'middle' }, '·'),
  ])
}
