import { count, GraphError, input, type Shape, sameShape, show, type Tensor } from '../graph/tensor.ts';
import type { Initialiser } from './initialisers.ts';
import { zeros } from './initialisers.ts';

/** A parameter that a model asked for. */
export interface Parameter {
  name: string;
  shape: Shape;
  initialise: Initialiser;
  tensor: Tensor;
}

/**
 * Where a model finds its parameters, by the names of its original state dict. A frozen scope gives sources that are
 * bound to loaded weights when the graph is compiled; a trained one gives sources that are fed at every step.
 *
 * @example
 * const backbone = Scope.frozen('backbone');
 * linear(x, backbone.at('blocks.0.attn.proj'), 384);   // backbone.blocks.0.attn.proj.weight, .bias
 */
export class Scope {
  private constructor(
    private readonly prefix: string,
    private readonly rate: 'frozen' | 'weights',
    /** Every parameter asked for so far, by full name. */
    readonly parameters: Map<string, Parameter>,
    private readonly change?: (name: string, tensor: Tensor) => Tensor,
  ) {}

  static frozen(prefix: string): Scope {
    return new Scope(prefix, 'frozen', new Map());
  }

  static trained(prefix: string): Scope {
    return new Scope(prefix, 'weights', new Map());
  }

  at(name: string): Scope {
    return new Scope(`${this.prefix}.${name}`, this.rate, this.parameters, this.change);
  }

  /**
   * The same parameters, which models get as `change` makes them of their name in this scope and their tensor: how an
   * adapter comes into a network that knows nothing of it.
   */
  changed(change: (name: string, tensor: Tensor) => Tensor): Scope {
    const own = this.prefix.length + 1;
    return new Scope(this.prefix, this.rate, this.parameters, (full, tensor) => change(full.slice(own), tensor));
  }

  /** The parameter of that name; asking twice gives the same tensor. */
  get(name: string, shape: Shape, initialise: Initialiser = zeros): Tensor {
    const full = `${this.prefix}.${name}`;
    const known = this.parameters.get(full);
    if (known) {
      if (!sameShape(known.shape, shape)) {
        throw new GraphError(`parameter "${full}": asked for as ${show(known.shape)} and as ${show(shape)}`);
      }
      return this.change?.(full, known.tensor) ?? known.tensor;
    }
    const tensor = input(full, shape, this.rate);
    this.parameters.set(full, { name: full, shape, initialise, tensor });
    return this.change?.(full, tensor) ?? tensor;
  }
}

/** How many numbers a set of parameters holds. */
export const parameterCount = (parameters: Iterable<Parameter>): number =>
  [...parameters].reduce((total, p) => total + count(p.shape), 0);
