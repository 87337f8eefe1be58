import { button } from '../find.ts'
import type { PageState } from '../page-state.ts'
import { handOut } from './hand-out.ts'

/** "5. Take it along": what can be made of the adapter. */
export function keepPanel(page: PageState): void {
  page.onChange(({ trained }) => {
    button('save').disabled = !page.isFree || trained === null
  })
  button('save').addEventListener('click', () => {
    void page.doing('saving', async () => handOut(await page.session.files()))
  })
}
