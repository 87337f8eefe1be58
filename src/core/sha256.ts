/**
 * SHA-256 of a text's UTF-8, in hexadecimal digits. Its code is loaded when it is first asked for: the page's cache has
 * it too, and a file that both take at once would be in every page.
 */
export async function sha256(text: string): Promise<string> {
  const { Digest } = await import('./digest.ts')
  return new Digest('sha256').update(new TextEncoder().encode(text)).hex()
}
