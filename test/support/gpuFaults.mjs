// Loaded before the command line (node --import): breaks the GPU under it, as FAULT says: kind[@number]. Says so on stderr.
//   limit            the device allows four buffers per kernel
//   refused          the adapter gives no device
//   destroyed@K      the device is lost at submit K
//   lost@K           the device is lost while read-back K is under way
//   memory@K         the driver has no memory for buffer K: an event, and no exception
//   corrupted@K      a bit of read-back K is another
//   endless          the kernel that ends a step never ends

import { globals } from 'webgpu';

const [kind, number = '1'] = (process.env.FAULT ?? '').split('@');
const when = Number(number);
const { GPUAdapter, GPUDevice, GPUQueue, GPUBuffer, GPUOutOfMemoryError } = globals;

let device;
const requestDevice = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = async function (...given) {
  if (kind === 'refused' || kind === 'limit') tell();
  if (kind === 'refused') throw new Error('no more devices');
  device = await requestDevice.apply(this, given);
  if (kind === 'limit') {
    const few = new Proxy(device.limits, {
      get: (limits, name) =>
        name === 'maxStorageBuffersPerShaderStage' ? 4 : Reflect.get(limits, name, limits),
    });
    Object.defineProperty(device, 'limits', { value: few });
  }
  return device;
};

const tell = () => console.error('fault injected');

/** Calls `act` with call number `when` of a method, before or after it. */
function atCall(owner, method, act, after = false) {
  const original = owner.prototype[method];
  let calls = 0;
  owner.prototype[method] = function (...given) {
    const isIt = ++calls === when;
    if (isIt) tell();
    if (isIt && !after) act(this);
    const result = original.apply(this, given);
    if (isIt && after) act(this, result);
    return result;
  };
}

if (kind === 'destroyed') atCall(GPUQueue, 'submit', () => device.destroy());
if (kind === 'lost') atCall(GPUBuffer, 'mapAsync', () => device.destroy(), true);
if (kind === 'memory')
  atCall(GPUDevice, 'createBuffer', (self) => {
    const event = new Event('uncapturederror');
    event.error = new GPUOutOfMemoryError('not enough memory left');
    self.dispatchEvent(event);
  });
if (kind === 'corrupted')
  atCall(
    GPUBuffer,
    'getMappedRange',
    (_, range) => {
      const bytes = new Uint8Array(range);
      bytes[Math.floor(bytes.length / 2)] ^= 1 << (when % 8);
    },
    true,
  );
if (kind === 'endless') {
  const original = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (given) {
    const code = given.code.replace(
      'clock[0] += 1;',
      'while (clock[0] < 4294967295) { clock[0] = clock[0] / 2; }',
    );
    if (code !== given.code) tell();
    return original.call(this, { ...given, code });
  };
}
