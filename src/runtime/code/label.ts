/** Identifiers that only name something: no value is read by them. */
import type { ts } from 'ts-morph'
import { typescript } from './typescript.js'

/** Names that are no uses: of properties, labels and bindings. */
export const isLabel = (node: ts.Node, child: ts.Node): boolean => {
  const ts = typescript()
  if (!ts.isIdentifier(child)) return false
  if (ts.isLabeledStatement(node) || ts.isBreakStatement(node) || ts.isContinueStatement(node)) return true
  if (ts.isMetaProperty(node)) return true
  if (ts.isQualifiedName(node)) return node.right === child
  if (ts.isBindingElement(node)) return node.propertyName === child || node.name === child
  return (
    (ts.isPropertyAssignment(node) ||
      ts.isPropertyDeclaration(node) ||
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isEnumDeclaration(node) ||
      ts.isEnumMember(node) ||
      ts.isModuleDeclaration(node) ||
      ts.isImportEqualsDeclaration(node) ||
      ts.isImportAttribute(node)) &&
    node.name === child
  )
}
