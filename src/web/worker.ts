// The worker of the page: it owns the device. Messages in, one at a time, messages out (protocol.ts).

import { StreamscopeError } from '../error.ts';
import { ascendChannel, Brake, finished } from './ascent.ts';
import { parseRequest, type Reply, type Request, type Result } from './protocol.ts';
import { Session } from './session.ts';
import { wordingOf } from './wording.ts';

/** What a dedicated worker has, as far as it is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: unknown, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;
const session = new Session();
let brake: Brake | undefined;
let last: Promise<void> = Promise.resolve();

async function perform(request: Request): Promise<Result<Request['kind']>> {
  switch (request.kind) {
    case 'open':
      return session.open(request.name, new Uint8Array(request.bytes));
    case 'magnitudes':
      return session.magnitudes(request.block);
    case 'ascend':
      return climb(request);
    case 'steer':
      brake?.steer(request.action);
      return {};
    case 'respond': {
      const { block, channel, size, images } = request;
      return session.respond(block, channel, size, images);
    }
    case 'photograph': {
      const { block, height, width, data } = request;
      return session.photograph(block, { height, width, data });
    }
  }
}

async function climb({
  block,
  channel,
  roles,
  settings,
}: Extract<Request, { kind: 'ascend' }>): Promise<Result<'ascend'>> {
  session.block(block, channel);
  const context = await session.context();
  brake = new Brake();
  try {
    const made = await ascendChannel(context, block, channel, roles, settings, brake, (picture) =>
      send(picture, [picture.pixels.buffer]),
    );
    const images = [];
    for (const { role, ascent } of made)
      images.push({ role, ...(await finished(context, `${block}.${role}`, channel, settings.size, ascent)) });
    return { stopped: false, images, liveBytes: context.gpu.liveBytes };
  } catch (error) {
    if (!brake.signal.aborted || error instanceof StreamscopeError) throw error;
    return { stopped: true, images: [], liveBytes: context.gpu.liveBytes };
  } finally {
    brake = undefined;
  }
}

function send(reply: Reply, transfer: ArrayBufferLike[] = []): void {
  scope.postMessage(reply, transfer as ArrayBuffer[]);
}

async function answer(number: number, request: Request): Promise<void> {
  try {
    send({ kind: 'done', request: number, result: await perform(request) });
  } catch (error) {
    send({ kind: 'failed', request: number, ...wordingOf(error) });
  }
}

scope.onmessage = ({ data }) => {
  const { request, body } = parseRequest(data);
  if (body.kind === 'steer') void answer(request, body);
  else last = last.then(() => answer(request, body));
};
