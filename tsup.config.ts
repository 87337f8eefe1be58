import { defineConfig } from 'tsup'

/** Types of the web platform that the package's declarations name. */
const webTypes = ['AbortSignal', 'Blob', 'File', 'FileSystemDirectoryHandle', 'URL']

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    quant: 'src/quant/index.ts',
    safetensors: 'src/safetensors/index.ts',
    cli: 'src/cli/main.ts',
    'platform/node': 'src/platform/node.ts',
    'platform/browser': 'src/platform/browser.ts',
  },
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  splitting: true,
  sourcemap: true,
  clean: true,
  dts: {
    // Only what can be imported; the platforms' types are in these already.
    entry: { index: 'src/index.ts', quant: 'src/quant/index.ts', safetensors: 'src/safetensors/index.ts' },
    // A project without the DOM's types and Node's has none of these. Where there are any, an empty one adds nothing to them.
    banner: `declare global {\n${webTypes.map((name) => `  interface ${name} {}\n`).join('')}}`,
  },
  // `#platform` is resolved where the package runs, by the import map of package.json.
  external: ['#platform', 'webgpu', /^node:/],
})
