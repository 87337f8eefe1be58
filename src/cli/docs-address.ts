/** Where the library's pages are. */
export const docsAddress = 'https://github.com/peft-medaware/peft-medaware#readme'
