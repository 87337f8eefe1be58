import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const relativeWithoutEnding = {
  regex: String.raw`^\.{1,2}/(?!.*(\.(ts|js|json|css)|\?raw)$)`,
  message: 'A relative import ends in the name of a file, with .ts.',
}
const packageByName = { regex: '^peft-medaware', message: 'The library imports its own rooms by path, not by name.' }
const nodeBuiltins = { regex: '^(node:|webgpu$)', message: 'Only src/platform/node.ts and src/cli/ see Node.' }
const libraryByPath = {
  regex: String.raw`^\.\./(.*/)?(src|dist|kernels|test)/`,
  message: 'An example imports the library by its name only.',
}

const restrictImports = (...patterns) => ({
  '@typescript-eslint/no-restricted-imports': ['error', { patterns: [relativeWithoutEnding, ...patterns] }],
})

export default defineConfig(
  // AssemblyScript is not TypeScript: its compiler checks *.as.ts.
  globalIgnores(['dist/', '**/out/', 'docs/reference/api/', '**/*.generated.*', '**/*.as.ts', '.cache/', '.venv/']),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      ...restrictImports(),
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // The types promise more than a caller in plain JavaScript keeps: what they rule out is checked all the same.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // A network without parameters of its own has `{}` for them.
      '@typescript-eslint/no-generated-empty-object-type': 'off',
      // A device or source may answer at once where its contract allows for waiting.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Things have one name: export them by it.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
      ],
      'object-shorthand': ['error', 'properties'],
      'prefer-const': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      ...restrictImports(packageByName, nodeBuiltins),
      'no-console': 'error',
      'no-restricted-globals': [
        'error',
        ...['process', 'Buffer', 'global', 'require', '__dirname', '__filename'].map((name) => ({
          name,
          message: 'Only src/platform/node.ts and src/cli/ see Node.',
        })),
        ...['window', 'document', 'navigator', 'self'].map((name) => ({
          name,
          message: 'Only src/platform/browser.ts sees the page; elsewhere write globalThis or ask #platform.',
        })),
      ],
    },
  },
  {
    files: ['src/platform/**/*.ts', 'src/cli/**/*.ts'],
    rules: { ...restrictImports(packageByName), 'no-restricted-globals': 'off' },
  },
  { files: ['examples/**/*.ts'], rules: restrictImports(libraryByPath) },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      // Reference numbers are written out as they were printed.
      'no-loss-of-precision': 'off',
    },
  },
  // Plain programs of Node, whose globals no type tells of.
  { files: ['bench/**/*.mjs', 'examples/create/**/*.js'], rules: { 'no-undef': 'off' } },
  {
    files: ['**/*.config.ts', '*.config.js', 'docs/.vitepress/**/*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
)
