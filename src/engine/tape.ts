// The autograd. apply() records an op's forward pass; backward() walks the record in reverse and, for every
// differentiable input, records the backward pass of that name: inputs by their name, the outputs by theirs,
// `dy` the gradient that has arrived, `dx` the gradient of `x`.
// The first contribution to a gradient writes it, later ones are compiled with ACCUMULATE and add to it, so
// nothing is ever cleared. A tape is only a list; plan.ts gives it buffers and runs it.

import { StreamscopeError } from '../error.ts';
import type { Op, Pass, Shape } from '../kernels/op.ts';
import type { Update } from '../kernels/update.ts';
import { Tensor } from './tensor.ts';

/** One dispatch: a pass of a kernel and the tensors behind its binding names. */
export interface Dispatch {
  label: string;
  source: string;
  pass: Pass;
  constants: Record<string, number>;
  operands: Record<string, Tensor>;
}

interface Application {
  op: Op<never>;
  backward: Record<string, Pass>;
  constants: Record<string, number>;
  inputs: Record<string, Tensor>;
  outputs: Record<string, Tensor>;
}

export class Tape {
  readonly dispatches: Dispatch[] = [];
  /** tensors that keep their buffer to themselves, so that they can be read after a step */
  readonly kept = new Set<Tensor>();
  /** tensors whose values are known when the plan is made */
  readonly tables = new Map<Tensor, readonly number[]>();
  readonly #applications: Application[] = [];

  /** Records y = op(inputs). The result is differentiable when an input is. */
  apply<Settings>(
    op: Op<Settings>,
    inputs: Record<string, Tensor>,
    ...[settings]: keyof Settings extends never ? [] : [Settings]
  ): Tensor {
    const shapes: Record<string, Shape> = Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => [name, tensor.shape]),
    );
    const recipe = op.recipe(shapes, (settings ?? {}) as Settings);
    const differentiable = Object.entries(inputs).some(
      ([name, t]) => t.differentiable && name in recipe.backward,
    );
    const outputs: Record<string, Tensor> = {};
    for (const [name, { shape, type }] of Object.entries(recipe.outputs)) {
      const label = `${op.name}.${name}`;
      outputs[name] = new Tensor(label, shape, type, differentiable && name === 'y');
    }
    const { constants, forward, backward } = recipe;
    const operands = { ...inputs, ...outputs };
    const source = forward.source ?? op.source;
    this.#dispatch({ label: op.name, source, pass: forward, constants, operands });
    this.#applications.push({ op: op as Op<never>, backward, constants, inputs, outputs });
    return outputs.y;
  }

  /** Adds a dispatch: operands by the names its text has for them, and the table of sizes that it may read. */
  #dispatch({ label, pass, operands, constants, source }: Dispatch): void {
    const named = { ...operands };
    for (const [variable, operand] of Object.entries(pass.operands ?? {}))
      named[variable] = operands[operand];
    if (!pass.shape) {
      this.dispatches.push({ label, source, pass, constants, operands: named });
      return;
    }
    const { ACCUMULATE = 0, ...others } = constants;
    const numbers = [...pass.shape.slice(0, -1), ACCUMULATE];
    named.shape = new Tensor(`${label} shape`, [numbers.length], 'i32');
    this.tables.set(named.shape, numbers);
    const bindings = [...pass.bindings, 'shape'];
    this.dispatches.push({ label, source, pass: { ...pass, bindings }, constants: others, operands: named });
  }

  /** Records a kernel that changes its operands in place. */
  update({ name, source, constants, pass }: Update, operands: Record<string, Tensor>): void {
    this.dispatches.push({ label: name, source, pass, constants, operands });
  }

  /** Records the gradient of sum(y * dy) and returns, by tensor, what has arrived everywhere. */
  backward(y: Tensor, dy: Tensor): Map<Tensor, Tensor> {
    const gradients = new Map([[y, dy]]);
    for (const { op, backward, constants, inputs, outputs } of this.#applications.toReversed()) {
      const arrived = gradients.get(outputs.y);
      if (!arrived) continue;
      for (const [name, input] of Object.entries(inputs)) {
        const pass = backward[name];
        if (!input.differentiable || !pass) continue;
        const earlier = gradients.get(input);
        const gradient = earlier ?? new Tensor(`d ${input.label}`, input.shape);
        gradients.set(input, gradient);
        this.#dispatch({
          label: `${op.name}.backward ${name}`,
          source: pass.source ?? op.source,
          pass,
          constants: { ...(pass.constants ?? constants), ACCUMULATE: earlier ? 1 : 0 },
          operands: { ...inputs, ...outputs, dy: arrived, [`d${name}`]: gradient },
        });
      }
    }
    return gradients;
  }

  /** Keeps a tensor readable after a step. Returns it. */
  keep(tensor: Tensor): Tensor {
    this.kept.add(tensor);
    return tensor;
  }
}

/** The gradient of `tensor`, which must have one. */
export function gradientOf(gradients: Map<Tensor, Tensor>, tensor: Tensor): Tensor {
  const gradient = gradients.get(tensor);
  if (!gradient) throw new StreamscopeError('bug', `backward: no gradient reaches ${tensor}.`);
  return gradient;
}
