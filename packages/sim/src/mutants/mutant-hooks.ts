/** Module loader hooks that patch one file of the core. They run in a thread of their own. */
import type { InitializeHook, LoadHook } from "node:module";
import { applyMutant } from "./mutant.js";

/** What the loading thread hands over. */
export interface HookData {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly url: string;
  /** Set to 1 once the file was patched. */
  readonly applied: Int32Array;
}

let patch: HookData | undefined;

export const initialize: InitializeHook<HookData> = (data) => {
  patch = data;
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (patch === undefined || url !== patch.url) return loaded;
  const source = applyMutant(patch, textOf(loaded.source));
  Atomics.store(patch.applied, 0, 1);
  return { ...loaded, source };
};

function textOf(source: unknown): string {
  if (typeof source === "string") return source;
  return new TextDecoder().decode(source as Uint8Array);
}
