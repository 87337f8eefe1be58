import { bytes } from '../../medquad/words.ts'
import { find, say } from '../find.ts'
import { type Cell, setRows } from '../table-rows.ts'
import type { TrainingPlan } from './model-plan.ts'
import { adviceOf, partsOf, planTitle } from './plan-words.ts'

/** Shows what a training takes: a bar of the parts, and a table that says the same in numbers; null hides it. */
export function showPlan(plan: TrainingPlan | null): void {
  find('plan', HTMLElement).hidden = plan === null
  if (plan === null) return
  const { memory, room } = plan
  const parts = partsOf(plan)
  say('plan-title', planTitle(plan))
  const rows: Cell[][] = parts.map(({ label, bytes: size }, i) => [named(label, i), amount(size)])
  rows.push(['Together', amount(memory.total)])
  rows.push(['The engine has', room === null ? amount('does not say') : amount(room)])
  setRows(find('plan-rows', HTMLTableSectionElement), rows)
  const free = Math.max(0, (room ?? 0) - memory.total)
  const lengths = [...parts.map((part) => part.bytes), free]
  find('plan-bar', HTMLElement).replaceChildren(
    ...lengths.map((length, i) => {
      const part = document.createElement('span')
      part.className = i === parts.length ? 'free' : partClass(i)
      part.style.flexGrow = String(length)
      return part
    }),
  )
  say('plan-advice', adviceOf(plan), true)
}

const partClass = (index: number): string => `part part-${index + 1}`

/** The name of a part behind its color in the bar. */
function named(label: string, index: number): Node {
  const name = document.createElement('span')
  const mark = document.createElement('span')
  mark.className = partClass(index)
  name.append(mark, label)
  return name
}

function amount(size: number | string): Node {
  const text = document.createElement('span')
  text.className = 'amount'
  text.textContent = typeof size === 'number' ? bytes(size) : size
  return text
}
