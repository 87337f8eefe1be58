import { defineComponent, h, ref, shallowRef } from 'vue'
import { button, choice, fields, status, table } from '../parts/fields.ts'
import { three } from '../parts/line-chart.ts'
import { apart, type EngineTime, timeProducts } from './time-products.ts'

/** The reader's own engines: one matrix product on each, its time, and how far the twins are apart. */
export const KernelsFigure = defineComponent({
  name: 'KernelsFigure',
  setup() {
    const n = ref(256)
    const results = shallowRef<readonly EngineTime[]>([])
    const state = ref('Nothing has run yet.')
    const isRunning = ref(false)
    const isWrong = ref(false)

    async function run(): Promise<void> {
      isRunning.value = true
      isWrong.value = false
      results.value = []
      const missing: string[] = []
      for (const engine of ['cpu', 'webgpu'] as const) {
        state.value = engine === 'cpu' ? 'The CPU engine multiplies …' : 'The WebGPU adapter multiplies …'
        // The words are drawn before the engine takes the thread.
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
        try {
          results.value = [...results.value, await timeProducts(engine, n.value)]
        } catch (error) {
          missing.push(error instanceof Error ? error.message : String(error))
        }
      }
      isWrong.value = results.value.length === 0
      state.value = [...verdict(results.value), ...missing].join(' ')
      isRunning.value = false
    }

    return () => [
      fields(
        choice(
          'Rows and columns',
          n,
          [128, 256, 512, 1024].map((size) => [size, String(size)] as const),
          { disabled: isRunning.value },
        ),
        button('Multiply on this device', run, { disabled: isRunning.value, isMain: true }),
      ),
      status(state.value, isWrong.value),
      results.value.length === 0
        ? null
        : table(
            `Two ${n.value} × ${n.value} matrices, median of nine products`,
            ['Engine', 'Time', 'GFLOP/s', 'Off the exact sums by', 'What it is'],
            results.value.map(({ kind, description, seconds, gflops, difference, reason }) => [
              kind === 'cpu' ? 'CPU engine' : 'WebGPU',
              `${three(1000 * seconds)} ms`,
              three(gflops),
              difference.toExponential(1),
              `${description}; ${reason}`,
            ]),
          ),
      h('p', { class: 'live-note' }, 'A page times no finer than its browser allows. Large products say more.'),
    ]
  },
})

/** What the two results say of each other. */
function verdict([first, second]: readonly EngineTime[]): string[] {
  if (first === undefined) return []
  if (second === undefined) return ['One engine of two ran.']
  return [
    `The twins differ by ${apart(first.out, second.out).toExponential(1)} at most, of elements around ${three(rms(first.out))}.`,
  ]
}

const rms = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
