/** The page's element with this id. @throws Error where it is missing or of another kind. */
export function find<T extends Element>(id: string, type: new () => T): T {
  const element: Element | null = document.getElementById(id)
  if (element instanceof type) return element
  throw new Error(`the page has no ${type.name} with the id ${id}`)
}
