import type { Command } from 'commander';
import { UserError } from '../src/base/errors.ts';

/** Reads an option's value. @throws UserError where it is no number above 0 */
export const above0 =
  (option: string) =>
  (text: string): number => {
    const value = Number(text);
    if (value > 0 && value < Number.POSITIVE_INFINITY) return value;
    throw new UserError(`${option}: expected a number above 0, given "${text}"`);
  };

/** Reads an option's value. @throws UserError where it is no whole number above 0 */
export const positive =
  (option: string) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UserError(`${option}: expected a whole number above 0, given "${text}"`);
  };

/** Runs a command line: what a user got wrong goes to stderr as one line, with the exit code of wrong input. */
export async function runCommand(command: Command): Promise<void> {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
  try {
    await command.parseAsync();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}
