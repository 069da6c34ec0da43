/** Finds out which engines are installed and in which versions, by looking at files; nothing is loaded. */

export { tensorflowPackages } from './installed.js'
