/** What of the library reads and splits rows; loaded when somebody asks. */
export { loadDataset, splitDataset } from 'peft-medaware'
