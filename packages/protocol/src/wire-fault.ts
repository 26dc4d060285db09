/**
 * How a decoder leaves the middle of a message; never leaves this package.
 *
 * Not an Error: a stack trace costs more than a hostile frame is worth.
 */
import type { ErrorCode, Refusal } from "@fpzk/core";

export class WireFault {
  /** Where in the message, built from the inside out: `groups[3].records[1].id`. */
  path: string;
  readonly reason: string;
  readonly code: ErrorCode;

  constructor(path: string, reason: string, code: ErrorCode = "invalid_argument") {
    this.path = path;
    this.reason = reason;
    this.code = code;
  }

  /** The same fault, one step further out. */
  within(path: string): this {
    this.path = this.path === "" ? path : `${path}.${this.path}`;
    return this;
  }
}

/** The fault as a refusal of what was decoded; anything else thrown is named as a bug. */
export function toRefusal(fault: unknown, what: string): Refusal {
  if (!(fault instanceof WireFault)) {
    return { code: "internal", message: `${what}: ${String(fault).slice(0, 200)}` };
  }
  const path = fault.path === "" ? "" : `${fault.path} `;
  return { code: fault.code, message: `${what}: ${path}${fault.reason}` };
}
