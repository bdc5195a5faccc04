// ResNet18 in jax-js on its WebGPU backend, jitted: bias, ReLU and the residual sum are fused into the convolutions.
// The centre unit is chosen by a one-hot mask: the gradient of a slice is silently wrong when jitted (0.1.25).
// Arrays are passed by ownership: whatever is used once more is passed as .ref.

import { waitFor } from './adapter.mjs';
import { version } from './node_modules/@jax-js/jax/package.json';
import { serve } from './serve.mjs';

const {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy: np,
  valueAndGrad,
} = await import('@jax-js/jax');

/** Weights as a tree of arrays; biases in the shape that a convolution's result adds. */
function upload({ convolutions, fc, take }) {
  const array = ({ at, shape }, as = shape) => np.array(take({ at, shape }).slice()).reshape(as);
  const tree = {};
  for (const [name, { weight, bias }] of Object.entries(convolutions))
    tree[name] = { w: array(weight), bias: array(bias, [1, bias.shape[0], 1, 1]) };
  tree.fc = { w: array(fc.weight), bias: array(fc.bias) };
  return tree;
}

const edges = (p) => [
  [p, p],
  [p, p],
];

/** The sum of block `last` before its ReLU. Takes x; the weights stay. */
function blocks(x, weights, network, last) {
  const convolve = (input, name) => {
    const { stride, pad } = network.convolutions[name];
    const { w, bias } = weights[name];
    return lax.convGeneralDilated(input, w.ref, [stride, stride], edges(pad)).add(bias.ref);
  };
  // behind a ReLU a border of zeros is as good as one of -infinity
  const rectified = np.pad(nn.relu(convolve(x, 'stem')), [[0, 0], [0, 0], ...edges(1)]);
  let stream = lax.reduceWindow(rectified, np.max, [3, 3], [2, 2]);
  for (const { name, first, second, bypass } of network.blocks) {
    const inner = convolve(nn.relu(convolve(stream.ref, first)), second);
    const sum = inner.add(bypass ? convolve(stream, bypass) : stream);
    if (name === last) return sum;
    stream = nn.relu(sum);
  }
}

let weights;

async function setUp(network, { tap, channel, shape }, values) {
  weights ??= upload(network);
  const x = np.array(values).reshape(shape);
  const last = (tap ?? '4.1.O').slice(0, 3);
  let subject;
  if (!tap) {
    const f = jit((input) => {
      const pooled = np.mean(nn.relu(blocks(input, weights, network, last)), [2, 3]);
      return np.matmul(pooled, np.transpose(weights.fc.w.ref)).add(weights.fc.bias.ref);
    });
    const read = async ([logits]) => logits.ref.data();
    subject = { run: () => [f(x.ref)], read, dispose: () => f.dispose() };
  } else {
    const { rows, channels } = network.taps[tap];
    const hot = new Float32Array(channels * rows * rows);
    hot[(channel * rows + (rows >> 1)) * rows + (rows >> 1)] = 1;
    const mask = np.array(hot).reshape([1, channels, rows, rows]);
    const value = (input) => {
      const values = np.sum(blocks(input, weights, network, last).mul(mask.ref), [1, 2, 3]);
      return [np.sum(values.ref), values];
    };
    const f = jit((input) => {
      const [[total, values], dx] = valueAndGrad(value, { hasAux: true })(input);
      total.dispose();
      return [values, dx];
    });
    const read = async ([centre, dx]) => {
      const all = await Promise.all([centre.ref.data(), dx.ref.data()]);
      return Float32Array.from([...all[0], ...all[1]]);
    };
    subject = { run: () => f(x.ref), read, dispose: () => f.dispose() };
  }
  const release = (arrays) => {
    for (const array of arrays) array.dispose();
  };
  const dispose = () => {
    subject.dispose();
    x.dispose();
  };
  return { ...subject, wait: (arrays) => blockUntilReady(arrays), release, dispose };
}

await waitFor(init('webgpu'));
defaultDevice('webgpu');
await serve({ describe: () => ({ name: 'jax-js', version }), setUp });
