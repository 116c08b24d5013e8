import type { Case, Check, Surroundings } from '../case.ts';
import type { Json, Source } from './source.ts';

/** Reference numbers of one kind: which parts of a JSON file they are, and what is made of them. */
export interface ProtocolKind {
  /** The top-level entries of a file that are of this kind, recognised by what they hold. */
  sections(json: Json): string[];
  cases(source: Source, section: string, around: Surroundings): Case[];
}

/** A kind that is one entry of a fixed name, checked as one case. */
export function sectionKind(
  name: string,
  check: (part: Json, source: Source) => Check[] | Promise<Check[]>,
): ProtocolKind {
  return {
    sections: json => (name in json ? [name] : []),
    cases: source => [{ name: `${source.stem}/${name}`, run: () => check(source.json[name], source) }],
  };
}

/** A kind that is a list under some name; the first element tells. Every element is a case. */
export function listKind(
  section: string,
  isOurs: (first: Json, json: Json) => boolean,
  toCase: (element: Json, source: Source, around: Surroundings) => Case,
): ProtocolKind {
  return {
    sections: json =>
      Array.isArray(json[section]) && json[section].length > 0 && isOurs(json[section][0], json) ? [section] : [],
    cases: (source, _, around) => source.json[section].map((element: Json) => toCase(element, source, around)),
  };
}
