import { h, type Ref, type VNode } from 'vue'

/** What a number may be; `show` writes it beside its slider. */
export interface NumberRange {
  readonly min: number
  readonly max: number
  readonly step: number
  readonly show?: (value: number) => string
  readonly disabled?: boolean
}

/** A slider with its value beside it, which screen readers have from the slider. */
export function slider(label: string, value: Ref<number>, { show = String, disabled, ...range }: NumberRange): VNode {
  return h('label', { class: 'live-field' }, [
    h('span', [label, ' ', h('span', { class: 'live-value', 'aria-hidden': 'true' }, show(value.value))]),
    h('input', {
      ...range,
      ...{ type: 'range', disabled, value: value.value, 'aria-valuetext': show(value.value) },
      onInput: ({ target }: Event) => (value.value = Number((target as HTMLInputElement).value)),
    }),
  ])
}

/** A number that is typed; what is no number, or out of its range, is put back. */
export function numberField(label: string, value: Ref<number>, { disabled, ...range }: NumberRange): VNode {
  return h('label', { class: 'live-field' }, [
    h('span', label),
    h('input', {
      ...{ type: 'number', min: range.min, max: range.max, step: 'any', disabled, value: value.value },
      onChange: ({ target }: Event) => {
        const input = target as HTMLInputElement
        const given = input.valueAsNumber
        if (Number.isFinite(given)) {
          const near = Math.round(given / range.step) * range.step
          value.value = Number(Math.min(range.max, Math.max(range.min, near)).toPrecision(12))
        }
        input.value = String(value.value)
      },
    }),
  ])
}

/** One of a few. */
export function choice<T extends string | number>(
  label: string,
  value: Ref<T>,
  choices: readonly (readonly [T, string])[],
  { disabled = false }: { disabled?: boolean } = {},
): VNode {
  return h('label', { class: 'live-field' }, [
    h('span', label),
    h(
      'select',
      {
        ...{ disabled, value: String(value.value) },
        onChange: ({ target }: Event) => {
          const chosen = choices.find(([each]) => String(each) === (target as HTMLSelectElement).value)
          if (chosen !== undefined) value.value = chosen[0]
        },
      },
      choices.map(([each, text]) => h('option', { value: String(each), selected: each === value.value }, text)),
    ),
  ])
}

/** Yes or no. */
export function tick(label: string, value: Ref<boolean>, { disabled = false }: { disabled?: boolean } = {}): VNode {
  return h('label', { class: 'live-tick' }, [
    h('input', {
      ...{ type: 'checkbox', disabled, checked: value.value },
      onChange: ({ target }: Event) => (value.value = (target as HTMLInputElement).checked),
    }),
    label,
  ])
}

export function button(
  label: string,
  onClick: () => unknown,
  { disabled = false, isMain = false }: { disabled?: boolean; isMain?: boolean } = {},
): VNode {
  return h(
    'button',
    { ...{ type: 'button', class: isMain ? 'live-button is-main' : 'live-button', disabled }, onClick },
    label,
  )
}

/** Fields side by side, as many as there is room for. */
export const fields = (...parts: VNode[]): VNode => h('div', { class: 'live-fields' }, parts)

/** What was read or done, told to screen readers as it changes. */
export const status = (text: string, isWrong = false): VNode =>
  h('p', { class: isWrong ? 'live-status is-wrong' : 'live-status', role: 'status' }, text)

/** A table of words and numbers; the first cell of a row is its name. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): VNode {
  return h('div', { class: 'live-table', tabindex: 0, role: 'region', 'aria-label': caption }, [
    h('table', [
      h('caption', caption),
      h(
        'thead',
        h(
          'tr',
          head.map((cell) => h('th', { scope: 'col' }, cell)),
        ),
      ),
      h(
        'tbody',
        rows.map(([name = '', ...cells]) =>
          h('tr', { key: name }, [h('th', { scope: 'row' }, name), ...cells.map((cell) => h('td', cell))]),
        ),
      ),
    ]),
  ])
}
