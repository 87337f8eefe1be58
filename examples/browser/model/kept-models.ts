/** What the browser keeps of the Hub for this page; loaded when somebody asks. */
export { cachedModels, deleteCachedModel } from 'peft-medaware'
