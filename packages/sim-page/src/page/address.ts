/**
 * What the page shows, as the part of its address after the `#`: `scene=kill&at=1200`, `free`,
 * `seed=7`, `seed=7&strikes=3,12`.
 */
export interface Address {
  readonly show:
    | { readonly type: "scene"; readonly id: string }
    | {
        readonly type: "seed";
        readonly seed: number;
        /** The strikes that are played; all when undefined. */
        readonly strikes: readonly number[] | undefined;
      }
    | { readonly type: "free" };
  /** Milliseconds on the show's clock; undefined: play from the beginning. */
  readonly at: number | undefined;
}

/** Seeds are 32 bits. */
export const SEED_MAX = 4_294_967_295;

/** Undefined for what says nothing that the page knows. */
export function parseAddress(hash: string): Address | undefined {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const atText = parts.get("at");
  const at = atText !== null && /^\d{1,9}$/.test(atText) ? Number(atText) : undefined;
  const seed = parseSeed(parts.get("seed") ?? "");
  const strikes = parseStrikes(parts.get("strikes"));
  if (seed !== undefined) return { show: { type: "seed", seed, strikes }, at };
  const id = parts.get("scene");
  if (id !== null) return { show: { type: "scene", id }, at };
  return parts.has("free") ? { show: { type: "free" }, at } : undefined;
}

function parseStrikes(text: string | null): readonly number[] | undefined {
  if (text === null || !/^\d{1,6}(,\d{1,6})*$/.test(text)) return undefined;
  return text.split(",").map(Number);
}

/** A seed as a person types it; undefined when it is none. */
export function parseSeed(text: string): number | undefined {
  const seed = /^\d{1,10}$/.test(text.trim()) ? Number(text) : Number.NaN;
  return seed <= SEED_MAX ? seed : undefined;
}

/** @param show - `scene=kill`, `free` or `seed=7`. */
export function addressText(show: string, at: number): string {
  return at === 0 ? `#${show}` : `#${show}&at=${at}`;
}
