import { withInputs } from '../op.ts';
import { count, input, type Rate, rates, type Tensor, topological, VIEWS } from '../tensor.ts';
import { onDemand } from './rewrite.ts';

/** A part of a graph that runs when something of its rate changed. Outputs by name; inputs are its sources. */
export interface Stage {
  rate: Rate;
  /** '' for a stage that all groups share. */
  group: string;
  outputs: Map<string, Tensor>;
}

/**
 * Partial evaluation: cuts a graph by what changes. Nodes that depend on weights alone, or on weights and image
 * alone, become stages of their own, whose results later stages take as inputs; so they run once per training step
 * or once per crop, however many clicks follow. What is frozen stays in whichever stage uses it (constant folding).
 *
 * @param groups sets of outputs that are asked for at different times (a prediction; a loss with its gradients).
 */
export function split(groups: ReadonlyMap<string, ReadonlyMap<string, Tensor>>): Stage[] {
  const outputs = [...groups.values()].flatMap(group => [...group.values()]);
  const rate = new Map<Tensor, number>();
  const order = topological(outputs);
  for (const node of order) {
    const own = node.op === 'input' ? rates.indexOf(node.attributes.rate as Rate) : 0;
    rate.set(node, Math.max(own, ...node.inputs.map(x => rate.get(x)!)));
  }
  const last = Math.max(...outputs.map(y => rate.get(y)!));

  const wanted = new Set(outputs.filter(y => rate.get(y)! < last));
  for (const node of order) for (const x of node.inputs) if (rate.get(x)! < rate.get(node)!) wanted.add(x);
  const made = [...wanted].filter(x => x.inputs.length > 0 && rate.get(x)! > 0);
  // values that a faster stage takes from a slower one
  const boundary = new Map(
    shown(made, x => rate.get(x)!).map((x, i) => [x, input(`value:${i}`, x.shape, rates[rate.get(x)!])]),
  );

  const within = (values: readonly Tensor[], level: number): Tensor[] =>
    replaceSlower(values, value => (rate.get(value)! < level ? boundary.get(value) : undefined));

  const stages: Stage[] = [];
  for (let level = 1; level < last; level++) {
    const values = [...boundary].filter(([value]) => rate.get(value) === level);
    if (values.length === 0) continue;
    const renewed = within(
      values.map(([value]) => value),
      level,
    );
    stages.push({
      rate: rates[level],
      group: '',
      outputs: new Map(values.map(([, name], i) => [name.attributes.name as string, renewed[i]])),
    });
  }
  for (const [group, wanted] of groups) {
    const renewed = within([...wanted.values()], last);
    stages.push({
      rate: rates[last],
      group,
      outputs: new Map([...wanted.keys()].map((name, i) => [name, renewed[i]])),
    });
  }
  return stages;
}

/**
 * What is handed on for some values to be known: themselves, or, where that is less to keep, what they are views of, on
 * which the later stage makes them again. (Bands of a map that see each other's rows would else keep these twice.)
 */
function shown(values: readonly Tensor[], rateOf: (x: Tensor) => number): Tensor[] {
  const found = new Set(values);
  const size = (x: Tensor) => (x.inputs.length > 0 ? count(x.shape) : 0);
  for (let changed = true; changed; ) {
    changed = false;
    const views = new Map<Tensor, Tensor[]>();
    for (const x of found) {
      const [base, gate] = x.inputs;
      if (VIEWS.has(x.op) && !gate && rateOf(base) === rateOf(x)) views.set(base, [...(views.get(base) ?? []), x]);
    }
    for (const [base, of] of views) {
      const more = found.has(base) ? 0 : size(base);
      if (of.reduce((sum, x) => sum + size(x), 0) <= more) continue;
      for (const x of of) found.delete(x);
      if (base.inputs.length > 0) found.add(base);
      changed = true;
    }
  }
  return [...found];
}

/** Rebuilds values on top of the replaced ones, without walking below those. */
function replaceSlower(values: readonly Tensor[], replacement: (value: Tensor) => Tensor | undefined): Tensor[] {
  const whole = onDemand(
    node => replacement(node) !== undefined,
    node => replacement(node) ?? withInputs(node, node.inputs.map(whole)),
  );
  return values.map(whole);
}
