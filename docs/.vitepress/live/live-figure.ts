import { type Component, defineComponent, h, onBeforeUnmount, onMounted, type PropType, ref, shallowRef } from 'vue'
import { figures, type FigureName } from './figures.ts'

/** How far below the screen a figure begins to load, in pixels. */
const ahead = 200

/**
 * A figure that the page computes itself, by its name and a label for screen readers. Its code, and the library with
 * it, is fetched when the figure is about to come into view.
 */
export const LiveFigure = defineComponent({
  name: 'LiveFigure',
  props: {
    name: { type: String as PropType<FigureName>, required: true },
    label: { type: String, required: true },
  },
  setup({ name, label }) {
    const place = ref<HTMLElement | null>(null)
    const figure = shallowRef<Component | null>(null)
    const state = ref('This figure is computed in the page as it comes into view. It needs JavaScript.')
    let observer: IntersectionObserver | null = null

    async function load(): Promise<void> {
      state.value = 'Loading …'
      try {
        figure.value = await figures[name]()
      } catch (error) {
        state.value = `The figure could not be loaded: ${error instanceof Error ? error.message : String(error)}`
      }
    }

    onMounted(() => {
      observer = new IntersectionObserver(
        ([entry]) => {
          if (entry?.isIntersecting !== true) return
          observer?.disconnect()
          void load()
        },
        { rootMargin: `${ahead}px` },
      )
      if (place.value !== null) observer.observe(place.value)
    })
    onBeforeUnmount(() => observer?.disconnect())

    return () =>
      h('section', { class: 'live', ref: place, 'aria-label': label, 'data-figure': name }, [
        figure.value === null ? h('p', { class: 'live-note' }, state.value) : h(figure.value),
      ])
  },
})
