/**
 * Throws when a condition that this program itself must keep does not hold.
 *
 * A failed assert is a bug of FPZK, never a fault of outside data: outside data is refused with a
 * return value or a {@link RegistryError}. Asserts stay on in production.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Marks a place that a closed union makes unreachable. */
export function assertNever(value: never, message: string): never {
  throw new AssertionError(`${message}: ${JSON.stringify(value)}`);
}

/** A broken invariant of FPZK itself. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}
