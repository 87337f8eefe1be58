import * as Plot from '@observablehq/plot'
import { defineComponent, h, onBeforeUnmount, onMounted, type PropType, ref, watch } from 'vue'

/** The colours of series, in the order in which they are told apart best, and their dashes for who sees no colours. */
export const inks = ['var(--live-1)', 'var(--live-2)', 'var(--live-3)', 'var(--live-4)', 'var(--live-5)'] as const
export const dashes = ['none', '7 3', '2 3', '9 3 2 3', '1 5'] as const

export const inkOf = (index: number): string => inks[index % inks.length] ?? inks[0]
export const dashOf = (index: number): string => dashes[index % dashes.length] ?? dashes[0]

/** A drawing of Observable Plot as wide as its place, with `description` for those who do not see it. */
export const PlotView = defineComponent({
  name: 'PlotView',
  props: {
    options: { type: Object as PropType<Plot.PlotOptions>, required: true },
    description: { type: String, required: true },
  },
  setup(props) {
    const place = ref<HTMLElement | null>(null)
    let observer: ResizeObserver | null = null
    let width = 0

    function draw(): void {
      if (place.value === null || width === 0) return
      const svg = Plot.plot({
        ...{ width, height: 260, marginLeft: 52, marginBottom: 40 },
        style: { background: 'none', color: 'currentColor', fontSize: '12px', fontFamily: 'inherit' },
        ...props.options,
      })
      // The whole is one image; the names of its parts would be read out as well.
      for (const part of svg.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label')
      svg.setAttribute('role', 'img')
      svg.setAttribute('aria-label', props.description)
      place.value.replaceChildren(svg)
    }

    onMounted(() => {
      observer = new ResizeObserver(() => {
        const now = Math.round(place.value?.clientWidth ?? 0)
        if (now === width) return
        width = now
        draw()
      })
      if (place.value !== null) observer.observe(place.value)
    })
    onBeforeUnmount(() => observer?.disconnect())
    watch(() => [props.options, props.description], draw, { flush: 'post' })

    return () => h('div', { class: 'live-plot', ref: place })
  },
})
