export { version } from '../runtime/definition/own-package.js'
