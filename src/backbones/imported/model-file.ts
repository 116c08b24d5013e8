import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { readOnnx } from '../../weights/onnx.ts';
import { type ImportedBackbone, importedBackbone } from './backbone.ts';
import { imageInput } from './image-input.ts';
import { isSizedTfjs, tfjsTable } from './ops/tfjs.ts';
import type { OnnxOptions } from './options.ts';
import { isSized, onnxTable } from './table.ts';
import { readTfjsGraph } from './tfjs-graph.ts';

const ONNX = { ending: /\.onnx$/i, read: readOnnx, table: onnxTable, isSized };
const TFJS = { ending: /\.json$/i, read: readTfjsGraph, table: tfjsTable, isSized: isSizedTfjs };

/** Whether a backbone's name is that of a file. */
export const isModelFile = (name: string): boolean => [ONNX, TFJS].some(({ ending }) => ending.test(name));

let last: { key: string; backbone: ImportedBackbone } | undefined;

/**
 * An ONNX file, or the `model.json` of a TensorFlow.js graph model, as a backbone; see docs/onnx-backbones.md. The last
 * one is kept: a run asks for it at several places.
 *
 * @param side of the images that it is to be used with, px.
 * @throws UserError where the file cannot be read or imported, or it is not plain what is its input or its output.
 */
export function fileBackbone(path: string, options: OnnxOptions, side: number): ImportedBackbone {
  const { mtimeMs, size } = statSync(path, { throwIfNoEntry: false }) ?? {};
  const key = JSON.stringify([path, mtimeMs, size, options, side]);
  if (last?.key !== key) last = { key, backbone: open(path, options, side) };
  return last.backbone;
}

function open(path: string, options: OnnxOptions, side: number): ImportedBackbone {
  const { read, table, isSized } = TFJS.ending.test(path) ? TFJS : ONNX;
  const { outputs, ...model } = read(path);
  const file = basename(path);
  const image = imageInput(model, file, options.input);
  const candidates = outputs.map(({ name }) => name);
  return importedBackbone({ ...model, path, file, image, candidates, options, table, isSized }, side);
}
