export { version } from '../runtime/version.js'
