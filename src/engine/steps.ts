// A pass may be several dispatches with tensors between them that are nobody else's (a sum in parts, say). The tape
// records one; here it becomes the list that a plan runs.

import type { Pass } from '../kernels/op.ts';
import type { Dispatch } from './tape.ts';
import { Tensor } from './tensor.ts';

/** The dispatch of a pass, and of those that follow it. */
export function stepsOf(dispatch: Dispatch): Dispatch[] {
  const { label, pass, source, constants } = dispatch;
  if (!pass.next) return [dispatch];
  const operands = { ...dispatch.operands };
  for (const [name, shape] of Object.entries(pass.scratch ?? {}))
    operands[name] = new Tensor(`${label} ${name}`, shape);
  const first = { ...dispatch, operands: renamed(operands, pass) };
  const next = {
    label: `${label}.${pass.next.entryPoint}`,
    source: pass.next.source ?? source,
    pass: pass.next,
    constants: pass.next.constants ?? constants,
    operands: renamed(operands, pass.next),
  };
  return [first, ...stepsOf(next)];
}

/** Operands by the names that the text of a pass has for them. */
function renamed(operands: Record<string, Tensor>, { operands: names = {} }: Pass): Record<string, Tensor> {
  const variables = Object.entries(names).map(([variable, operand]) => [variable, operands[operand]]);
  return { ...operands, ...Object.fromEntries(variables) };
}
