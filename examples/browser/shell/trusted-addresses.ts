/** Trusted Types, as far as they are used here; TypeScript's DOM has none yet. */
interface TrustedTypes {
  createPolicy(name: 'default', rules: { createScriptURL(address: string): string | null }): unknown
}

declare global {
  var trustedTypes: TrustedTypes | undefined
}

/**
 * Under `require-trusted-types-for 'script'` text becomes neither markup nor script. What remains are the addresses of
 * workers: those of the page's own server.
 */
globalThis.trustedTypes?.createPolicy('default', {
  createScriptURL: (address) => (new URL(address, location.href).origin === location.origin ? address : null),
})

export {}
