import { parentPort, workerData } from 'node:worker_threads';
import { openDataset } from '../../datasets/registry.ts';
import { SampleCache } from '../sample-cache.ts';
import { type TrainingSample, trainingSample } from '../samples.ts';
import type { SampleRequest } from './loader.ts';
import { type DrawMessage, type DrawnMessage, packError, type ThreadSetup } from './messages.ts';

// draws samples in its own thread, one after the other, in the order they are asked for
const port = parentPort!;
const { spec, seed, cacheBytes } = workerData as ThreadSetup;
const opened = openDataset(spec, { seed, split: 'train' }).then(dataset => ({
  dataset,
  cache: new SampleCache(dataset, cacheBytes),
}));
// reported with every sample that needs it
opened.catch(() => undefined);

async function draw(request: SampleRequest): Promise<TrainingSample> {
  const { dataset, cache } = await opened;
  return trainingSample(dataset, { ...request, cache });
}

async function answer({ id, request }: DrawMessage): Promise<void> {
  const post = (message: DrawnMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  try {
    const sample = await draw(request);
    post({ id, sample }, [sample.image.buffer as ArrayBuffer, sample.target.buffer as ArrayBuffer]);
  } catch (error) {
    post({ id, error: packError(error) });
  }
}

let last = Promise.resolve();
port.on('message', (message: DrawMessage) => {
  last = last.then(() => answer(message));
});
