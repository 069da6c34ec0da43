/** Nodes that ONNX Runtime's WebGPU device takes and then fails to compute, or computes wrongly (1.30). */
import onnxProto from 'onnx-proto'

const { ModelProto } = onnxProto.onnx
type Node = InstanceType<typeof onnxProto.onnx.NodeProto>

const integers = (node: Node, name: string): readonly number[] => {
  const attribute = node.attribute.find((candidate) => candidate.name === name)
  return (attribute?.ints ?? []).map(Number)
}

const integer = (node: Node, name: string, otherwise: number): number => {
  const attribute = node.attribute.find((candidate) => candidate.name === name)
  return attribute === undefined ? otherwise : Number(attribute.i)
}

/** By operator. */
const unfit: Readonly<Record<string, (node: Node) => boolean>> = {
  // With groups its results are wrong; in three dimensions it ends in an error.
  ConvTranspose: (node) => integer(node, 'group', 1) !== 1 || integers(node, 'strides').length > 2,
}

/** Names of the nodes of this ONNX model that the CPU has to compute instead. */
export const notForWebgpu = (bytes: Uint8Array): readonly string[] =>
  (ModelProto.decode(bytes).graph?.node ?? [])
    .filter((node) => unfit[node.opType ?? '']?.(node as Node) === true)
    .flatMap(({ name }) => name ?? [])
