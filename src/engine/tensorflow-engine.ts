export { openTensorflow } from './tensorflow/tensorflow-engine.js'
