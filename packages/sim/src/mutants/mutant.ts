/**
 * A mutant: one deliberate defect, put into the compiled core while it is loaded.
 *
 * A simulator that has never seen a defect proves nothing by finding none. So each mutant breaks
 * one rule of the core, most of them as a known system once broke it, and the hunt must notice.
 * Production code holds no switch for any of this: the source text is patched on its way into a
 * worker process (see mutant-hooks.ts), and the file on disk stays as it is.
 */

/** One deliberate defect. */
export interface Mutant {
  /** Kebab-case, unique. */
  readonly name: string;
  /** What goes wrong for a user, and which class of known failures it re-enacts. */
  readonly story: string;
  /** Compiled file that is patched, below `packages/core/dist`. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** The compiled core, as seen from the compiled folder of this file. */
export function mutatedUrl(mutant: Mutant): string {
  return new URL(`../../../core/dist/${mutant.file}`, import.meta.url).href;
}

/**
 * The patched text of a mutant's file.
 *
 * @throws Error when `find` does not occur exactly once: the core has changed, and the mutant with
 * it must be written anew.
 */
export function applyMutant(
  mutant: Pick<Mutant, "name" | "file" | "find" | "replace">,
  source: string,
): string {
  const count = source.split(mutant.find).length - 1;
  if (count !== 1) {
    throw new Error(
      `mutant ${mutant.name}: its text must occur once in core/dist/${mutant.file}, and occurs ` +
        `${count} times: ${mutant.find}`,
    );
  }
  return source.replace(mutant.find, () => mutant.replace);
}
