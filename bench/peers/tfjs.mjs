// ResNet18 in TensorFlow.js on its WebGPU backend. Forward with its fused convolutions (bias and ReLU inside); for the
// gradient the plain ones, because the fused ones compute filter gradients that nobody asked for. NHWC, its default.

import { waitFor } from './adapter.mjs';
import { serve } from './serve.mjs';

let tf;

const nhwc = (t) => tf.transpose(t, [0, 2, 3, 1]);
const pad4 = (p) => [
  [0, 0],
  [p, p],
  [p, p],
  [0, 0],
];

/** Weights as tensors, filters as [R,S,C,K]. */
function upload({ convolutions, fc, take }) {
  const filters = Object.entries(convolutions).map(([name, { weight, bias, stride, pad }]) => {
    const w = tf.tidy(() => tf.transpose(tf.tensor4d(take(weight), weight.shape), [2, 3, 1, 0]));
    return [name, { w, bias: tf.tensor1d(take(bias)), stride, pad: pad4(pad) }];
  });
  const w = tf.tidy(() => tf.transpose(tf.tensor2d(take(fc.weight), fc.weight.shape)));
  return { filters: Object.fromEntries(filters), fc: { w, bias: tf.tensor1d(take(fc.bias)) } };
}

const layers = {
  fused: (x, { w, bias, stride, pad }, rectify) =>
    tf.fused.conv2d({ x, filter: w, strides: stride, pad, bias, activation: rectify ? 'relu' : 'linear' }),
  plain: (x, { w, bias, stride, pad }, rectify) => {
    const y = tf.add(tf.conv2d(x, w, stride, pad), bias);
    return rectify ? tf.relu(y) : y;
  },
};

/** The sum of block `last` before its ReLU. */
function blocks(x, { filters }, network, last, convolve) {
  let stream = tf.maxPool(convolve(x, filters.stem, true), 3, 2, pad4(1));
  for (const { name, first, second, bypass } of network.blocks) {
    const inner = convolve(convolve(stream, filters[first], true), filters[second], false);
    const sum = tf.add(inner, bypass ? convolve(stream, filters[bypass], false) : stream);
    if (name === last) return sum;
    stream = tf.relu(sum);
  }
}

let weights;

async function setUp(network, { tap, channel, shape }, values) {
  weights ??= upload(network);
  const x = tf.tidy(() => nhwc(tf.tensor4d(values, shape)));
  const last = (tap ?? '4.1.O').slice(0, 3);
  let subject;
  if (!tap) {
    const run = () =>
      tf.tidy(() => {
        const pooled = tf.mean(tf.relu(blocks(x, weights, network, last, layers.fused)), [1, 2]);
        return [tf.add(tf.matMul(pooled, weights.fc.w), weights.fc.bias)];
      });
    subject = { run, read: ([logits]) => logits.data() };
  } else {
    const f = tf.valueAndGrad((input) => blocks(input, weights, network, last, layers.plain));
    const { rows, channels } = network.taps[tap];
    const dy = tf.tidy(() => {
      const mask = tf.buffer([shape[0], rows, rows, channels]);
      for (let n = 0; n < shape[0]; n++) mask.set(1, n, rows >> 1, rows >> 1, channel);
      return mask.toTensor();
    });
    const run = () =>
      tf.tidy(() => {
        const { value, grad } = f(x, dy);
        return [grad, value];
      });
    const read = async ([dx, y]) => {
      const { centre, nchw } = tf.tidy(() => ({
        centre: tf.slice(y, [0, rows >> 1, rows >> 1, channel], [shape[0], 1, 1, 1]),
        nchw: tf.transpose(dx, [0, 3, 1, 2]),
      }));
      const all = [...(await Promise.all([centre.data(), nchw.data()]))];
      tf.dispose([centre, nchw]);
      return Float32Array.from([...all[0], ...all[1]]);
    };
    subject = { run, read };
  }
  const backend = tf.backend();
  const wait = () => {
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
    return backend.queue.onSubmittedWorkDone();
  };
  return { ...subject, wait, release: (tensors) => tf.dispose(tensors), dispose: () => x.dispose() };
}

tf = await import('@tensorflow/tfjs-core');
await import('@tensorflow/tfjs-core/dist/register_all_gradients');
await import('@tensorflow/tfjs-backend-webgpu');
await waitFor(tf.setBackend('webgpu').then(() => tf.ready()));
await serve({ describe: () => ({ name: 'TensorFlow.js', version: tf.version_core }), setUp });
