import { suggest } from '../../base/errors.ts';
import { transpose } from '../../graph/ops/layout.ts';
import { input, type Tensor, topological } from '../../graph/tensor.ts';
import { Scope } from '../../nn/scope.ts';
import { type GraphSource, type ImportedGraph, importGraph } from './graph.ts';
import type { OnnxOptions } from './options.ts';

export type Size = readonly [height: number, width: number];

/** The input of a model that takes the image. */
export interface ImageInput {
  name: string;
  /** [B,H,W,3] instead of [B,3,H,W]. */
  channelsLast: boolean;
  /** How many images at once; null: any number. */
  batch: number | null;
  /** As the file states it; null: any. */
  size: Size | null;
}

/** A graph with what a backbone needs to know of it. */
export interface ImportedModel extends GraphSource {
  path: string;
  image: ImageInput;
  /** Names among which features are looked for, in order. */
  candidates: readonly string[];
  options: OnnxOptions;
}

/** What a model is fed. */
export const feedsOf = ({ image }: ImportedModel, pixels: Tensor): Map<string, Tensor> =>
  new Map([[image.name, image.channelsLast ? transpose(pixels, [0, 2, 3, 1]) : pixels]]);

/** A model imported for one image of a size, to look at. */
export function sketch(model: ImportedModel, size: Size, wanted?: readonly string[]): Sketch {
  const image = input('image', [1, 3, ...size], 'image');
  return { image, size, graph: importGraph(model, { feeds: feedsOf(model, image), scope: Scope.frozen('w'), wanted }) };
}

export interface Sketch {
  image: Tensor;
  size: Size;
  graph: ImportedGraph;
}

/** The tensors that depend on the image, among those that some tensors need; inputs first. */
export function dependents(image: Tensor, tensors: readonly Tensor[]): Tensor[] {
  const found = new Set([image]);
  for (const tensor of topological(tensors)) if (tensor.inputs.some(x => found.has(x))) found.add(tensor);
  return [...found];
}

const MOST_NAMES = 40;

/** The nearest of many names; all of them only where they are few. */
export function suggestFew(given: string, names: readonly string[]): string {
  if (names.length <= MOST_NAMES) return suggest(given, names);
  const near = /did you mean "[^"]*"/.exec(suggest(given, names));
  return near ? `${near[0]}?` : `it has ${names.length}, such as ${names.slice(-3).join(', ')}`;
}
