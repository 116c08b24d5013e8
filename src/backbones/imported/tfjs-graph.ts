import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import type { StoredTensor } from '../../weights/dtypes.ts';
import type { OnnxModel } from '../../weights/onnx.ts';
import { tfjsModel, tfjsWeights } from '../../weights/tfjs.ts';
import type { Weight } from '../../weights/weight.ts';
import type { NodeProto } from './node.ts';

// https://github.com/tensorflow/tfjs/blob/master/tfjs-converter/src/data/compiled_api.ts (INodeDef, IAttrValue)

const whole = z.union([z.int(), z.string().regex(/^-?\d+$/)]).transform(Number);
const attributeSchema = z.looseObject({
  s: z.string().optional(),
  i: whole.optional(),
  f: z.number().optional(),
  b: z.boolean().optional(),
  list: z
    .looseObject({
      s: z.array(z.string()).optional(),
      i: z.array(whole).optional(),
      f: z.array(z.number()).optional(),
    })
    .optional(),
  shape: z.looseObject({ dim: z.array(z.looseObject({ size: whole.optional() })).optional() }).optional(),
});
type TfAttribute = z.infer<typeof attributeSchema>;

const nodeSchema = z.looseObject({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).default([]),
  attr: z.record(z.string(), attributeSchema).default({}),
});

const graphModel = z.looseObject({
  format: z.literal('graph-model').optional(),
  modelTopology: z.looseObject({ node: z.array(nodeSchema) }),
  signature: z.looseObject({ outputs: z.record(z.string(), z.looseObject({ name: z.string() })) }).optional(),
});

/**
 * Reads the graph of a TensorFlow.js graph model (`model.json` and its shards) in the form that ONNX files are read in:
 * constants as initializers, placeholders as inputs, ops and attributes under TensorFlow's names.
 *
 * @throws UserError where the file or a shard is missing, or it is of another kind (a layers model).
 */
export function readTfjsGraph(path: string): OnnxModel {
  const json = readJson(path);
  const graph = graphModel.safeParse(json);
  const model = tfjsModel.safeParse(json);
  if (!graph.success || !model.success) {
    const { path: place, message } = (graph.error ?? model.error)!.issues[0];
    throw new UserError(
      `${path} is no TensorFlow.js graph model: ${place.join('.') || 'top'}: ${message}. Convert a layers model by ` +
        'tensorflowjs_converter --output_format tfjs_graph_model',
    );
  }
  const { modelTopology, signature } = graph.data;
  const nodes = modelTopology.node.filter(({ op }) => !['Const', 'Placeholder', 'NoOp'].includes(op));
  const used = modelTopology.node.flatMap(({ input }) => input.map(valueName));
  const imported = nodes.map(node => toNode(node, used));
  const consumed = new Set(used);
  const ends = imported.map(({ outputs }) => outputs[0]).filter(name => !consumed.has(name));
  const signed = Object.values(signature?.outputs ?? {}).map(({ name }) => valueName(name));
  return {
    name: path,
    nodes: imported,
    initializers: constants(path, model.data),
    inputs: modelTopology.node.filter(({ op }) => op === 'Placeholder').map(toInput),
    outputs: (signed.length > 0 ? signed : ends).map(name => ({ name, dtype: null, shape: null })),
    // what both have is as in this version
    opsets: new Map([['', 20]]),
  };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`cannot read ${path}: ${(error as Error).message}. Expected a TensorFlow.js model.json`, {
      cause: error,
    });
  }
}

/** `name` and `name:0` are the first output of a node. */
const valueName = (name: string): string => name.replace(/:0$/, '');

function toNode({ name, op, input, attr }: z.infer<typeof nodeSchema>, used: readonly string[]): NodeProto {
  const others = used.filter(each => each.startsWith(`${name}:`)).map(each => Number(each.slice(name.length + 1)));
  const outputs = Array.from({ length: 1 + Math.max(0, ...others) }, (_, i) => (i === 0 ? name : `${name}:${i}`));
  return {
    name,
    opType: op,
    domain: '',
    // those with ^ order nodes, they pass nothing
    inputs: input.filter(each => !each.startsWith('^')).map(valueName),
    outputs,
    attributes: new Map(
      Object.entries(attr).flatMap(([key, value]) => {
        const attribute = key.startsWith('_') ? undefined : toAttribute(value);
        return attribute ? [[key, attribute] as const] : [];
      }),
    ),
  };
}

type Attribute = NodeProto['attributes'] extends Map<string, infer A> ? A : never;

/** Undefined for element types and shapes, which follow from the inputs. */
function toAttribute({ s, i, f, b, list }: TfAttribute): Attribute | undefined {
  const text = (base64: string) => Buffer.from(base64, 'base64').toString('utf8');
  if (s !== undefined) return { type: 'string', value: text(s) };
  if (i !== undefined) return { type: 'int', value: i };
  if (f !== undefined) return { type: 'float', value: f };
  if (b !== undefined) return { type: 'int', value: b ? 1 : 0 };
  if (list?.s) return { type: 'strings', value: list.s.map(text) };
  if (list?.i) return { type: 'ints', value: list.i };
  return list?.f && { type: 'floats', value: list.f };
}

function toInput({ name, attr }: z.infer<typeof nodeSchema>): OnnxModel['inputs'][number] {
  const stated = (attr.shape as { shape?: TfAttribute['shape'] } | undefined)?.shape?.dim;
  const shape = stated?.map(({ size }) => (size !== undefined && size > 0 ? size : null)) ?? null;
  const type = (attr.dtype as { type?: unknown } | undefined)?.type;
  return { name, dtype: type === 'DT_FLOAT' || type === 1 ? 'F32' : `${type}`, shape };
}

function constants(path: string, model: z.infer<typeof tfjsModel>): Map<string, StoredTensor> {
  const kinds = new Map(
    model.weightsManifest.flatMap(({ weights }) => weights.map(({ name, dtype }) => [name, dtype] as const)),
  );
  const found = tfjsWeights(path, model, { only: name => kinds.get(name) !== 'string' });
  return new Map([...found].map(([name, weight]) => [name, asStored(kinds.get(name), weight)]));
}

function asStored(kind: string | undefined, { shape, data }: Weight): StoredTensor {
  if (kind === 'bool') return { dtype: 'BOOL', shape, data: Uint8Array.from(data) };
  if (kind === 'int32') return { dtype: 'I32', shape, data: Int32Array.from(data) };
  return { dtype: 'F32', shape, data };
}
