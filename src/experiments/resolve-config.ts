import { readFileSync } from 'node:fs';
import { parse, parseDocument } from 'yaml';
import type { z } from 'zod';
import { suggest, UserError } from '../base/errors.ts';
import { type Config, configSchema } from './config.ts';
import { presets } from './presets.ts';

type Tree = { [key: string]: unknown };

interface ConfigChanges {
  /** YAML file whose entries replace the preset's. */
  file?: string;
  /** `path.to.entry=value`, values in YAML; replace those of the file. */
  set?: readonly string[];
  /** Entries of named options; replace all others. */
  overrides?: Tree;
}

export interface ConfigSources extends ConfigChanges {
  preset: string;
}

/**
 * The configuration of a run: preset, then file, then `--set`, then named options.
 *
 * @throws UserError naming the entry that is unknown or has a wrong value
 */
export function resolveConfig({ preset, ...changes }: ConfigSources): Config {
  const base = presets.find(p => p.name === preset);
  if (!base)
    throw new UserError(
      `unknown preset "${preset}": ${suggest(
        preset,
        presets.map(p => p.name),
      )}`,
    );
  return changedConfig(base.config, changes);
}

/** Another configuration with changes, in the order of `resolveConfig`. @throws UserError as there */
export function changedConfig(base: Config, { file, set = [], overrides = {} }: ConfigChanges): Config {
  let tree = structuredClone(base) as unknown as Tree;
  if (file !== undefined) tree = merge(tree, readYaml(file), file, []);
  for (const assignment of set) tree = merge(tree, parseAssignment(assignment), `--set ${assignment}`, []);
  tree = merge(tree, overrides, 'the command line', []);
  return checkConfig(tree, file === undefined ? 'the configuration' : `the configuration with ${file}`);
}

/** @throws UserError */
export function checkConfig(tree: unknown, where: string): Config {
  const result = configSchema.safeParse(tree);
  if (result.success) return result.data;
  const lines = result.error.issues.map(issue => `  ${describe(issue)}`);
  throw new UserError(`${where} does not fit:\n${lines.join('\n')}`);
}

function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.') || '(top)';
  return `${path}: ${issue.message}`;
}

/** @throws UserError where the file is missing, is no YAML or holds no entries */
export function readYaml(file: string): Tree {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read the configuration ${file}: ${(error as Error).message}`);
  }
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new UserError(`${file} is not valid YAML: ${document.errors[0].message}`);
  const tree: unknown = document.toJS();
  if (tree === null) return {};
  if (!isTree(tree)) throw new UserError(`${file} must hold entries such as "seed: 1", found ${JSON.stringify(tree)}`);
  return tree;
}

function parseAssignment(assignment: string): Tree {
  const equals = assignment.indexOf('=');
  if (equals < 1) throw new UserError(`--set ${assignment}: expected path.to.entry=value, such as training.epochs=5`);
  let value: unknown;
  try {
    value = parse(assignment.slice(equals + 1));
  } catch (error) {
    throw new UserError(`--set ${assignment}: the value is not valid YAML (${(error as Error).message})`);
  }
  return assignment
    .slice(0, equals)
    .split('.')
    .reduceRight<unknown>((tree, key) => ({ [key]: tree }), value) as Tree;
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Entries whose own entries have names that the user gives. */
const OPEN = ['upsamplerWeights'];

/** `base` with the entries of `changes`; an entry that `base` does not have is a misspelling. */
function merge(base: Tree, changes: Tree, where: string, path: readonly string[]): Tree {
  const out: Tree = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) continue;
    const full = [...path, key].join('.');
    if (!Object.hasOwn(base, key) && !OPEN.includes(path.join('.'))) {
      throw new UserError(`${where}: unknown entry "${full}": ${suggest(key, Object.keys(base))}`);
    }
    const old = base[key];
    if (isTree(old) && !isTree(value)) {
      throw new UserError(`${where}: "${full}" holds entries (${Object.keys(old).join(', ')}), not a value`);
    }
    out[key] = isTree(old) && isTree(value) ? merge(old, value, where, [...path, key]) : value;
  }
  return out;
}
