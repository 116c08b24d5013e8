import { dirname } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { ByteSource } from './byte-source.ts';
import { parseTensor } from './onnx-tensor.ts';
import { type ProtoRange, protoFields, protoRanges } from './protobuf.ts';
import { selected, toFloat32, type Weight, type WeightSelection } from './weight.ts';

/**
 * The initializers of an ONNX model as float32, external data included. Only those asked for are read; the graph is not.
 *
 * @throws UserError as `readOnnx`.
 */
export function onnxWeights(source: ByteSource, selection: WeightSelection = {}): Map<string, Weight> {
  const initializers = new Map<string, ProtoRange>();
  let graphs = 0;
  for (const graph of protoRanges(source, 0, source.size)) {
    if (graph.number !== 7) continue;
    graphs++;
    for (const field of protoRanges(source, graph.begin, graph.end)) {
      if (field.number === 15) {
        throw new UserError(
          `${source.name} holds sparse initializers, which cannot be read. Export it with dense weights`,
        );
      }
      if (field.number !== 5) continue;
      const name = tensorName(source, field);
      if (initializers.has(name)) {
        throw new UserError(
          `${source.name} is no valid ONNX model: it holds the initializer "${name}" twice. Export it again`,
        );
      }
      initializers.set(name, field);
    }
  }
  if (graphs !== 1) {
    throw new UserError(
      `${source.name} is no ONNX model: it holds ${graphs} graphs, expected one. Check that it is the right file`,
    );
  }
  const origin = { name: source.name, folder: dirname(source.name) };
  return new Map(
    selected(initializers, selection, source.name).map(([name, { begin, end }]) => {
      const { tensor } = parseTensor(protoFields(source.read(begin, end - begin), source.name), origin);
      return [name, { shape: tensor.shape, data: toFloat32(tensor.data) }];
    }),
  );
}

function tensorName(source: ByteSource, tensor: ProtoRange): string {
  let name = '';
  for (const { number, begin, end } of protoRanges(source, tensor.begin, tensor.end)) {
    if (number === 8) name = Buffer.from(source.read(begin, end - begin).buffer).toString('utf8');
  }
  return name;
}
