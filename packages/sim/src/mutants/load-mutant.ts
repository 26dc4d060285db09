/** Makes this process load the core with one defect. Call before anything imports the core. */
import { register } from "node:module";
import { type Mutant, mutatedUrl } from "./mutant.js";
import type { HookData } from "./mutant-hooks.js";

/** @returns Whether the defect is in place: true once the core was imported. */
export function loadMutant(mutant: Mutant): () => boolean {
  const applied = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const { name, file, find, replace } = mutant;
  const data: HookData = { name, file, find, replace, url: mutatedUrl(mutant), applied };
  register("./mutant-hooks.js", { parentURL: import.meta.url, data });
  return () => Atomics.load(applied, 0) === 1;
}
