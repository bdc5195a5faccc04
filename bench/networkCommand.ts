// The command `network`: starts the peers that are asked for, hands over the network, prints rows.

import { join } from 'node:path';
import { readBytes } from '../src/cli/files.ts';
import { Gpu } from '../src/engine/device.ts';
import { StreamscopeError } from '../src/error.ts';
import { networkOf } from '../src/model/network.ts';
import { Parameters, requireTensors } from '../src/model/parameters.ts';
import { parseWeights, type Weights } from '../src/model/weights.ts';
import { adapterOf } from './adapter.ts';
import { Child } from './child.ts';
import { announce, failIf, finish, say, surroundings } from './document.ts';
import { benchNetwork, Exchange, NETWORK_HEADER, networkFailed, networkLine } from './networkBench.ts';
import { networkCasesOf } from './networkCase.ts';
import { randomNetwork } from './networkWeights.ts';
import { type PeerInfo, type PeerName, startPeer } from './peers.ts';
import { PYTHON_HINT } from './pytorch.ts';

export interface NetworkCommand {
  weights?: string;
  against: ('pytorch' | PeerName)[];
  python: string;
  only: string;
  batch: number[];
  seconds: number;
  out?: string;
}

async function openNetwork(path: string | undefined) {
  if (!path) return { ...randomNetwork(), weightsName: 'random' };
  const weights: Weights = parseWeights(await readBytes(path), path);
  const network = networkOf(weights, path);
  requireTensors(network, weights, ['logits'], path);
  if (network.name !== 'resnet18')
    throw new StreamscopeError('usage', `${path} is a ${network.name}, the cases are ResNet18's.`);
  return { network, weights, weightsName: path };
}

export async function networkCommand(options: NetworkCommand, root: string): Promise<void> {
  const cases = networkCasesOf(options.only, options.batch);
  const { network, weights, weightsName } = await openNetwork(options.weights);
  const gpu = await Gpu.acquire();
  const context = { gpu, network, parameters: new Parameters(gpu, weights) };
  const exchange = new Exchange(context);
  const peers = new Map<string, Child>();
  try {
    announce(adapterOf(gpu));
    const around = surroundings(adapterOf(gpu), root); // before the peers load the machine themselves
    const infos: Record<string, PeerInfo> = {};
    for (const name of options.against) {
      const { child, info } = await open(name, options.python, root, exchange);
      peers.set(name, child);
      infos[name] = info;
      say(
        `${info.name} ${info.version} on ${info.adapter}${info.vectorWidth ? `, ${info.vectorWidth} bits` : ''}`,
      );
    }
    const versions = { ...around.versions, ...infos };
    const started = { kind: 'network', date: new Date().toISOString(), ...around, versions };
    say(NETWORK_HEADER);
    const rows = [];
    const cache = join(root, 'node_modules/.cache/streamscope');
    for await (const row of benchNetwork(exchange, peers, cases, { seconds: options.seconds, cache })) {
      say(networkLine(row));
      rows.push(row);
    }
    await finish({ ...started, weights: weightsName, seconds: options.seconds, cases: rows }, options.out);
    failIf(rows.filter(networkFailed).map(({ name, batch }) => `${name}, batch ${batch}`));
  } finally {
    for (const child of peers.values()) child.close();
    exchange.close();
    gpu.close();
  }
}

async function open(
  name: 'pytorch' | PeerName,
  python: string,
  root: string,
  exchange: Exchange,
): Promise<{ child: Child; info: PeerInfo }> {
  if (name !== 'pytorch') {
    // forward of one image
    const trial = {
      prepare: async (child: Child) => void (await exchange.load(child, { name: 'trial', batch: 1 })),
      time: async (child: Child) => Math.min(...(await exchange.time(child, 0, 3))),
    };
    return startPeer(root, name, exchange.context.gpu, trial);
  }
  const child = new Child('PyTorch', python, [join(root, 'bench/pytorch/whole.py')], PYTHON_HINT);
  const info = await child.ask<PeerInfo>({ do: 'describe' }).catch((error: unknown) => {
    child.close();
    throw error;
  });
  return { child, info };
}
