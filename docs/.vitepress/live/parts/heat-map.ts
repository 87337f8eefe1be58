import { defineComponent, h, onMounted, type PropType, ref, watch } from 'vue'

/** More cells a side than this are drawn as means of several. */
const mostCells = 256

/**
 * A matrix as a picture of which each cell is as strong as its number is large, from 0 to `most`, in a blue that serves
 * light and dark pages.
 */
export const HeatMap = defineComponent({
  name: 'HeatMap',
  props: {
    values: { type: Object as PropType<Float32Array>, required: true },
    rows: { type: Number, required: true },
    columns: { type: Number, required: true },
    most: { type: Number, required: true },
    description: { type: String, required: true },
  },
  setup(props) {
    const canvas = ref<HTMLCanvasElement | null>(null)

    function draw(): void {
      const context = canvas.value?.getContext('2d')
      if (canvas.value === null || context == null) return
      const { cells, width, height } = pooled(props.values, props.rows, props.columns)
      canvas.value.width = width
      canvas.value.height = height
      const image = context.createImageData(width, height)
      for (const [i, value] of cells.entries()) {
        const strength = props.most === 0 ? 0 : Math.min(1, value / props.most)
        image.data.set([26, 117, 181, Math.round(255 * strength)], 4 * i)
      }
      context.putImageData(image, 0, 0)
    }
    onMounted(draw)
    watch(() => [props.values, props.rows, props.columns, props.most], draw, { flush: 'post' })

    return () => h('canvas', { class: 'live-heat', ref: canvas, role: 'img', 'aria-label': props.description })
  },
})

/** Means of cells, where there are more than are drawn. */
export function pooled(values: Float32Array, rows: number, columns: number) {
  const stride = Math.ceil(Math.max(rows, columns) / mostCells)
  const [height, width] = [Math.ceil(rows / stride), Math.ceil(columns / stride)]
  const sums = new Float64Array(width * height)
  const counts = new Uint32Array(width * height)
  for (const [i, value] of values.entries()) {
    const at = Math.floor(Math.floor(i / columns) / stride) * width + Math.floor((i % columns) / stride)
    sums[at] = (sums[at] ?? 0) + value
    counts[at] = (counts[at] ?? 0) + 1
  }
  return { cells: sums.map((sum, i) => sum / (counts[i] ?? 1)), width, height }
}
