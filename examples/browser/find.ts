/** The page's element with this id. @throws Error where it is missing or of another kind. */
export function find<T extends Element>(id: string, type: new () => T): T {
  const element: Element | null = document.getElementById(id)
  if (element instanceof type) return element
  throw new Error(`the page has no ${type.name} with the id ${id}`)
}

export const button = (id: string) => find(id, HTMLButtonElement)
export const input = (id: string) => find(id, HTMLInputElement)

/** Sets the text of an element. @param isWrong Whether it tells of something that is not as it should be. */
export function say(id: string, text: string, isWrong = false): void {
  const element = find(id, HTMLElement)
  element.textContent = text
  element.classList.toggle('is-wrong', isWrong)
}

/** Does something in place of sending a form. */
export function onSubmit(id: string, act: () => void): void {
  find(id, HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    act()
  })
}

/** What an error says. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
