/** An element of the page. */
export function find<E extends Element>(id: string, kind: new () => E): E {
  const element = document.getElementById(id)
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`)
  return element
}

/** Draws losses from left to right, in a box of 100 by 40. */
export function drawCurve(losses: readonly number[], steps: number): void {
  const most = Math.max(...losses)
  const points = losses.map((loss, i) => `${(100 * i) / Math.max(1, steps - 1)},${38 - (36 * loss) / most}`)
  find('curve', SVGSVGElement).querySelector('polyline')?.setAttribute('points', points.join(' '))
}

/** Hands a file to the user. */
export function download(name: string, bytes: Uint8Array): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([bytes.slice()]))
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
