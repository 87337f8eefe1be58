/** Whether this is Node, and not Deno or Bun, which have its modules: some of them do nothing there. */
export const isNode = !('deno' in process.versions || 'bun' in process.versions)
