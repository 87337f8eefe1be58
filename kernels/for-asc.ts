/**
 * A kernel's text as asc takes it. It takes `.as.ts` at the end of an import for another module than the file itself,
 * so it is shown plain names; a line `// @inline` is its decorator, which other tools refuse before a function.
 */
export function forAsc(text: string): string {
  return text.replaceAll(`.as.ts'`, `'`).replaceAll(/^\/\/ @inline$/gm, '@inline')
}
