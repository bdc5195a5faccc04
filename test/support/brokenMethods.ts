// Methods of classes that a test exchanges for a while: to count calls, or to make one of them go wrong.

import { expect } from 'vitest';

type Method = (this: unknown, ...given: unknown[]) => unknown;

/** Replaces a method until the function that is returned is called. */
function replaced(
  owner: { prototype: object },
  name: string,
  make: (original: Method) => Method,
): () => void {
  const prototype = owner.prototype as Record<string, Method>;
  const original = prototype[name];
  prototype[name] = make(original);
  return () => {
    prototype[name] = original;
  };
}

/** Counts calls of a method; the function that is returned says how many, and stops. */
export function counted(owner: { prototype: object }, name: string): () => number {
  let calls = 0;
  const restore = replaced(
    owner,
    name,
    (original) =>
      function (...given) {
        calls++;
        return original.apply(this, given);
      },
  );
  return () => {
    restore();
    return calls;
  };
}

/** What `run` throws while call `when` of a method is followed by `act`. */
export async function faulty(
  [owner, name, when]: [{ prototype: object }, string, number],
  act: (result: unknown) => void,
  run: () => Promise<unknown>,
): Promise<unknown> {
  let calls = 0;
  const restore = replaced(
    owner,
    name,
    (original) =>
      function (...given) {
        const result = original.apply(this, given);
        if (calls++ === when) act(result);
        return result;
      },
  );
  try {
    return await run().then(
      () => 'nothing was thrown',
      (error: unknown) => error,
    );
  } finally {
    restore();
    expect(calls, `calls of ${name}`).toBeGreaterThan(when);
  }
}
