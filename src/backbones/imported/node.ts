import { UserError } from '../../base/errors.ts';
import { show, type Tensor } from '../../graph/tensor.ts';
import type { OnnxModel } from '../../weights/onnx.ts';
import { isKnown, type Known, tensorOf, type Value } from './value.ts';

export type NodeProto = OnnxModel['nodes'][number];
type Attribute = NodeProto['attributes'] extends Map<string, infer A> ? A : never;
type AttributeValues = { [A in Attribute as A['type']]: A['value'] };

/** What a node gives: one tensor of floats, one value, or a value for each of its outputs. */
export type Imported = Tensor | Value | readonly Value[];

/** Builds what a node computes. */
export type Importer = (node: ImportedNode) => Imported;

/** Importers by op, those of other domains than ONNX's own as `domain.op`. */
export type ImportTable = Readonly<Record<string, Importer>>;

/**
 * A node as its importer sees it. It keeps account of what was asked for: an attribute or input that the importer does
 * not know must not be passed over.
 */
export class ImportedNode {
  private readonly asked = new Set<string>();
  private readonly used = new Set<number>();

  /**
   * @param file what to call the model in errors.
   * @param inputs undefined where an optional one is left out.
   * @param opset version of the op's domain.
   */
  constructor(
    private readonly file: string,
    private readonly proto: NodeProto,
    readonly inputs: readonly (Value | undefined)[],
    readonly opset: number,
  ) {}

  get op(): string {
    return this.proto.opType;
  }

  get outputs(): number {
    return this.proto.outputs.length;
  }

  value(index: number): Value {
    return this.optional(index) ?? this.refuse(`has no input ${index}`);
  }

  optional(index: number): Value | undefined {
    this.used.add(index);
    return this.inputs[index];
  }

  /** Every input, none of them left out. */
  values(): Value[] {
    return this.inputs.map((_, index) => this.value(index));
  }

  tensor(index: number): Tensor {
    return tensorOf(this.value(index));
  }

  optionalTensor(index: number): Tensor | undefined {
    const value = this.optional(index);
    return value && tensorOf(value);
  }

  /** Numbers that must be known before the model runs. */
  known(index: number, what: string): Known {
    const value = this.value(index);
    return isKnown(value) ? value : this.refuse(`its ${what} depend on the image; they must be known beforehand`);
  }

  numbers(index: number, what: string): number[] {
    return [...this.known(index, what).known];
  }

  optionalNumbers(index: number, what: string): number[] | undefined {
    return this.optional(index) && this.numbers(index, what);
  }

  /** A list that was an attribute before some opset and an input since. */
  listOf(attribute: string, index: number): number[] | undefined {
    return this.ints(attribute) ?? this.optionalNumbers(index, attribute);
  }

  int(name: string, otherwise: number): number {
    return this.attribute(name, 'int') ?? otherwise;
  }

  flag(name: string, otherwise = false): boolean {
    return this.int(name, otherwise ? 1 : 0) !== 0;
  }

  ints(name: string): number[] | undefined {
    return this.attribute(name, 'ints');
  }

  float(name: string, otherwise: number): number {
    return this.attribute(name, 'float') ?? otherwise;
  }

  /** One of a few words, the first by default. */
  choice<T extends string>(name: string, words: readonly T[], otherwise: T = words[0]): T {
    const given = this.attribute(name, 'string') ?? otherwise;
    const word = words.find(each => each === given);
    return word ?? this.refuse(`has ${name}="${given}"; supported is ${words.join(', ')}`);
  }

  attribute<T extends Attribute['type']>(name: string, type: T): AttributeValues[T] | undefined {
    this.asked.add(name);
    const attribute = this.proto.attributes.get(name);
    if (!attribute) return undefined;
    if (attribute.type !== type)
      this.refuse(`its attribute ${name} is of the type ${attribute.type}, expected ${type}`);
    return attribute.value as AttributeValues[T];
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    const at = axis < 0 ? axis + rank : axis;
    return at >= 0 && at < Math.max(rank, 1) ? at : this.refuse(`names the axis ${axis} of ${rank}`);
  }

  /** @throws UserError where something was given that the importer did not ask for. */
  finish(): void {
    const ignored = [...this.proto.attributes.keys()].filter(name => !this.asked.has(name));
    if (ignored.length > 0) this.refuse(`has the attribute ${ignored.join(', ')}, which is not supported`);
    const unused = this.inputs.flatMap((value, index) => (value && !this.used.has(index) ? [index] : []));
    if (unused.length > 0) this.refuse(`has the input ${unused.join(', ')}, which is not supported`);
  }

  /** @throws UserError */
  refuse(why: string): never {
    throw this.refusal(why);
  }

  refusal(why: string): UserError {
    const shapes = this.inputs.map(value => (value ? show(value.shape) : 'none')).join(', ');
    return new UserError(
      `${this.file}: the node ${describeNode(this.proto)} cannot be imported: it ${why} (inputs ${shapes})`,
    );
  }
}

/** A node's name and op, for errors. */
export function describeNode({ name, opType, domain, outputs }: NodeProto): string {
  return `"${name || outputs[0]}" (${domain ? `${domain}.` : ''}${opType})`;
}
