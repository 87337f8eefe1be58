import { computed, defineComponent, h, onMounted, ref, shallowRef, watch } from 'vue'
import { button, fields, slider, status } from '../parts/fields.ts'
import { cpuInPage } from '../parts/cpu-in-page.ts'
import { recordExpression, type Recorded } from './watched-expression.ts'

const range = { min: -2, max: 2, step: 0.05, show: (value: number) => value.toFixed(2) }
const shown = (value: number) => value.toFixed(5)

/** A tape of five ops: what each gave, and the gradients as the walk back comes to them. */
export const TapeFigure = defineComponent({
  name: 'TapeFigure',
  setup() {
    const leaves = { w: ref(0.8), b: ref(-0.3), x: ref(1.5), y: ref(0.2) }
    const recorded = shallowRef<Recorded | null>(null)
    const failure = ref('')
    /** How many records the walk back has been through. */
    const walked = ref(0)
    const values = computed(() => ({ w: leaves.w.value, b: leaves.b.value, x: leaves.x.value, y: leaves.y.value }))

    async function again(): Promise<void> {
      const asked = values.value
      try {
        const made = await recordExpression(await cpuInPage(), asked)
        // Slower than the hand on the slider, an answer may come too late.
        if (asked === values.value) recorded.value = made
      } catch (error) {
        failure.value = error instanceof Error ? error.message : String(error)
      }
    }
    onMounted(again)
    watch(values, again)

    const record = ({ noted, order }: Recorded) =>
      h(
        'ol',
        { class: 'live-tape' },
        noted.map(({ out, formula, value, gradient }, i) => {
          const turn = order.indexOf(out)
          const isReached = turn < walked.value
          return h('li', { key: out, class: { 'is-reached': isReached, 'is-now': turn === walked.value - 1 } }, [
            h('span', { class: 'live-tape-number' }, String(i + 1)),
            h('code', `${out} = ${formula}`),
            h('span', { class: 'live-tape-value' }, shown(value)),
            h('span', { class: 'live-tape-gradient' }, isReached ? `∂loss/∂${out} = ${shown(gradient)}` : '…'),
          ])
        }),
      )

    const outcome = ({ noted, gradients, differences }: Recorded) => {
      if (walked.value < noted.length)
        return status(`${noted.length - walked.value} of ${noted.length} records are left to go back over.`)
      const words = (['w', 'b'] as const).map(
        (name) => `∂loss/∂${name} = ${shown(gradients[name])} (finite difference: ${shown(differences[name])})`,
      )
      return status(`The walk is done. ${words.join('; ')}.`)
    }

    return () => [
      fields(
        slider('w, trained', leaves.w, range),
        slider('b, trained', leaves.b, range),
        slider('x', leaves.x, range),
        slider('y', leaves.y, range),
      ),
      failure.value === '' ? null : status(failure.value, true),
      recorded.value === null
        ? h('p', { class: 'live-note' }, 'Loading …')
        : [record(recorded.value), outcome(recorded.value)],
      fields(
        button('Back over one record', () => (walked.value += 1), {
          disabled: recorded.value === null || walked.value >= recorded.value.noted.length,
          isMain: true,
        }),
        button('All the way back', () => (walked.value = recorded.value?.noted.length ?? 0), {
          disabled: recorded.value === null,
        }),
        button('Forward again', () => (walked.value = 0), { disabled: walked.value === 0 }),
      ),
    ]
  },
})
